/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --dependency speaks Slurm: kinds with ids behind colons, `,` between those that are all needed or
 * `?` between those of which one is enough, not both; `singleton` stands alone. Where Slurm takes
 * an id, `last` is the newest own job, and in a flow file the name of an entry is that job. Used by
 * the commands that submit, flow_file.c and info.
 */
#include "client/cmd/dependency.h"

#include <errno.h>
#include <string.h>

#include "common/parse.h"

#include "client/cmd/select.h"

static int dependency_add_one(struct jobctl_spec *spec, enum jobctl_dependency kind,
                              const char *word, const struct dependency_names *names,
                              struct reason *why)
{
        const size_t place = names->find ? names->find(names->arg, word) : SIZE_MAX;
        uint64_t id = 0;
        int r;

        if (place != SIZE_MAX) {
                r = jobctl_spec_add_sibling(spec, kind, place);
                return r ? FAULT(-ENOMEM) : 0;
        }
        if (strcmp(word, "last") == 0 && names->last_id)
                id = names->last_id;
        else if (parse_u64(word, "dependency", 1, INT64_MAX, &id, NULL))
                return reason_set(why, DEPENDENCY_E_BAD,
                                  names->find
                                          ? "'%s' is neither an entry of the flow nor a job's id"
                                          : "--dependency: '%s' is no job's id",
                                  word);
        r = jobctl_spec_add_dependency(spec, kind, id);
        return r ? FAULT(-ENOMEM) : 0;
}

/* One item: KIND:ID[:ID...], or singleton. `text` is cut into pieces. */
static int dependency_add_item(struct jobctl_spec *spec, char *text,
                               const struct dependency_names *names, struct reason *why)
{
        char *rest = text;
        const char *const word = strsep(&rest, ":");
        const enum jobctl_dependency kind = jobctl_dependency_from_name(word);
        const char *id;
        int r = 0;

        if (kind == JOBCTL_DEPENDENCY_NONE)
                return reason_set(why, DEPENDENCY_E_BAD,
                                  "--dependency: '%s' is no kind: after, afterok, afterany, "
                                  "afternotok, aftercorr (each with :ID) or singleton",
                                  word);
        if (kind == JOBCTL_DEPENDENCY_SINGLETON) {
                if (rest)
                        return reason_set(why, DEPENDENCY_E_BAD,
                                          "--dependency: singleton takes no id");
                return jobctl_spec_add_dependency(spec, kind, 0) ? FAULT(-ENOMEM) : 0;
        }
        if (!rest)
                return reason_set(why, DEPENDENCY_E_BAD, "--dependency: %s needs a job, %s:ID",
                                  word, word);
        while (r == 0 && (id = strsep(&rest, ":")))
                r = dependency_add_one(spec, kind, id, names, why);
        return r;
}

int dependency_add(struct jobctl_spec *spec, const char *text, const struct dependency_names *names,
                   struct reason *why)
{
        const bool any = strchr(text, '?');
        _cleanup_(freep) char *copy = strdup(text);
        char *rest = copy;
        char *item;
        int r = 0;

        if (!copy)
                return FAULT(-ENOMEM);
        if (any && strchr(text, ','))
                return reason_set(why, DEPENDENCY_E_BAD,
                                  "--dependency: either ',' (all of them) or '?' (one of them), "
                                  "not both: '%s'",
                                  text);
        while (r == 0 && (item = strsep(&rest, any ? "?" : ",")))
                r = dependency_add_item(spec, item, names, why);
        if (r == 0 && any && jobctl_spec_set_number(spec, JOBCTL_SPEC_DEPENDENCIES_ANY, 1))
                r = FAULT(-ENOMEM);
        return r;
}

bool dependency_names_last(const char *text)
{
        const char *at = text;

        while (at && (at = strstr(at, ":last"))) {
                at += strlen(":last");
                if (*at == '\0' || strchr(":,?", *at))
                        return true;
        }
        return false;
}

static int dependency_on_job(void *arg, const struct jobctl_item *job)
{
        *(uint64_t *)arg = jobctl_number_or(job, JOBCTL_JOB_ID, 0);
        return 0;
}

int dependency_find_last(struct app *app, uint64_t *out_id)
{
        char word[] = "last";
        char *words[] = { word, NULL };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        int r;

        *out_id = 0;
        if (!app_connection(app))
                return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
        r = select_words(app, words, 1, &selector);
        if (r == 0)
                r = select_each(app, selector, dependency_on_job, out_id);
        if (r == 0 && *out_id == 0)
                r = app_fail(app, EXIT_CODE_NO_SUCH_JOB, "there is no last job to wait for");
        return r;
}

char *dependency_describe(const struct jobctl_item *job)
{
        const size_t count = jobctl_count(job, JOBCTL_JOB_DEPENDENCIES);
        const struct jobctl_item *const spec = jobctl_get_item(job, JOBCTL_JOB_SPEC);
        const bool any = jobctl_number_or(spec, JOBCTL_SPEC_DEPENDENCIES_ANY, 0) != 0;
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        if (count == 0)
                return NULL;
        out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        for (size_t i = 0; i < count; i++) {
                const struct jobctl_item *const one =
                        jobctl_get_item_at(job, JOBCTL_JOB_DEPENDENCIES, i);

                fprintf(out, "%s%s:%llu",
                        i == 0 ? ""
                        : any  ? "?"
                               : ",",
                        jobctl_dependency_name(
                                (unsigned int)jobctl_number_or(one, JOBCTL_DEPENDENCY_KIND, 0)),
                        (unsigned long long)jobctl_number_or(one, JOBCTL_DEPENDENCY_JOB, 0));
        }
        if (fclose(out)) {
                free(text);
                return NULL;
        }
        return text;
}
