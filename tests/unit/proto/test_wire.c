/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c, wire_arena.c, wire_check.c, wire_rules.c: what is packed comes back, and every promise
 * that wire.h makes about decoded messages is kept by refusing what would break it.
 */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/wire.h"
#include "proto/wire_arena.h"

#include "tests/unit/suite.h"

/* Bytes put together by hand, for what no packer would write. */
struct bytes {
        uint8_t *data;
        size_t size;
        size_t capacity;
};

static void put(struct bytes *bytes, const void *data, size_t size)
{
        if (bytes->capacity <= bytes->size + size) {
                bytes->capacity = 2 * (bytes->size + size + 1);
                bytes->data = realloc(bytes->data, bytes->capacity);
                ck_assert_ptr_nonnull(bytes->data);
        }
        if (size > 0)
                memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
}

static void put_varint(struct bytes *bytes, uint64_t value)
{
        do {
                const uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

                put(bytes, &byte, 1);
                value >>= 7;
        } while (value > 0);
}

static void put_number(struct bytes *bytes, uint32_t field, uint64_t value)
{
        put_varint(bytes, field << 3);
        put_varint(bytes, value);
}

static void put_data(struct bytes *bytes, uint32_t field, const void *data, size_t size)
{
        put_varint(bytes, field << 3 | 2);
        put_varint(bytes, size);
        put(bytes, data, size);
}

static void put_text(struct bytes *bytes, uint32_t field, const char *text)
{
        put_data(bytes, field, text, strlen(text));
}

/* Ends `part` as field `field` of `bytes`. */
static void put_part(struct bytes *bytes, uint32_t field, struct bytes *part)
{
        put_data(bytes, field, part->data, part->size);
        free(part->data);
        *part = (struct bytes){ 0 };
}

static struct bytes request_with(uint32_t body, struct bytes *part)
{
        struct bytes bytes = { 0 };

        put_number(&bytes, 1, 5);
        put_part(&bytes, body, part);
        return bytes;
}

/* Unpacks as a Request; frees everything. */
static int judge_request(struct bytes *bytes, struct reason *why)
{
        Jobd__Request *request = NULL;
        int r;

        why->text[0] = '\0';
        r = wire_unpack_request(bytes->data, bytes->size, &request, why);
        ck_assert_int_ge(r, 0);
        ck_assert((r == 0) == (request != NULL));
        ck_assert((r == 0) == (why->text[0] == '\0'));
        ck_assert_ptr_null(wire_free_request(request));
        free(bytes->data);
        *bytes = (struct bytes){ 0 };
        return r;
}

#define REFUSE(bytes, word)                                                                        \
        do {                                                                                       \
                struct reason why_;                                                                \
                ck_assert_int_eq(judge_request(bytes, &why_), WIRE_E_BAD);                         \
                ck_assert_msg(strstr(why_.text, word), "it says: %s", why_.text);                  \
        } while (0)
#define ACCEPT(bytes)                                                                              \
        do {                                                                                       \
                struct reason why_;                                                                \
                const int r_ = judge_request(bytes, &why_);                                        \
                ck_assert_msg(r_ == 0, "it says: %s", why_.text);                                  \
        } while (0)

/* ---------------------------------------------------------------------------------- the arena */

START_TEST(arena_is_aligned_and_ended)
{
        struct wire_arena *arena;
        void *first = NULL;

        ck_assert_int_eq(wire_arena_new(1024 * 1024, 0, &arena), 0);
        for (size_t size = 0; size < 1000; size++) {
                uint8_t *data = wire_arena_alloc(arena, size);

                ck_assert_ptr_nonnull(data);
                ck_assert_uint_eq((uintptr_t)data % 8, 0);
                ck_assert_uint_eq(wire_arena_size_of(data), size);
                ck_assert_uint_eq(data[size], 0);
                memset(data, 0xff, size);
                if (!first)
                        first = data;
        }
        ck_assert_ptr_eq(wire_arena_of(first), arena);
        ck_assert_int_eq(wire_arena_refusal(arena), 0);
        wire_arena_free(arena);
}
END_TEST

