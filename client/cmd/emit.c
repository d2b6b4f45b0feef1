/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --json, for stdout; emit_object.c has what is built by hand. Each record has a table of its
 * fields (emit_tables.c): name, where it is, what it means. Times are RFC 3339 in UTC, durations
 * seconds, sizes bytes, states words. Bytes that are not UTF-8 appear twice: readable with U+FFFD
 * in place of what is not, and exact as base64 under NAME_b64. A job's own fields and those of its
 * specification stand in one object; a job with one task also shows its attempt there, since nearly
 * all have one.
 */
#include "client/cmd/emit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"

#include "client/cmd/emit_private.h"
#include "client/cmd/style.h"

/* ------------------------------------------------------------------------------------- bytes */

/* A string in which what is no UTF-8 became U+FFFD; NULL without memory. */
json_t *emit_make_lossy(const char *data, size_t size)
{
        char *const text = malloc(3 * size + 1);
        json_t *made;
        size_t n = 0;

        if (!text)
                return NULL;
        for (size_t i = 0; i < size;) {
                size_t length = 1;

                while (length <= 4 && i + length <= size && !parse_is_utf8(data + i, length))
                        length++;
                if (length <= 4 && i + length <= size) {
                        memcpy(text + n, data + i, length);
                        n += length;
                        i += length;
                } else {
                        memcpy(text + n, "\xef\xbf\xbd", 3);
                        n += 3;
                        i++;
                }
        }
        made = json_stringn(text, n);
        free(text);
        return made;
}

json_t *emit_make_base64(const char *data, size_t size)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *const text = malloc((size + 2) / 3 * 4 + 1);
        json_t *made;
        size_t n = 0;

        if (!text)
                return NULL;
        for (size_t i = 0; i < size; i += 3) {
                uint32_t bits = (uint32_t)(unsigned char)data[i] << 16;

                if (i + 1 < size)
                        bits |= (uint32_t)(unsigned char)data[i + 1] << 8;
                if (i + 2 < size)
                        bits |= (uint32_t)(unsigned char)data[i + 2];
                text[n++] = digits[bits >> 18 & 63];
                text[n++] = digits[bits >> 12 & 63];
                text[n++] = i + 1 < size ? digits[bits >> 6 & 63] : '=';
                text[n++] = i + 2 < size ? digits[bits & 63] : '=';
        }
        made = json_stringn(text, n);
        free(text);
        return made;
}

static void emit_put_b64(json_t *object, const char *name, json_t *value)
{
        char b64[64];

        snprintf(b64, sizeof(b64), "%s_b64", name);
        json_object_set_new(object, b64, value);
}

/* ------------------------------------------------------------------------------ one per kind */

void emit_put_data(json_t *object, const char *name, const char *data, size_t size)
{
        json_object_set_new(object, name, emit_make_lossy(data, size));
        if (!parse_is_utf8(data, size))
                emit_put_b64(object, name, emit_make_base64(data, size));
}

static json_t *emit_number(uint64_t value)
{
        if (value == UINT64_MAX) /* infinity */
                return json_null();
        return json_integer((json_int_t)MIN(value, (uint64_t)INT64_MAX));
}

static void emit_put_plain(json_t *object, const struct jobctl_item *item,
                           const struct emit_row *row)
{
        uint64_t value;

        if (jobctl_get_number(item, row->field, &value))
                json_object_set_new(object, row->name, emit_number(value));
}

static void emit_put_signed(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        int64_t value;

        if (jobctl_get_signed(item, row->field, &value))
                json_object_set_new(object, row->name, json_integer(value));
}

static void emit_put_flag(json_t *object, const struct jobctl_item *item,
                          const struct emit_row *row)
{
        uint64_t value;

        if (jobctl_get_number(item, row->field, &value))
                json_object_set_new(object, row->name, json_boolean(value != 0));
}

/* Text and bytes: exact where it is UTF-8. */
static void emit_put_text(json_t *object, const struct jobctl_item *item,
                          const struct emit_row *row)
{
        size_t size;
        const char *const text = jobctl_get_text(item, row->field, &size);

        if (text)
                emit_put_data(object, row->name, text, size);
}

static void emit_put_reason(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        const char *const text = jobctl_get_text(item, row->field, NULL);
        _cleanup_(freep) char *words = text ? style_reason(text) : NULL;

        if (words)
                emit_put_data(object, row->name, words, strlen(words));
}

