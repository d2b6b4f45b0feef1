/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the words of a map mean.
 *
 *     jobctl map [OPTIONS] [COMMAND...] [::: WORD...] [:::+ WORD...] [:::: FILE...] [::::+ FILE...]
 *
 * Spelling and meaning are GNU parallel's. Each ::: is one source, each file of :::: is one; a plus
 * links a source to the one before instead of crossing it. -a names files that stand before them.
 * Without any, lines of stdin are the source. Without a command, each input is a line for a shell.
 *
 * Where we differ on purpose: a command of several words is a vector and meets no shell; -j 0 is
 * refused, since "as many as there are" is what one gets without -j.
 *
 * The plan borrows all words from argv. Reading the inputs is map_input.c's.
 */
#include "client/cmd/map_options.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/parse.h"
#include "common/template.h"

#define AT(field) offsetof(struct map_options, field)

#define MAP_PLAN_SOURCES_MAX 1000
#define MAP_PLAN_WIDTH_MAX 1000000
#define MAP_PLAN_PER_TASK_MAX 100000

/* clang-format off */
const struct option_row map_option_rows[] = {
        { OPTION_TEXT, 'j', "jobs", "N", "at most N at once (also 50%, +1, -1: of the cores)", AT(jobs), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 'P', "max-procs", "N", "the same", AT(jobs), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'n', "max-args", "N", "N inputs in each task", AT(per_task), 1, MAP_PLAN_PER_TASK_MAX, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'N', "max-replace-args", "N", "the same", AT(per_task), 1, MAP_PLAN_PER_TASK_MAX, false, COMPLETE_NONE },
        { OPTION_LIST, 'a', "arg-file", "FILE", "inputs are the lines of FILE (-: stdin)", AT(files), 0, 0, false, COMPLETE_FILE },
        { OPTION_FLAG, '0', "null", NULL, "inputs in files end with a zero byte", AT(null), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'C', "colsep", "REGEX", "split each input into {1} {2}... at REGEX", AT(colsep), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 'k', "keep-order", NULL, "output in the order of the inputs", AT(keep_order), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "tag", NULL, "the input before each line of output", AT(tag), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "line-buffer", NULL, "lines of output as they come, mixed", AT(line_buffer), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "bar", NULL, "show how far it is", AT(bar), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "progress", NULL, "the same", AT(progress), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "eta", NULL, "the same", AT(eta), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "halt", "WHEN,WHY", "give up: now|soon,fail|success|done=N or N%", AT(halt), 0, 0, true, COMPLETE_HALT },
        { OPTION_NUMBER, 0, "retries", "N", "try a failing task N times in all", AT(tries), 1, 1001, true, COMPLETE_NONE },
        { OPTION_DURATION, 0, "timeout", "DURATION", "end a task after so long", AT(job.time_limit), 1, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 't', "time-limit", "DURATION", "the same", AT(job.time_limit), 1, 0, true, COMPLETE_NONE },
        { OPTION_DURATION, 0, "delay", "DURATION", "pause between two starts", AT(delay), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "joblog", "FILE", "a line for each task, as parallel writes it", AT(joblog), 0, 0, false, COMPLETE_FILE },
        { OPTION_TEXT, 0, "results", "DIR", "output in files, DIR/1/INPUT/stdout and so on", AT(results), 0, 0, false, COMPLETE_FOLDER },
        { OPTION_FLAG, 0, "resume", NULL, "leave out what --joblog or --results has", AT(resume), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "resume-failed", NULL, "the same, but run what failed again", AT(resume_failed), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "dry-run", NULL, "only show the commands", AT(job.dry_run), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "shell", NULL, "the words are one line for /bin/sh", AT(job.shell), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "no-shell", NULL, "a word with spaces is a program all the same", AT(no_shell), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "on-done", "CMD", "run CMD here for each task that ended", AT(on_done), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "detach-on-interrupt", NULL, "Ctrl-C leaves the job running", AT(detach), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 'J', "name", "NAME", "a name to find it by", AT(job.name), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "cwd", "DIR", "run it there instead of here", AT(job.cwd), 0, 0, false, COMPLETE_FOLDER },
        { OPTION_LIST, 0, "env", "K=V", "set a variable (K alone: as it is here)", AT(job.env), 0, 0, false, COMPLETE_ENV },
        { OPTION_TEXT, 0, "export", "WHAT", "variables to hand on: ALL, NONE, or A,B", AT(job.export), 0, 0, true, COMPLETE_EXPORT },
        { OPTION_SIZE, 0, "output-cap", "SIZE", "keep at most SIZE of output of each task", AT(job.output_cap), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "signal", "SIG@TIME", "send SIG so long before the limit", AT(job.warn), 0, 0, false, COMPLETE_SIGNAL_AT },
        { OPTION_DURATION, 0, "grace", "DURATION", "from TERM to KILL", AT(job.grace), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "retry-on", "CODES", "--retries only after these exit codes (1,5-7)", AT(job.retry_on), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "retry-delay", "DURATION", "pause before a retry; doubles", AT(job.retry_delay), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "requeue", NULL, "run a task again when its outcome is unknown", AT(job.requeue), 0, 0, true, COMPLETE_NONE },
        { OPTION_TIME, 0, "begin", "TIME", "not before TIME (now+1h, 18:00, RFC 3339)", AT(job.begin), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "nice", "N", "be nicer by N", AT(job.nice), 0, 19, true, COMPLETE_NONE },
        { OPTION_LIST, 0, "label", "K=V", "a label", AT(job.labels), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'q', "queue", "NAME", "put it into this queue", AT(job.queue), 0, 0, true, COMPLETE_QUEUE },
        { OPTION_NUMBER, 'c', "cpus", "N", "cores for each task", AT(job.cpus), 1, 65536, true, COMPLETE_NONE },
        { OPTION_SIZE, 0, "mem", "SIZE", "memory for each task", AT(job.memory), 1, 0, true, COMPLETE_NONE },
        { OPTION_LIST, 0, "resource", "NAME=N", "each task takes N units of a named resource", AT(job.resources), 0, 0, false, COMPLETE_RESOURCE_UNITS },
        { OPTION_LIST, 0, "lock", "NAME[:shared]", "each task runs while holding this lock", AT(job.locks), 0, 0, false, COMPLETE_LOCK },
        { OPTION_TEXT, 'd', "dependency", "KIND:ID", "wait for others: afterok:17:18,afterany:last", AT(job.dependency), 0, 0, false, COMPLETE_DEPENDENCY },
        { OPTION_FLAG, 0, "keep-waiting", NULL, "stay queued when that cannot come true any more", AT(job.keep_waiting), 0, 0, true, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

struct map_plan *map_plan_free(struct map_plan *plan)
{
        if (!plan)
                return NULL;
        free(plan->sources);
        free(plan->command);
        free(plan);
        return NULL;
}

/* ------------------------------------------------------------------- options with a grammar */

/* Cores that this process may use: what parallel's percentages count. */
static uint64_t map_plan_count_cores(void)
{
        cpu_set_t set;
        long online;

        if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
                return (uint64_t)CPU_COUNT(&set);
        online = sysconf(_SC_NPROCESSORS_ONLN);
        return online > 0 ? (uint64_t)online : 1;
}

/* -j: N, N% of the cores (rounded up), +N and -N: more and fewer than there are cores. */
static int map_plan_read_jobs(struct map_plan *plan, struct reason *why)
{
        const char *const text = plan->options->jobs;
        const bool relative = text && (text[0] == '+' || text[0] == '-');
        const size_t length = text ? strlen(text) : 0;
        _cleanup_(freep) char *number = NULL;
        uint64_t value = 0;

        if (!text)
                return 0;
        number = strdup(text + (relative ? 1 : 0));
        if (!number)
                return FAULT(-ENOMEM);
        if (!relative && length > 1 && text[length - 1] == '%') {
                number[length - 1] = '\0';
                if (parse_u64(number, "-j", 1, 100000, &value, why))
                        return MAP_OPTIONS_E_BAD;
                value = (map_plan_count_cores() * value + 99) / 100;
        } else if (parse_u64(number, "-j", 0, MAP_PLAN_WIDTH_MAX, &value, why)) {
                return MAP_OPTIONS_E_BAD;
        } else if (relative && text[0] == '+') {
                value += map_plan_count_cores();
        } else if (relative) {
                const uint64_t cores = map_plan_count_cores();

                value = cores > value ? cores - value : 1;
        } else if (value == 0) {
                return reason_set(why, MAP_OPTIONS_E_BAD,
                                  "-j 0 would run nothing: give a number of tasks at once, or "
                                  "leave -j out to use all workers");
        }
        plan->width = (uint32_t)value;
        return 0;
}

static int map_plan_refuse_halt(const struct map_plan *plan, struct reason *why)
{
        return reason_set(why, MAP_OPTIONS_E_BAD,
                          "--halt is now or soon, a comma, and fail, success or done with =N or "
                          "=N%% (now,fail=1 or soon,done=10%%), not '%s'",
                          plan->options->halt);
}

/* The text behind the first of `words` that `text` begins with; *out_index is which. NULL: none. */
static const char *map_plan_skip_word(const char *text, const char *const *words, size_t count,
                                      size_t *out_index)
{
        for (size_t i = 0; i < count; i++) {
                const size_t length = strlen(words[i]);

                if (strncmp(text, words[i], length) == 0) {
                        *out_index = i;
                        return text + length;
                }
        }
        return NULL;
}

static int map_plan_read_halt(struct map_plan *plan, struct reason *why)
{
        static const char *const whens[] = { "soon,", "now," };
        static const char *const whys[] = { "fail=", "success=", "done=" };
        const char *text = plan->options->halt;
        _cleanup_(freep) char *number = NULL;
        size_t when, what, length;
        uint64_t value;
        bool percent;

        if (!text || strcmp(text, "never") == 0)
                return 0;
        text = map_plan_skip_word(text, whens, ARRAY_SIZE(whens), &when);
        if (text)
                text = map_plan_skip_word(text, whys, ARRAY_SIZE(whys), &what);
        if (!text)
                return map_plan_refuse_halt(plan, why);
        number = strdup(text);
        if (!number)
                return FAULT(-ENOMEM);
        length = strlen(number);
        percent = length > 0 && number[length - 1] == '%';
        if (percent)
                number[length - 1] = '\0';
        if (parse_u64(number, "halt", 1, percent ? 100 : UINT32_MAX, &value, NULL))
                return map_plan_refuse_halt(plan, why);
        plan->halt_now = when == 1;
        plan->halt_on = (enum map_halt)(MAP_HALT_FAIL + what);
        if (percent)
                plan->halt_percent = (uint32_t)value;
        else
                plan->halt_count = value;
        return 0;
}

static int map_plan_read_resume(struct map_plan *plan, struct reason *why)
{
        const struct map_options *const options = plan->options;

        plan->resume = options->resume || options->resume_failed;
        if (options->resume_failed && !options->joblog)
                return reason_set(why, MAP_OPTIONS_E_BAD,
                                  "--resume-failed reads what failed from --joblog FILE: give it "
                                  "too");
        if (plan->resume && !options->joblog && !options->results)
                return reason_set(why, MAP_OPTIONS_E_BAD,
                                  "--resume needs the --joblog FILE or the --results DIR of the "
                                  "run before");
        return 0;
}

static int map_plan_read_plain(struct map_plan *plan, struct reason *why)
{
        const struct map_options *const options = plan->options;

        if (options->job.shell && options->no_shell)
                return reason_set(why, MAP_OPTIONS_E_BAD,
                                  "--shell and --no-shell contradict each other");
        if (options->joblog && (!*options->joblog || strcmp(options->joblog, "-") == 0))
                return reason_set(why, MAP_OPTIONS_E_BAD, "--joblog needs the name of a file");
        if (options->results && !*options->results)
                return reason_set(why, MAP_OPTIONS_E_BAD, "--results needs the name of a folder");
        plan->per_task = options->per_task.given ? (uint32_t)options->per_task.value : 1;
        plan->delay_usec = options->delay.value;
        plan->show_progress = options->bar || options->progress || options->eta;
        if (options->tries.given)
                plan->job.retries =
                        (struct option_number){ .given = true, .value = options->tries.value - 1 };
        return 0;
}

/* ------------------------------------------------------------------------ command and sources */

enum map_plan_mark {
        MAP_PLAN_MARK_NONE,
        MAP_PLAN_MARK_WORDS,
        MAP_PLAN_MARK_WORDS_LINKED,
        MAP_PLAN_MARK_FILES,
        MAP_PLAN_MARK_FILES_LINKED,
};

static enum map_plan_mark map_plan_get_mark(const char *word)
{
        static const char *const marks[] = {
                [MAP_PLAN_MARK_WORDS] = ":::",
                [MAP_PLAN_MARK_WORDS_LINKED] = ":::+",
                [MAP_PLAN_MARK_FILES] = "::::",
                [MAP_PLAN_MARK_FILES_LINKED] = "::::+",
        };

        for (size_t i = 1; i < ARRAY_SIZE(marks); i++)
                if (strcmp(word, marks[i]) == 0)
                        return (enum map_plan_mark)i;
        return MAP_PLAN_MARK_NONE;
}

static int map_plan_add_source(struct map_plan *plan, const struct map_source *source,
                               struct reason *why)
{
        if (source->linked && plan->sources_count == 0)
                return reason_set(why, MAP_OPTIONS_E_BAD,
                                  "%s links its inputs to the source before it, and there is none",
                                  source->file ? "::::+" : ":::+");
        if (plan->sources_count >= MAP_PLAN_SOURCES_MAX)
                return reason_set(why, MAP_OPTIONS_E_BAD, "there are more than %d input sources",
                                  MAP_PLAN_SOURCES_MAX);
        if (source->file && strcmp(source->file, "-") == 0)
                for (size_t i = 0; i < plan->sources_count; i++)
                        if (plan->sources[i].file && strcmp(plan->sources[i].file, "-") == 0)
                                return reason_set(why, MAP_OPTIONS_E_BAD,
                                                  "stdin (-) can be only one input source");
        plan->sources[plan->sources_count++] = *source;
        return 0;
}

/* The words from args[at], a mark, up to the next one. */
static int map_plan_add_marked(struct map_plan *plan, char **args, size_t at, size_t end,
                               struct reason *why)
{
        const enum map_plan_mark mark = map_plan_get_mark(args[at]);
        struct map_source source = {
                .linked = mark == MAP_PLAN_MARK_WORDS_LINKED || mark == MAP_PLAN_MARK_FILES_LINKED,
        };

        if (mark == MAP_PLAN_MARK_WORDS || mark == MAP_PLAN_MARK_WORDS_LINKED) {
                source.words = (const char *const *)args + at + 1;
                source.words_count = end - at - 1;
                return map_plan_add_source(plan, &source, why);
        }
        if (end == at + 1)
                return reason_set(why, MAP_OPTIONS_E_BAD, "%s needs the name of a file", args[at]);
        for (size_t i = at + 1; i < end; i++) {
                int r;

                source.file = args[i];
                r = map_plan_add_source(plan, &source, why);
                if (r)
                        return r;
        }
        return 0;
}

static size_t map_plan_find_mark(char **args, size_t at, size_t count)
{
        while (at < count && !map_plan_get_mark(args[at]))
                at++;
        return at;
}

static int map_plan_read_sources(struct map_plan *plan, char **args, size_t at, size_t count,
                                 struct reason *why)
{
        const struct option_list *const files = &plan->options->files;
        int r = 0;

        plan->sources =
                calloc(MIN(files->count + count + 1, MAP_PLAN_SOURCES_MAX), sizeof(*plan->sources));
        if (!plan->sources)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < files->count && r == 0; i++)
                r = map_plan_add_source(plan, &(struct map_source){ .file = files->values[i] },
                                        why);
        while (at < count && r == 0) {
                const size_t end = map_plan_find_mark(args, at + 1, count);

                r = map_plan_add_marked(plan, args, at, end, why);
                at = end;
        }
        if (r == 0 && plan->sources_count == 0)
                r = map_plan_add_source(plan, &(struct map_source){ .file = "-" }, why);
        return r;
}

/* An input in the first place is a command, and in parallel's hands a line of shell. */
bool map_plan_is_shell_line(const char *word)
{
        return word[strcspn(word, " \t\n|&;<>()$`\"'\\*?[")] != '\0' || word[0] == '~' ||
               word[0] == '{';
}

/* Without a command each input is one: a line for the shell. */
static char map_plan_bare[] = "{}";

static int map_plan_read_command(struct map_plan *plan, char **args, size_t count,
                                 struct reason *why)
{
        const bool bare = count == 0;

        if (bare && plan->per_task > 1)
                return reason_set(why, MAP_OPTIONS_E_BAD, "-n needs a command to hand inputs to");
        plan->command = calloc(count + 1, sizeof(*plan->command));
        if (!plan->command)
                return FAULT(-ENOMEM);
        memcpy(plan->command, bare ? (char *[]){ map_plan_bare } : args,
               (bare ? 1 : count) * sizeof(*args));
        plan->command_count = bare ? 1 : count;
        plan->shell = bare || plan->job.shell ||
                      (count == 1 && !plan->options->no_shell && map_plan_is_shell_line(args[0]));
        plan->job.shell = plan->shell;
        return 0;
}

/*
 * One replacement string, "{...}", of the command: {k} tells a position, others but {#} and {%}
 * want all values. What is none is left alone.
 */
static void map_plan_note_use(struct map_plan *plan, const char *text, size_t size)
{
        static const char *const forms[] = { "", ".", "/", "//", "/." };
        size_t digits = 0;
        uint64_t position = 0;
        const bool minus = size > 0 && text[0] == '-';
        const char *const number = text + (minus ? 1 : 0);
        const size_t rest = size - (minus ? 1 : 0);

        for (; digits < rest && digits < 6 && number[digits] >= '0' && number[digits] <= '9';
             digits++)
                position = position * 10 + (uint64_t)(number[digits] - '0');
        if (minus && digits == 0)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                if (strlen(forms[i]) != rest - digits ||
                    memcmp(number + digits, forms[i], rest - digits) != 0)
                        continue;
                if (digits == 0 || minus)
                        plan->uses_all = true;
                else
                        plan->position_max = (uint32_t)MAX(plan->position_max, position);
        }
}