START_TEST(arena_keeps_its_limit)
{
        /* What must still fit: small pieces pay for their size and end. */
        static const struct {
                size_t size, least;
        } rows[] = { { 1, 100000 },    { 40, 700000 },     { 100, 900000 },
                     { 5000, 900000 }, { 100000, 900000 }, { 2000000, 0 } };
        const size_t limit = 1024 * 1024;
        struct wire_arena *arena;
        size_t sum = 0;

        ck_assert_int_eq(wire_arena_new(limit, 0, &arena), 0);
        while (wire_arena_alloc(arena, rows[_i].size))
                sum += rows[_i].size;
        ck_assert_uint_le(sum, limit);
        ck_assert_uint_ge(sum, rows[_i].least);
        ck_assert_int_eq(wire_arena_refusal(arena), ARENA_E_OVER);
        wire_arena_free(arena);
}
END_TEST

/* -------------------------------------------------------------------------------- there and back
 */

START_TEST(request_comes_back)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Hello hello = JOBD__HELLO__INIT;
        char build[] = "0.1.0 \xc3\xa4";
        Jobd__Request *got = NULL;
        struct reason why;
        void *data;
        size_t size;

        hello.magic = WIRE_MAGIC;
        hello.version_min = 1;
        hello.version_max = 3;
        hello.build = build;
        request.tag = UINT64_MAX;
        request.body_case = JOBD__REQUEST__BODY_HELLO;
        request.hello = &hello;
        ck_assert_int_eq(wire_pack(&request.base, &data, &size), 0);
        ck_assert_int_eq(wire_unpack_request(data, size, &got, &why), 0);
        ck_assert_uint_eq(got->tag, UINT64_MAX);
        ck_assert_int_eq(got->body_case, JOBD__REQUEST__BODY_HELLO);
        ck_assert_str_eq(got->hello->build, build);
        ck_assert_uint_eq(got->hello->version_max, 3);
        wire_free_request(got);
        free(data);
}
END_TEST

START_TEST(empty_bytes_are_an_empty_string)
{
        struct bytes spec = { 0 };
        Jobd__Spec *got = NULL;

        put_text(&spec, 1, "");
        put_text(&spec, 1, "12345678");
        ck_assert_int_eq(wire_unpack_spec(spec.data, spec.size, &got, NULL), 0);
        ck_assert_uint_eq(got->n_argv, 2);
        ck_assert_ptr_nonnull(got->argv[0].data);
        ck_assert_uint_eq(got->argv[0].len, 0);
        ck_assert_str_eq((char *)got->argv[0].data, "");
        ck_assert_str_eq((char *)got->argv[1].data, "12345678");
        wire_free_spec(got);
        free(spec.data);
        ck_assert_ptr_null(wire_free_spec(NULL));
}
END_TEST

START_TEST(spec_may_be_empty)
{
        Jobd__Environment *environment = NULL;
        Jobd__Spec *spec = NULL;

        ck_assert_int_eq(wire_unpack_spec(NULL, 0, &spec, NULL), 0);
        ck_assert_int_eq(wire_unpack_environment("", 0, &environment, NULL), 0);
        wire_free_spec(spec);
        wire_free_environment(environment);
}
END_TEST

/* Fields of a later release do not disturb, and stay where the message is kept. */
START_TEST(unknown_fields_pass)
{
        struct bytes ping = { 0 }, spec = { 0 }, bytes;
        Jobd__Spec *got = NULL;
        void *data;
        size_t size;

        put_text(&ping, 200, "later");
        put_number(&ping, 201, 7);
        bytes = request_with(3, &ping);
        put_text(&bytes, 99, "later");
        ACCEPT(&bytes);
        put_text(&spec, 1, "true");
        put_text(&spec, 500, "later");
        ck_assert_int_eq(wire_unpack_spec(spec.data, spec.size, &got, NULL), 0);
        ck_assert_int_eq(wire_pack(&got->base, &data, &size), 0);
        ck_assert_uint_eq(size, spec.size);
        ck_assert_mem_eq(data, spec.data, size);
        free(data);
        wire_free_spec(got);
        free(spec.data);
}
END_TEST