static void emit_put_texts(json_t *object, const struct jobctl_item *item,
                           const struct emit_row *row)
{
        const size_t count = jobctl_count(item, row->field);
        json_t *const words = json_array();
        json_t *const exact = json_array();
        bool all_utf8 = true;

        for (size_t i = 0; i < count; i++) {
                size_t size;
                const char *const text = jobctl_get_text_at(item, row->field, i, &size);

                json_array_append_new(words, emit_make_lossy(text, size));
                json_array_append_new(exact, emit_make_base64(text, size));
                all_utf8 = all_utf8 && parse_is_utf8(text, size);
        }
        json_object_set_new(object, row->name, words);
        if (all_utf8)
                json_decref(exact);
        else
                emit_put_b64(object, row->name, exact);
}

static void emit_put_plain_list(json_t *object, const struct jobctl_item *item,
                                const struct emit_row *row)
{
        const size_t count = jobctl_count(item, row->field);
        json_t *list;

        if (count == 0)
                return;
        list = json_array();
        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, emit_number(jobctl_get_number_at(item, row->field, i)));
        json_object_set_new(object, row->name, list);
}

static void emit_put_state(json_t *object, const struct jobctl_item *item,
                           const struct emit_row *row)
{
        uint64_t state;

        if (row->field == JOBCTL_JOB_STATE)
                json_object_set_new(object, row->name, json_string(style_state_word(item)));
        else if (jobctl_get_number(item, row->field, &state))
                json_object_set_new(object, row->name,
                                    json_string(jobctl_state_name((unsigned int)state)));
}

static void emit_put_state_counts(json_t *object, const struct jobctl_item *item,
                                  const struct emit_row *row)
{
        const size_t count = jobctl_count(item, row->field);
        json_t *counts;

        if (count == 0)
                return;
        counts = json_object();
        for (size_t i = 1; i < count; i++) {
                const uint64_t n = jobctl_get_number_at(item, row->field, i);

                if (n > 0)
                        json_object_set_new(counts, jobctl_state_name((unsigned int)i),
                                            emit_number(n));
        }
        json_object_set_new(object, row->name, counts);
}

static void emit_put_blockers(json_t *object, const struct jobctl_item *item,
                              const struct emit_row *row)
{
        static const char *const names[] = { "hold",  "begin",    "retry", "dependency", "drain",
                                             "queue", "resource", "cores", "cap" };
        const uint64_t blockers = jobctl_number_or(item, row->field, 0);
        json_t *list;

        if (blockers == 0)
                return;
        list = json_array();
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (blockers & 1ULL << i)
                        json_array_append_new(list, json_string(names[i]));
        json_object_set_new(object, row->name, list);
}

static void emit_put_wall(json_t *object, const struct jobctl_item *item,
                          const struct emit_row *row)
{
        char text[CLOCK_TEXT_MAX];
        uint64_t value;

        if (jobctl_get_number(item, row->field, &value) && value > 0)
                json_object_set_new(object, row->name,
                                    json_string(clock_format_rfc3339(value, text)));
}

static void emit_put_seconds(json_t *object, const struct jobctl_item *item,
                             const struct emit_row *row)
{
        uint64_t value;

        if (!jobctl_get_number(item, row->field, &value))
                return;
        if (value % USEC_PER_SEC == 0)
                json_object_set_new(object, row->name, emit_number(value / USEC_PER_SEC));
        else
                json_object_set_new(object, row->name,
                                    json_real((double)value / (double)USEC_PER_SEC));
}

static void emit_put_signal(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        char name[16];
        uint64_t value;

        if (jobctl_get_number(item, row->field, &value) && value > 0)
                json_object_set_new(object, row->name,
                                    json_string(parse_signal_name((int)value, name)));
}

static void emit_put_halt(json_t *object, const struct jobctl_item *item,
                          const struct emit_row *row)
{
        json_object_set_new(object, row->name,
                            json_string(style_halt_word(jobctl_number_or(item, row->field, 0))));
}

static void emit_put_dependency(json_t *object, const struct jobctl_item *item,
                                const struct emit_row *row)
{
        const uint64_t kind = jobctl_number_or(item, row->field, 0);

        json_object_set_new(object, row->name,
                            json_string(jobctl_dependency_name((unsigned int)kind)));
}

