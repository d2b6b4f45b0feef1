/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything about a start that needs memory, names or judgement, done before the child exists, so
 * that the child has only to obey. In system mode this is where the root side protects itself: the
 * uid must pass the policy, the groups come from the name services and never from a message, the
 * gid of the submitter is used only if it is one of the user's, and limits go down, never up.
 *
 * A job that is refused here leaves no trace: no GO is recorded and no file is touched.
 *
 * Called by runner.c for each start.
 */
#include "worker/prepare.h"

#include <errno.h>
#include <string.h>

#include "common/file_pattern.h"

#include "worker/cgroup.h"

#define PREPARE_PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

static int prepare_list_processors(struct prepare_site *site, const cpu_set_t *set, size_t bytes)
{
        site->processors = calloc((size_t)CPU_COUNT_S(bytes, set) + 1, sizeof(*site->processors));
        if (!site->processors)
                return FAULT(-ENOMEM);
        for (uint32_t i = 0; i < bytes * 8; i++)
                if (CPU_ISSET_S(i, bytes, set))
                        site->processors[site->processors_count++] = i;
        return 0;
}

/* The kernel says EINVAL as long as the set is smaller than its own: cpu_set_t ends at 1024. */
static int prepare_find_processors(struct prepare_site *site)
{
        for (size_t room = 1024; room <= WIRE_CORE_MAX + 1U; room *= 4) {
                cpu_set_t *set = CPU_ALLOC(room);
                int r = set ? 0 : -ENOMEM;

                if (r == 0 && sched_getaffinity(0, CPU_ALLOC_SIZE(room), set) < 0)
                        r = -errno;
                else if (r == 0)
                        r = prepare_list_processors(site, set, CPU_ALLOC_SIZE(room));
                CPU_FREE(set);
                if (r != -EINVAL)
                        return r ? FAULT(r) : 0;
        }
        return FAULT(-EINVAL);
}

void prepare_site_deinit(struct prepare_site *site)
{
        free(site->processors);
        site->processors = NULL;
        site->processors_count = 0;
}

int prepare_site_init(struct prepare_site *site)
{
        int r;

        r = prepare_find_processors(site);
        if (r)
                return PASS(r);
        site->pid = getpid();
        for (int i = 0; i < (int)RLIMIT_NLIMITS; i++)
                if (getrlimit((__rlimit_resource_t)i, &site->own[i]) < 0)
                        return FAULT(-errno);
        return 0;
}

static char *prepare_copy(const ProtobufCBinaryData *data)
{
        char *text = malloc(data->len + 1);

        if (!text)
                return NULL;
        if (data->len)
                memcpy(text, data->data, data->len);
        text[data->len] = '\0';
        return text;
}

/* The pointers and the words behind them, as one piece of memory. */
static char **prepare_argv(const Jobd__Spec *spec)
{
        size_t size = (spec->n_argv + 1) * sizeof(char *);
        char **argv, *text;

        for (size_t i = 0; i < spec->n_argv; i++)
                size += spec->argv[i].len + 1;
        argv = calloc(1, size);
        if (!argv)
                return NULL;
        text = (char *)(argv + spec->n_argv + 1);
        for (size_t i = 0; i < spec->n_argv; i++) {
                argv[i] = text;
                if (spec->argv[i].len)
                        memcpy(text, spec->argv[i].data, spec->argv[i].len);
                text += spec->argv[i].len;
                *text++ = '\0';
        }
        argv[spec->n_argv] = NULL;
        return argv;
}

static int prepare_user(const struct prepare_site *site, const struct lease *lease,
                        struct environment_facts *facts, struct spawn_plan *plan,
                        struct reason *why)
{
        const struct names_user *user;
        int r;

        if (policy_judge_uid(site->policy, lease->uid, why))
                return PREPARE_E_REFUSED;
        r = names_find(site->names, lease->uid, &user, why);
        if (r > 0)
                return PREPARE_E_REFUSED;
        if (r)
                return PASS(r);
        plan->is_system = true;
        plan->uid = user->uid;
        plan->gid = names_choose_gid(user, lease->gid);
        plan->groups = user->groups;
        plan->groups_count = user->groups_count;
        plan->reset_oom_score = site->reset_oom_score;
        facts->user = user->name;
        facts->home = user->home;
        facts->shell = user->shell;
        return 0;
}

/* In user mode the name is wanted only by a pattern; a user without one is called by the default.
 */