/* ---------------------------------------------------------------------------- what is refused */

/* What is accepted can be stored: numbers that would not be read again are refused. */
START_TEST(impossible_field_numbers)
{
        static const struct {
                const char *tag;
                size_t size;
                bool good;
        } rows[] = {
                { "\x80\x00", 2, false },             /* 0 in two bytes */
                { "\x80\x80\x00", 3, false },         /* in three */
                { "\xf8\xff\xff\xff\x0f", 5, true },  /* 2^29 - 1 */
                { "\x80\x80\x80\x80\x10", 5, false }, /* 2^29 */
                { "\xf8\xff\xff\xff\x7f", 5, false }, /* 2^32 - 1 */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes spec = { 0 };
                Jobd__Spec *got = NULL, *again = NULL;
                void *data;
                size_t size;
                int r;

                put(&spec, rows[i].tag, rows[i].size);
                put(&spec, "\x07", 1);
                r = wire_unpack_spec(spec.data, spec.size, &got, NULL);
                ck_assert_int_eq(r, rows[i].good ? 0 : WIRE_E_BAD);
                free(spec.data);
                if (r != 0)
                        continue;
                ck_assert_int_eq(wire_pack(&got->base, &data, &size), 0);
                ck_assert_int_eq(wire_unpack_spec(data, size, &again, NULL), 0);
                wire_free_spec(again);
                wire_free_spec(got);
                free(data);
        }
}
END_TEST

START_TEST(tags_are_peeked)
{
        static const struct {
                const char *data;
                size_t size;
                uint64_t tag;
        } rows[] = {
                { "", 0, 0 },
                { "\x08", 1, 0 },
                { "\x08\x05", 2, 5 },
                { "\x10\x05", 2, 0 },
                { "\x08\x85", 2, 0 },
                { "\x08\xac\x02xyz", 6, 300 },
                { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, UINT64_MAX },
                { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, 0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                ck_assert_uint_eq(wire_peek_tag(rows[i].data, rows[i].size), rows[i].tag);
}
END_TEST

START_TEST(envelopes_need_a_body)
{
        struct bytes bytes = { 0 };
        Jobd__Reply *reply = NULL;
        Jobd__Work__Report *report = NULL;
        Jobd__Work__Order *order = NULL;

        put_number(&bytes, 1, 5);
        REFUSE(&bytes, "no body");
        put_number(&bytes, 1, 5);
        put_text(&bytes, 63, "");
        REFUSE(&bytes, "no body");
        put_text(&bytes, 3, "");
        REFUSE(&bytes, "no Request");
        ck_assert_int_eq(wire_unpack_reply("\x08\x01", 2, &reply, NULL), WIRE_E_BAD);
        ck_assert_int_eq(wire_unpack_report("", 0, &report, NULL), WIRE_E_BAD);
        ck_assert_int_eq(wire_unpack_order("", 0, &order, NULL), WIRE_E_BAD);
        /* Reply.output without data, file or grown_bytes */
        ck_assert_int_eq(wire_unpack_reply("\x08\x01\x5a\x02\x08\x01", 6, &reply, NULL),
                         WIRE_E_BAD);
        ck_assert_int_eq(wire_unpack_reply("\x08\x01\x5a\x04\x08\x01\x20\x07", 8, &reply, NULL), 0);
        wire_free_reply(reply);
}
END_TEST

START_TEST(garbage_is_refused)
{
        static const char *const rows[] = { "",
                                            "\x08",
                                            "\xff\xff\xff\xff\xff\xff",
                                            "\x08\x01\x1a\x05",
                                            "GET / HTTP/1.0\r\n\r\n",
                                            "\x08\x01\x1c",
                                            "{}\n" };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes bytes = { 0 };

                put(&bytes, rows[i], strlen(rows[i]));
                REFUSE(&bytes, "Request");
        }
}
END_TEST

START_TEST(strings_are_utf8)
{
        static const struct {
                const char *data;
                size_t size;
                bool good;
        } rows[] = {
                { "", 0, true },           { "plain", 5, true },     { "\xc3\xa4", 2, true },
                { "\xe4", 1, false },      { "a\0b", 3, false },     { "\0", 1, false },
                { "1234567\0", 8, false }, { "123456\0", 7, false }, { "\xed\xa0\x80", 3, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes list = { 0 }, selector = { 0 }, bytes;

                put_data(&selector, 4, rows[i].data, rows[i].size);
                put_part(&list, 1, &selector);
                bytes = request_with(5, &list);
                if (rows[i].good)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "Selector.name");
        }
}
END_TEST

START_TEST(long_strings_are_refused)
{
        char *text = calloc(1, WIRE_STRING_MAX + 2);

        memset(text, 'x', WIRE_STRING_MAX + 1);
        for (size_t size = WIRE_STRING_MAX; size <= WIRE_STRING_MAX + 1; size++) {
                struct bytes list = { 0 }, selector = { 0 }, bytes;

                put_data(&selector, 4, text, size);
                put_part(&list, 1, &selector);
                bytes = request_with(5, &list);
                if (size <= WIRE_STRING_MAX)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "longer");
        }
        free(text);
}
END_TEST