static void emit_put_policy(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        json_object_set_new(object, row->name,
                            json_string(jobctl_policy_name(
                                    (unsigned int)jobctl_number_or(item, row->field, 0))));
}

static void emit_put_hundredths(json_t *object, const struct jobctl_item *item,
                                const struct emit_row *row)
{
        json_object_set_new(object, row->name,
                            json_real((double)jobctl_number_or(item, row->field, 0) / 100));
}

static void emit_put_map(json_t *object, const struct jobctl_item *item, const struct emit_row *row)
{
        const size_t count = jobctl_count(item, row->field);
        json_t *map;

        if (count == 0)
                return;
        map = json_object();
        for (size_t i = 0; i < count; i++) {
                const struct jobctl_item *const label = jobctl_get_item_at(item, row->field, i);

                json_object_set_new(map, jobctl_get_text(label, JOBCTL_LABEL_KEY, NULL),
                                    json_string(jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL)));
        }
        json_object_set_new(object, row->name, map);
}

static void emit_put_table(json_t *object, const struct jobctl_item *item,
                           const struct emit_row *row)
{
        const struct jobctl_item *const inner = jobctl_get_item(item, row->field);
        json_t *made;

        if (!inner)
                return;
        made = json_object();
        emit_put(made, inner, row->table);
        json_object_set_new(object, row->name, made);
}

static void emit_put_inline(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        const struct jobctl_item *const inner = jobctl_get_item(item, row->field);

        if (inner)
                emit_put(object, inner, row->table);
}

static void emit_put_tables(json_t *object, const struct jobctl_item *item,
                            const struct emit_row *row)
{
        const size_t count = jobctl_count(item, row->field);
        json_t *list;

        if (count == 0 && row->kind == EMIT_TABLES_IF)
                return;
        list = json_array();
        for (size_t i = 0; i < count; i++) {
                json_t *const made = json_object();

                emit_put(made, jobctl_get_item_at(item, row->field, i), row->table);
                json_array_append_new(list, made);
        }
        json_object_set_new(object, row->name, list);
}

/* The only attempt of a job with one task, beside the job's own fields. */
static void emit_put_only_attempt(json_t *object, const struct jobctl_item *job)
{
        const struct jobctl_item *const attempt = jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, 0);
        json_t *made;

        if (!attempt || jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) > 1)
                return;
        made = json_object();
        emit_put(made, attempt, &emit_attempt);
        json_object_update_missing(object, made);
        json_decref(made);
}

void emit_put(json_t *object, const struct jobctl_item *item, const struct emit_table *table)
{
        static void (*const put[EMIT_KIND_COUNT])(json_t *, const struct jobctl_item *,
                                                  const struct emit_row *) = {
                [EMIT_PLAIN] = emit_put_plain,
                [EMIT_SIGNED] = emit_put_signed,
                [EMIT_FLAG] = emit_put_flag,
                [EMIT_WORDS] = emit_put_text,
                [EMIT_REASON] = emit_put_reason,
                [EMIT_BYTES] = emit_put_text,
                [EMIT_BYTES_LIST] = emit_put_texts,
                [EMIT_WORDS_LIST] = emit_put_texts,
                [EMIT_PLAIN_LIST] = emit_put_plain_list,
                [EMIT_STATE] = emit_put_state,
                [EMIT_STATE_COUNTS] = emit_put_state_counts,
                [EMIT_BLOCKERS] = emit_put_blockers,
                [EMIT_WALL] = emit_put_wall,
                [EMIT_SECONDS] = emit_put_seconds,
                [EMIT_SIGNAL] = emit_put_signal,
                [EMIT_POLICY] = emit_put_policy,
                [EMIT_HUNDREDTHS] = emit_put_hundredths,
                [EMIT_HALT] = emit_put_halt,
                [EMIT_MAP] = emit_put_map,
                [EMIT_DEPENDENCY] = emit_put_dependency,
                [EMIT_TABLE] = emit_put_table,
                [EMIT_TABLES] = emit_put_tables,
                [EMIT_TABLES_IF] = emit_put_tables,
                [EMIT_INLINE] = emit_put_inline,
        };

        for (const struct emit_row *row = table->rows; row->kind != EMIT_END; row++)
                put[row->kind](object, item, row);
        if (table == &emit_job)
                emit_put_only_attempt(object, item);
}