/* What of a record's columns is wanted: ragged lines are no trouble when only {1} is. */
static void map_plan_read_uses(struct map_plan *plan)
{
        for (size_t i = 0; i < plan->command_count; i++)
                for (const char *at = strchr(plan->command[i], '{'); at; at = strchr(at + 1, '{')) {
                        const char *const end = strchr(at, '}');

                        if (end)
                                map_plan_note_use(plan, at + 1, (size_t)(end - at - 1));
                }
        if (plan->position_max == 0 || plan->options->tag || plan->options->results)
                plan->uses_all = true;
}

int map_plan_new(const struct map_options *options, char **args, size_t count,
                 struct map_plan **out_plan, struct reason *why)
{
        static int (*const steps[])(struct map_plan *, struct reason *) = {
                map_plan_read_plain,
                map_plan_read_jobs,
                map_plan_read_halt,
                map_plan_read_resume,
        };
        const size_t marked = map_plan_find_mark(args, 0, count);
        _cleanup_(map_plan_freep) struct map_plan *plan = NULL;
        int r = 0;

        plan = calloc(1, sizeof(*plan));
        if (!plan)
                return FAULT(-ENOMEM);
        plan->options = options;
        plan->job = options->job;
        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = steps[i](plan, why);
        if (r == 0)
                r = map_plan_read_command(plan, args, marked, why);
        if (r == 0)
                r = map_plan_read_sources(plan, args, marked, count, why);
        if (r)
                return r;
        map_plan_read_uses(plan);
        *out_plan = TAKE_PTR(plan);
        return 0;
}