START_TEST(enums_are_known)
{
        static const struct {
                uint64_t state;
                bool good;
        } rows[] = { { 0, true }, { 11, true }, { 12, false }, { UINT64_MAX, false } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes list = { 0 }, selector = { 0 }, bytes;

                put_number(&selector, 5, 1);
                put_number(&selector, 5, rows[i].state);
                put_part(&list, 1, &selector);
                bytes = request_with(5, &list);
                if (rows[i].good)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "Selector.states has an unknown value");
        }
}
END_TEST

START_TEST(id_ranges_are_ranges)
{
        static const struct {
                uint64_t first, last;
                int64_t task_first, task_last; /* -1: absent */
                bool good;
        } rows[] = {
                { 1, 1, -1, -1, true },  { 1, UINT64_MAX, -1, -1, true },
                { 0, 1, -1, -1, false }, { 2, 1, -1, -1, false },
                { 5, 5, 0, 3, true },    { 5, 5, 3, 3, true },
                { 5, 5, 3, 2, false },   { 5, 6, 0, 3, false },
                { 5, 5, 3, -1, false },  { 5, 5, -1, 3, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes list = { 0 }, selector = { 0 }, range = { 0 }, bytes;

                put_number(&range, 1, rows[i].first);
                put_number(&range, 2, rows[i].last);
                if (rows[i].task_first >= 0)
                        put_number(&range, 3, (uint64_t)rows[i].task_first);
                if (rows[i].task_last >= 0)
                        put_number(&range, 4, (uint64_t)rows[i].task_last);
                put_part(&selector, 1, &range);
                put_part(&list, 1, &selector);
                bytes = request_with(5, &list);
                if (rows[i].good)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "IdRange");
        }
}
END_TEST

START_TEST(chunks_of_input_are_checked)
{
        static const struct {
                uint64_t job, number, count;
                const char *values;
                size_t size;
                const char *word; /* NULL: good */
        } rows[] = {
                { 7, 0, 2, "a\0b\0", 4, NULL },
                { 0, 0, 1, "\0", 1, NULL },
                { 7, 1, 0, "", 0, NULL },
                { 7, 0, 3, "a\0b\0", 4, "says 3 values and has 2" },
                { 7, 0, 1, "a\0b\0", 4, "says 1 values and has 2" },
                { 7, 0, 1, "a", 1, "has no end" },
                { 7, UINT64_MAX, 0, "", 0, "Append.number" },
        };
        char *const text = calloc(1, WIRE_STRING_MAX + 2);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes append = { 0 }, bytes;

                put_number(&append, 1, rows[i].job);
                put_number(&append, 2, rows[i].number);
                put_number(&append, 3, rows[i].count);
                put_data(&append, 4, rows[i].values, rows[i].size);
                bytes = request_with(20, &append);
                if (rows[i].word)
                        REFUSE(&bytes, rows[i].word);
                else
                        ACCEPT(&bytes);
        }
        for (size_t more = 0; more < 2; more++) {
                struct bytes append = { 0 }, bytes;

                memset(text, 'x', WIRE_STRING_MAX + more);
                put_number(&append, 1, 7);
                put_number(&append, 2, 0);
                put_number(&append, 3, 1);
                put_data(&append, 4, text, WIRE_STRING_MAX + more + 1);
                bytes = request_with(20, &append);
                if (more)
                        REFUSE(&bytes, "value 0 of Append is longer");
                else
                        ACCEPT(&bytes);
        }
        free(text);
}
END_TEST