static void prepare_user_name(const struct prepare_site *site, const struct lease *lease,
                              struct environment_facts *facts)
{
        const ProtobufCBinaryData *patterns[] = { &lease->what->spec->input_path,
                                                  &lease->what->spec->output_path,
                                                  &lease->what->spec->error_path };
        const struct names_user *user;

        for (size_t i = 0; i < ARRAY_SIZE(patterns) && !facts->user; i++)
                if (patterns[i]->len && memmem(patterns[i]->data, patterns[i]->len, "%u", 2) &&
                    names_find(site->names, lease->uid, &user, NULL) == 0)
                        facts->user = user->name;
}

static void prepare_add_limit(const struct prepare_site *site, struct preparation *out,
                              int resource, rlim_t soft, rlim_t hard)
{
        const struct rlimit *own = &site->own[resource];
        const rlim_t ceiling = site->is_system ? site->policy->ceilings[resource] : own->rlim_max;
        struct spawn_limit *limit = &out->limits[out->plan.limits_count];

        limit->resource = resource;
        limit->limit.rlim_max = MIN(hard, ceiling);
        limit->limit.rlim_cur = MIN(soft, limit->limit.rlim_max);
        if (limit->limit.rlim_max != own->rlim_max || limit->limit.rlim_cur != own->rlim_cur)
                out->plan.limits_count++;
}

/*
 * Each resource once: as captured from the submitter, else as we have it ourselves; never above
 * the ceiling. Without a cgroup the job's memory is limited for each of its processes, and to no
 * less than such a group would be: nothing could be executed.
 */
static void prepare_limits(const struct prepare_site *site, const Jobd__Spec *spec,
                           struct preparation *out)
{
        const Jobd__Rlimit *captured[RLIMIT_NLIMITS] = { NULL };

        for (size_t i = 0; i < spec->n_rlimits; i++)
                if (spec->rlimits[i]->resource < RLIMIT_NLIMITS)
                        captured[spec->rlimits[i]->resource] = spec->rlimits[i];
        for (int resource = 0; resource < (int)RLIMIT_NLIMITS; resource++) {
                const Jobd__Rlimit *const own = captured[resource];
                rlim_t soft = own ? (rlim_t)own->soft : site->own[resource].rlim_cur;
                rlim_t hard = own ? (rlim_t)own->hard : site->own[resource].rlim_max;

                if (resource == RLIMIT_DATA && spec->memory_bytes && !site->has_cgroup)
                        soft = hard =
                                MIN(hard, (rlim_t)MAX(spec->memory_bytes, CGROUP_MEMORY_MIN_BYTES));
                prepare_add_limit(site, out, resource, soft, hard);
        }
        out->plan.limits = out->limits;
}

/*
 * Core n of jobd's books is the n-th processor that this worker may use. A job that has one that is
 * not there (the configuration names more cores than the machine has) may run on all of them.
 */
static int prepare_affinity(const struct prepare_site *site, const struct lease *lease,
                            struct preparation *out)
{
        const size_t room = site->processors[site->processors_count - 1] + 1U;
        struct spawn_plan *plan = &out->plan;

        if (!lease->is_bound || !lease->cores_count)
                return 0;
        for (size_t i = 0; i < lease->cores_count; i++)
                if (lease->cores[i] >= site->processors_count)
                        return 0;
        out->affinity = CPU_ALLOC(room);
        if (!out->affinity)
                return FAULT(-ENOMEM);
        plan->affinity = out->affinity;
        plan->affinity_bytes = CPU_ALLOC_SIZE(room);
        CPU_ZERO_S(plan->affinity_bytes, out->affinity);
        for (size_t i = 0; i < lease->cores_count; i++)
                CPU_SET_S(site->processors[lease->cores[i]], plan->affinity_bytes, out->affinity);
        return 0;
}

static int prepare_path(const ProtobufCBinaryData *pattern, const struct file_pattern_facts *facts,
                        char **out_path)
{
        if (!pattern->len)
                return 0;
        *out_path = file_pattern_expand(pattern->data, pattern->len, facts);
        return *out_path ? 0 : FAULT(-ENOMEM);
}

static int prepare_paths(const Jobd__Spec *spec, const struct environment_facts *facts,
                         struct preparation *out)
{
        const struct file_pattern_facts names = {
                .job = facts->job,
                .number = facts->is_array ? facts->array_index : facts->task,
                .name = facts->name,
                .user = facts->user,
        };
        int r;