/* The words with spaces between them, as job_options_build() does it. Owned; NULL without memory.
 */
static char *map_plan_join(const struct map_plan *plan)
{
        size_t size = 1;
        char *line, *to;

        for (size_t i = 0; i < plan->command_count; i++)
                size += strlen(plan->command[i]) + 1;
        line = to = calloc(1, size);
        for (size_t i = 0; line && i < plan->command_count; i++)
                to = stpcpy(stpcpy(to, i ? " " : ""), plan->command[i]);
        return line;
}

int map_plan_make_template(const struct map_plan *plan, uint32_t values_max,
                           struct template **out_template, struct reason *why)
{
        const size_t count = plan->shell ? 3 : plan->command_count;
        _cleanup_(freep) struct template_word *words = calloc(count, sizeof(*words));
        _cleanup_(freep) char *line = plan->shell ? map_plan_join(plan) : NULL;
        int r;

        if (!words || (plan->shell && !line))
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                const char *const shell[] = { "/bin/sh", "-c", line };
                const char *const word = plan->shell ? shell[i] : plan->command[i];

                words[i] = (struct template_word){ .data = word, .size = strlen(word) };
        }
        r = template_new(words, count, plan->shell, values_max, out_template, why);
        if (r > 0)
                return MAP_OPTIONS_E_BAD;
        return r ? PASS(r) : 0;
}