START_TEST(a_halt_has_one_measure)
{
        for (unsigned int has = 0; has < 4; has++) {
                struct bytes submit = { 0 }, submission = { 0 }, spec = { 0 }, halt = { 0 }, bytes;

                put_data(&submit, 1, "0123456789abcdef", WIRE_KEY_BYTES);
                put_text(&spec, 1, "true");
                put_number(&halt, 1, 1);
                if (has & 1)
                        put_number(&halt, 3, 1);
                if (has & 2)
                        put_number(&halt, 4, 1);
                put_part(&spec, 62, &halt);
                put_part(&submission, 1, &spec);
                put_part(&submit, 3, &submission);
                bytes = request_with(4, &submit);
                if (has == 1 || has == 2)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "one of them");
        }
}
END_TEST

START_TEST(hello_is_checked)
{
        static const struct {
                uint32_t magic;
                uint64_t min, max;
                bool good;
        } rows[] = {
                { WIRE_MAGIC, 1, 1, true },      { WIRE_MAGIC, 1, 9, true },
                { WIRE_MAGIC, 0, 1, false },     { WIRE_MAGIC, 2, 1, false },
                { WIRE_MAGIC + 1, 1, 1, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes hello = { 0 }, bytes;

                put(&hello, "\x0d", 1);
                put(&hello, &rows[i].magic, 4);
                put_number(&hello, 2, rows[i].min);
                put_number(&hello, 3, rows[i].max);
                bytes = request_with(2, &hello);
                if (rows[i].good)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "Hello");
        }
}
END_TEST

/* ------------------------------------------------------------------------------------- submit */

/* A Submit of `jobs` jobs with these argv bytes, and maybe an environment. */
static struct bytes submit_bytes(size_t jobs, const char *argv, size_t argv_size, int environment,
                                 size_t environment_size)
{
        struct bytes submit = { 0 };

        put_data(&submit, 1, "0123456789abcdef", WIRE_KEY_BYTES);
        if (environment_size > 0) {
                struct bytes entries = { 0 };
                char *entry = calloc(1, 100001);

                memset(entry, 'E', 100000);
                for (; environment_size > 0; environment_size -= MIN(environment_size, 100000U))
                        put_data(&entries, 1, entry, MIN(environment_size, 100000U) - 1);
                put_part(&submit, 2, &entries);
                free(entry);
        }
        for (size_t i = 0; i < jobs; i++) {
                struct bytes submission = { 0 }, spec = { 0 };

                put_data(&spec, 1, argv, argv_size);
                put_part(&submission, 1, &spec);
                if (environment >= 0)
                        put_number(&submission, 2, (uint64_t)environment);
                put_part(&submit, 3, &submission);
        }
        return request_with(4, &submit);
}

START_TEST(submit_is_checked)
{
        struct bytes bytes = submit_bytes(1, "true", 4, -1, 0);

        ACCEPT(&bytes);
        bytes = submit_bytes(0, "true", 4, -1, 0);
        REFUSE(&bytes, "no jobs");
        bytes = submit_bytes(1, "true", 4, 0, 0);
        REFUSE(&bytes, "environment 0 of 0");
        bytes = submit_bytes(2, "true", 4, 0, 1000);
        ACCEPT(&bytes);
        bytes = submit_bytes(2, "true", 4, 1, 1000);
        REFUSE(&bytes, "environment 1 of 1");
        bytes = submit_bytes(1, "tr\0e", 4, -1, 0);
        REFUSE(&bytes, "Spec.argv holds a NUL");
}
END_TEST