/* Takes `object` over. 0, or -1 without memory; a broken stdout is found at the end. */
static int emit_dump(json_t *object, const char *behind)
{
        const int r = json_dumpf(object, stdout, EMIT_FLAGS);

        fputs(behind, stdout);
        json_decref(object);
        return r && !ferror(stdout) ? -1 : 0;
}

int emit_print_named(const char *name, uint64_t id)
{
        json_t *const object = json_object();

        if (!object)
                return -1;
        json_object_set_new(object, "name", emit_make_lossy(name, strlen(name)));
        json_object_set_new(object, "id", emit_number(id));
        return emit_dump(object, "\n");
}

int emit_print_submitted(uint64_t id, bool existing)
{
        json_t *const object = json_object();
        int r;

        if (!object)
                return -1;
        json_object_set_new(object, "id", emit_number(id));
        json_object_set_new(object, "existing", json_boolean(existing));
        r = emit_dump(object, "\n");
        fflush(stdout);
        return r;
}

int emit_print_flag(const char *name, const char *flag, bool on)
{
        json_t *const object = json_object();

        if (!object)
                return -1;
        if (name)
                json_object_set_new(object, "name", emit_make_lossy(name, strlen(name)));
        json_object_set_new(object, flag, json_boolean(on));
        return emit_dump(object, "\n");
}

int emit_print_item(const struct jobctl_item *item, const struct emit_table *table)
{
        json_t *const object = json_object();

        if (!object)
                return -1;
        emit_put(object, item, table);
        return emit_dump(object, "\n");
}

int emit_print_task(uint64_t job, const struct jobctl_item *attempt)
{
        json_t *const object = json_object();

        if (!object)
                return -1;
        json_object_set_new(object, "job", emit_number(job));
        emit_put(object, attempt, &emit_attempt);
        return emit_dump(object, "\n");
}

json_t *emit_begin_job(const struct jobctl_item *job)
{
        json_t *const object = json_object();

        if (!object)
                return NULL;
        emit_put(object, job, &emit_job);
        json_object_set_new(object, "attempts", json_array());
        return object;
}

void emit_add_attempt(json_t *object, const struct jobctl_item *attempt)
{
        json_t *const made = json_object();

        emit_put(made, attempt, &emit_attempt);
        json_array_append_new(json_object_get(object, "attempts"), made);
}

int emit_end_job(json_t *object, size_t index)
{
        if (index != EMIT_ALONE)
                putchar(index == 0 ? '[' : ',');
        return emit_dump(object, index == EMIT_ALONE ? "\n" : "");
}

int emit_print_next(size_t index, const struct jobctl_item *item, const struct emit_table *table)
{
        json_t *const object = json_object();

        if (!object)
                return -1;
        putchar(index == 0 ? '[' : ',');
        emit_put(object, item, table);
        return emit_dump(object, "");
}

void emit_end_array(size_t count)
{
        puts(count == 0 ? "[]" : "]");
}

json_t *emit_make_log(const struct emit_log *record)
{
        static const char *const streams[] = {
                [JOBCTL_STDOUT] = "stdout", [JOBCTL_STDERR] = "stderr", [JOBCTL_MARK] = "mark"
        };
        json_t *const object = json_object();
        char time[CLOCK_TEXT_MAX];

        if (!object)
                return NULL;
        json_object_set_new(object, "job", emit_number(record->job));
        json_object_set_new(object, "task", emit_number(record->task));
        json_object_set_new(object, "stream", json_string(streams[record->which]));
        json_object_set_new(object, "time",
                            json_string(clock_format_rfc3339(record->wall_usec, time)));
        emit_put_data(object, "text", record->data, record->size);
        return object;
}

int emit_print_log(const struct emit_log *record)
{
        json_t *const object = emit_make_log(record);

        return object ? emit_dump(object, "\n") : -1;
}

int emit_print_array(const struct jobctl_result *result, const struct emit_table *table)
{
        const size_t count = jobctl_result_count(result);
        int r = 0;

        for (size_t i = 0; i < count && r == 0; i++)
                r = emit_print_next(i, jobctl_result_item(result, i), table);
        emit_end_array(count);
        return r;
}