        r = prepare_path(&spec->input_path, &names, &out->input_path);
        if (r == 0)
                r = prepare_path(&spec->output_path, &names, &out->output_path);
        if (r == 0)
                r = prepare_path(&spec->error_path, &names, &out->error_path);
        if (r)
                return PASS(r);
        out->cwd = spec->has_cwd && spec->cwd.len ? prepare_copy(&spec->cwd) : strdup("/");
        if (!out->cwd)
                return FAULT(-ENOMEM);
        out->plan.cwd = out->cwd;
        out->plan.input_path = out->input_path;
        out->plan.output_path = out->output_path;
        out->plan.error_path = out->error_path;
        out->plan.output_append = spec->output_append;
        return 0;
}

/* The task's own argv: a map's template, filled with its values. */
static int prepare_expand(const struct lease *lease, uint32_t slot, char ***out_argv,
                          struct reason *why)
{
        const size_t room = lease->what->spec->map_values;
        _cleanup_(freep) struct template_word *values = calloc(room, sizeof(*values));
        struct template_facts facts = {
                .values = values,
                .sequence = lease->task + 1,
                .slot = slot,
        };
        size_t count, argc;
        int r;

        if (!values)
                return FAULT(-ENOMEM);
        count = template_split(lease->values, lease->values_bytes, values, room);
        facts.values_count = MIN(count, room);
        r = template_expand(lease->what->template, &facts, out_argv, &argc, why);
        if (r < 0)
                return PASS(r);
        return r > 0 ? PREPARE_E_COMMAND : 0;
}

static int prepare_command(const struct lease *lease, uint32_t slot, struct preparation *out,
                           struct reason *why)
{
        const char *path = environment_find(&out->environment, "PATH");
        int r;

        if (lease->what->template) {
                r = prepare_expand(lease, slot, &out->argv, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        } else {
                out->argv = prepare_argv(lease->what->spec);
        }
        if (!out->argv)
                return FAULT(-ENOMEM);
        out->candidates =
                spawn_list_candidates(out->argv[0], path && *path ? path : PREPARE_PATH_DEFAULT);
        if (!out->candidates)
                return FAULT(-ENOMEM);
        out->plan.argv = out->argv;
        out->plan.envp = out->environment.entries;
        out->plan.candidates = (const char *const *)out->candidates;
        return 0;
}

static int prepare_fill(const struct prepare_site *site, const struct lease *lease,
                        struct preparation *out, struct reason *why)
{
        const Jobd__Spec *spec = lease->what->spec;
        struct environment_facts facts = {
                .job = lease->job,
                .task = lease->task,
                .array_index = lease->array_index,
                .is_array = lease->is_array,
                .attempt = lease->attempt,
                .slot = lease->job_slot ? lease->job_slot : site->slot,
                .resource_env = lease->resource_env,
                .resource_env_bytes = lease->resource_env_bytes,
                .name = spec->name && *spec->name ? spec->name : NULL,
                .socket = *site->socket ? site->socket : NULL,
        };
        int r;

        if (site->is_system)
                r = prepare_user(site, lease, &facts, &out->plan, why);
        else
                prepare_user_name(site, lease, &facts), r = 0;
        if (r)
                return r < 0 ? PASS(r) : r;
        r = environment_build(lease->what->environment, spec, &facts, &out->environment);
        if (r == 0)
                r = prepare_paths(spec, &facts, out);
        if (r == 0)
                r = prepare_affinity(site, lease, out);
        if (r == 0)
                r = prepare_command(lease, facts.slot, out, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        prepare_limits(site, spec, out);
        out->plan.umask = (mode_t)((spec->has_umask ? spec->umask : 022U) & 0777U);
        out->plan.nice = spec->has_nice ? spec->nice : 0;
        return 0;
}

int prepare_job(const struct prepare_site *site, const struct lease *lease, struct preparation *out,
                struct reason *why)
{
        int r;

        memset(out, 0, sizeof(*out));
        out->plan.in_fd = out->plan.out_fd = out->plan.err_fd = -1;
        out->plan.cgroup_procs_fd = -1;
        out->plan.null_fd = site->null_fd;
        r = prepare_fill(site, lease, out, why);
        if (r)
                preparation_deinit(out);
        return r < 0 ? PASS(r) : r;
}

void preparation_deinit(struct preparation *preparation)
{
        environment_deinit(&preparation->environment);
        free(preparation->argv);
        free(preparation->candidates);
        free(preparation->cwd);
        free(preparation->input_path);
        free(preparation->output_path);
        free(preparation->error_path);
        CPU_FREE(preparation->affinity);
        memset(preparation, 0, sizeof(*preparation));
}