/* A client divides by `per`, and a kind that is none would be shown as some. */
START_TEST(families_of_numbers_are_checked)
{
        static const struct {
                uint64_t kind, per;
                int answer;
        } cases[] = {
                { 1, 1, 0 },
                { 1, 1000000, 0 },
                { 1, 0, WIRE_E_BAD },
                { 0, 1, WIRE_E_BAD },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct bytes family = { 0 }, stats = { 0 }, bytes = { 0 };
                Jobd__Reply *reply = NULL;

                put_text(&family, 1, "jobd_tasks_total");
                put_text(&family, 2, "Tasks.");
                put_number(&family, 3, cases[i].kind);
                put_number(&family, 4, cases[i].per);
                put_part(&stats, 1, &family);
                put_number(&bytes, 1, 5);
                put_part(&bytes, 48, &stats);
                ck_assert_int_eq(wire_unpack_reply(bytes.data, bytes.size, &reply, NULL),
                                 cases[i].answer);
                wire_free_reply(reply);
                free(bytes.data);
        }
}
END_TEST

START_TEST(submit_key_has_16_bytes)
{
        for (size_t size = 0; size <= 20; size++) {
                struct bytes submit = { 0 }, submission = { 0 }, spec = { 0 }, bytes;

                put_data(&submit, 1, "0123456789abcdefghij", size);
                put_text(&spec, 1, "true");
                put_part(&submission, 1, &spec);
                put_part(&submit, 3, &submission);
                bytes = request_with(4, &submit);
                if (size == WIRE_KEY_BYTES)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "Submit.key");
        }
}
END_TEST

/* The promise behind WIRE_DECODE_BYTES: the largest batch of the smallest jobs is decoded. */
START_TEST(large_batches_fit)
{
        struct bytes bytes = submit_bytes(WIRE_BATCH_MAX, "a", 1, -1, 0);

        ACCEPT(&bytes);
        bytes = submit_bytes(WIRE_BATCH_MAX + 1, "a", 1, -1, 0);
        REFUSE(&bytes, "too many");
}
END_TEST

START_TEST(argv_and_environment_together)
{
        /* Each argument and entry counts one byte more, its terminator. */
        struct bytes bytes = submit_bytes(1, "1234567", 7, 0, WIRE_STRINGS_MAX - 8);

        ACCEPT(&bytes);
        bytes = submit_bytes(1, "12345678", 8, 0, WIRE_STRINGS_MAX - 8);
        REFUSE(&bytes, "together");
        bytes = submit_bytes(1, "1", 1, -1, WIRE_STRINGS_MAX);
        ACCEPT(&bytes);
        bytes = submit_bytes(1, "1", 1, -1, WIRE_STRINGS_MAX + 1);
        REFUSE(&bytes, "Environment is longer");
}
END_TEST

START_TEST(entries_are_counted)
{
        for (size_t count = WIRE_ENTRIES_MAX; count <= WIRE_ENTRIES_MAX + 1; count++) {
                struct bytes spec = { 0 };
                Jobd__Spec *got = NULL;
                int r;

                for (size_t i = 0; i < count; i++)
                        put_text(&spec, 1, "a");
                r = wire_unpack_spec(spec.data, spec.size, &got, NULL);
                ck_assert_int_eq(r, count <= WIRE_ENTRIES_MAX ? 0 : WIRE_E_BAD);
                wire_free_spec(got);
                free(spec.data);
        }
}
END_TEST

START_TEST(long_spec_lists_are_refused)
{
        static const struct {
                uint32_t field;
                size_t max;
                const char *part;
                size_t part_size;
        } rows[] = {
                { 6, 16, "\x08\x01\x10\x01\x18\x01", 6 }, /* rlimits */
                { 8, 64, "\x0a\x01k\x12\x01v", 6 },       /* labels */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                for (size_t extra = 0; extra < 2; extra++) {
                        struct bytes spec = { 0 };
                        Jobd__Spec *got = NULL;
                        int r;

                        for (size_t n = 0; n < rows[i].max + extra; n++)
                                put_data(&spec, rows[i].field, rows[i].part, rows[i].part_size);
                        r = wire_unpack_spec(spec.data, spec.size, &got, NULL);
                        ck_assert_int_eq(r, extra == 0 ? 0 : WIRE_E_BAD);
                        wire_free_spec(got);
                        free(spec.data);
                }
}
END_TEST

/* Two bytes of input for a structure of hundreds: memory ends at the budget, by an answer. */
START_TEST(memory_is_bounded)
{
        struct bytes page = { 0 }, reply = { 0 };

        for (size_t i = 0; i < 500000; i++)
                put_text(&page, 2, ""); /* Environment in Submit: empty ones */
        put_data(&page, 1, "0123456789abcdef", 16);
        reply = request_with(4, &page);
        REFUSE(&reply, "too much memory");
}
END_TEST

/* As long as a frame can be, and one byte longer. */
START_TEST(messages_fit_a_frame)
{
        char *text = calloc(1, FRAME_MAX);

        for (size_t size = FRAME_MAX; size <= FRAME_MAX + 1; size++) {
                struct bytes ping = { 0 }, bytes = request_with(3, &ping);

                /* The unknown field's own head has 6 bytes. */
                put_data(&bytes, 99, text, size - bytes.size - 6);
                ck_assert_uint_eq(bytes.size, size);
                if (size <= FRAME_MAX)
                        ACCEPT(&bytes);
                else
                        REFUSE(&bytes, "too long");
        }
        free(text);
}
END_TEST

/* A part that repeats is merged each time; the copies must not be quadratic. */
START_TEST(merging_is_bounded)
{
        struct bytes submission = { 0 }, submit = { 0 }, spec = { 0 }, bytes;

        for (size_t i = 0; i < 100; i++)
                put_text(&spec, 1, "a");
        for (size_t i = 0; i < 10000; i++)
                put_data(&submission, 1, spec.data, spec.size);
        free(spec.data);
        put_data(&submit, 1, "0123456789abcdef", 16);
        put_part(&submit, 3, &submission);
        bytes = request_with(4, &submit);
        REFUSE(&bytes, "too much memory");
}
END_TEST

/* -------------------------------------------------------------------------------- worker side */

static int judge_order(uint32_t body, struct bytes *part)
{
        struct bytes bytes = { 0 };
        Jobd__Work__Order *order = NULL;
        int r;

        put_part(&bytes, body, part);
        r = wire_unpack_order(bytes.data, bytes.size, &order, NULL);
        wire_free_order(order);
        free(bytes.data);
        return r;
}

static struct bytes start_bytes(uint64_t job, uint64_t attempt, uint64_t uid)
{
        struct bytes start = { 0 };

        put_number(&start, 1, 9);
        put_number(&start, 2, job);
        put_number(&start, 3, 0);
        put_number(&start, 4, attempt);
        put_number(&start, 5, uid);
        put_number(&start, 6, 1000);
        put_data(&start, 7, "\0binary\0", 8);
        return start;
}

START_TEST(orders_are_checked)
{
        struct bytes part = start_bytes(17, 1, 1000);

        ck_assert_int_eq(judge_order(2, &part), 0);
        part = start_bytes(0, 1, 1000);
        ck_assert_int_eq(judge_order(2, &part), WIRE_E_BAD);
        part = start_bytes(17, 0, 1000);
        ck_assert_int_eq(judge_order(2, &part), WIRE_E_BAD);
        /* (uid_t)-1 would leave the user as it is: root. */
        part = start_bytes(17, 1, UINT32_MAX);
        ck_assert_int_eq(judge_order(2, &part), WIRE_E_BAD);
        for (uint64_t signal = 0; signal < 70; signal++) {
                put_number(&part, 1, 9);
                put_number(&part, 2, signal);
                ck_assert_int_eq(judge_order(5, &part),
                                 signal >= 1 && signal <= 64 ? 0 : WIRE_E_BAD);
        }
}
END_TEST

START_TEST(cores_and_weights_are_checked)
{
        static const uint64_t uids[] = { 0, 1000, UINT32_MAX - 1, UINT32_MAX };
        static const uint64_t weights[] = { 0, 1, 10000, 10001 };
        const char good[] = { 1, (char)0xff, (char)0xff, 3 }; /* 1, 65535 */
        const char bad[] = { 1, (char)0x80, (char)0x80, 4 };  /* 1, 65536 */
        struct bytes part = start_bytes(17, 1, 1000);

        put_data(&part, 15, good, sizeof(good));
        ck_assert_int_eq(judge_order(2, &part), 0);
        part = start_bytes(17, 1, 1000);
        put_data(&part, 15, bad, sizeof(bad));
        ck_assert_int_eq(judge_order(2, &part), WIRE_E_BAD);
        for (size_t i = 0; i < 16; i++) {
                struct bytes order = { 0 };

                put_number(&order, 1, uids[i % 4]);
                put_number(&order, 2, weights[i / 4]);
                ck_assert_int_eq(judge_order(18, &order),
                                 i % 4 < 3 && (i / 4 == 1 || i / 4 == 2) ? 0 : WIRE_E_BAD);
        }
}
END_TEST

START_TEST(offsets_do_not_wrap)
{
        static const struct {
                uint64_t offset;
                bool good;
        } rows[] = { { 0, true },
                     { INT64_MAX - 4, true },
                     { INT64_MAX - 3, false },
                     { UINT64_MAX - 1, false } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct bytes piece = { 0 };

                put_number(&piece, 1, 9);
                put_number(&piece, 2, rows[i].offset);
                put_data(&piece, 3, "\0\1\2\3", 4);
                ck_assert_int_eq(judge_order(9, &piece), rows[i].good ? 0 : WIRE_E_BAD);
        }
}
END_TEST

START_TEST(reports_are_checked)
{
        for (uint64_t outcome = 0; outcome < 10; outcome++) {
                struct bytes exited = { 0 }, bytes = { 0 };
                Jobd__Work__Report *report = NULL;

                put_number(&exited, 1, 9);
                put_number(&exited, 2, outcome);
                put_part(&bytes, 3, &exited);
                ck_assert_int_eq(wire_unpack_report(bytes.data, bytes.size, &report, NULL),
                                 outcome >= 1 && outcome <= 7 ? 0 : WIRE_E_BAD);
                wire_free_report(report);
                free(bytes.data);
        }
}
END_TEST

static void add_tests(TCase *tcase)
{
        tcase_add_test(tcase, arena_is_aligned_and_ended);
        tcase_add_loop_test(tcase, arena_keeps_its_limit, 0, 6);
        tcase_add_test(tcase, request_comes_back);
        tcase_add_test(tcase, empty_bytes_are_an_empty_string);
        tcase_add_test(tcase, spec_may_be_empty);
        tcase_add_test(tcase, unknown_fields_pass);
        tcase_add_test(tcase, impossible_field_numbers);
        tcase_add_test(tcase, tags_are_peeked);
        tcase_add_test(tcase, envelopes_need_a_body);
        tcase_add_test(tcase, garbage_is_refused);
        tcase_add_test(tcase, strings_are_utf8);
        tcase_add_test(tcase, long_strings_are_refused);
        tcase_add_test(tcase, enums_are_known);
        tcase_add_test(tcase, id_ranges_are_ranges);
        tcase_add_test(tcase, chunks_of_input_are_checked);
        tcase_add_test(tcase, a_halt_has_one_measure);
        tcase_add_test(tcase, hello_is_checked);
        tcase_add_test(tcase, submit_is_checked);
        tcase_add_test(tcase, families_of_numbers_are_checked);
        tcase_add_test(tcase, submit_key_has_16_bytes);
        tcase_add_test(tcase, large_batches_fit);
        tcase_add_test(tcase, argv_and_environment_together);
        tcase_add_test(tcase, entries_are_counted);
        tcase_add_test(tcase, long_spec_lists_are_refused);
        tcase_add_test(tcase, memory_is_bounded);
        tcase_add_test(tcase, messages_fit_a_frame);
        tcase_add_test(tcase, merging_is_bounded);
        tcase_add_test(tcase, orders_are_checked);
        tcase_add_test(tcase, cores_and_weights_are_checked);
        tcase_add_test(tcase, offsets_do_not_wrap);
        tcase_add_test(tcase, reports_are_checked);
}

int main(void)
{
        Suite *suite = suite_create("wire");
        TCase *tcase = tcase_create("wire");

        add_tests(tcase);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}
