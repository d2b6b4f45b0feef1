/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the seeds of the corpora: fuzz_seeds FOLDER writes FOLDER/<target>/<name>.
 *
 * For the four envelopes there is one seed for each body, with every field of every message filled
 * from the descriptors, so that a message added to the schema gets its seed by running this again
 * (and adding the file). Each is also decoded here: a schema whose rules contradict the filling is
 * an error, which is why this program runs as a test too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/fs.h"

#include "proto/frame.h"
#include "proto/spool.h"
#include "proto/wire.h"

struct seed {
        uint8_t data[64 * 1024];
        size_t size;
};

static void seed_put(struct seed *seed, const void *data, size_t size)
{
        if (size > sizeof(seed->data) - seed->size)
                abort();
        memcpy(seed->data + seed->size, data, size);
        seed->size += size;
}

static void seed_put_varint(struct seed *seed, uint64_t value)
{
        for (; value > 0x7f; value >>= 7)
                seed_put(seed, &(uint8_t){ (uint8_t)(value | 0x80) }, 1);
        seed_put(seed, &(uint8_t){ (uint8_t)value }, 1);
}

static void seed_put_data(struct seed *seed, uint32_t field, const void *data, size_t size)
{
        seed_put_varint(seed, field << 3 | 2);
        seed_put_varint(seed, size);
        seed_put(seed, data, size);
}

/* Good as a key, as a path, as "K=V" and as data. */
#define SEED_BYTES "/=0123456789abcd"

static uint64_t seed_number(const ProtobufCFieldDescriptor *field)
{
        const ProtobufCEnumDescriptor *values = field->descriptor;

        if (field->type == PROTOBUF_C_TYPE_ENUM)
                return (uint64_t)values->values[values->n_values - 1].value;
        if (strcmp(field->name, "frame_max_bytes") == 0)
                return FRAME_MAX;
        return field->type == PROTOBUF_C_TYPE_SINT32 ? 2 : 1; /* 1 in zigzag */
}

/* A run of one value: the counts are 1, too. */
static void seed_put_bytes(struct seed *seed, const ProtobufCFieldDescriptor *field)
{
        const bool is_run = strcmp(field->name, "values") == 0;

        seed_put_data(seed, field->id, SEED_BYTES, strlen(SEED_BYTES) + is_run);
}

static void seed_fill(struct seed *seed, const ProtobufCMessageDescriptor *type, uint32_t body);

static void seed_put_field(struct seed *seed, const ProtobufCFieldDescriptor *field)
{
        const uint32_t magic = WIRE_MAGIC; /* the only fixed32 of the schema */
        struct seed *part;

        switch (field->type) {
        case PROTOBUF_C_TYPE_STRING:
                seed_put_data(seed, field->id, "text", 4);
                break;
        case PROTOBUF_C_TYPE_BYTES:
                seed_put_bytes(seed, field);
                break;
        case PROTOBUF_C_TYPE_FIXED32:
                seed_put_varint(seed, field->id << 3 | 5);
                seed_put(seed, &magic, sizeof(magic));
                break;
        case PROTOBUF_C_TYPE_MESSAGE:
                part = calloc(1, sizeof(*part));
                if (!part)
                        abort();
                seed_fill(part, field->descriptor, 0);
                seed_put_data(seed, field->id, part->data, part->size);
                free(part);
                break;
        default:
                seed_put_varint(seed, field->id << 3);
                seed_put_varint(seed, seed_number(field));
        }
}

/* All fields; of a oneof the one with number `body`, or the first when that is 0. */
static void seed_fill(struct seed *seed, const ProtobufCMessageDescriptor *type, uint32_t body)
{
        for (unsigned int i = 0; i < type->n_fields; i++) {
                const ProtobufCFieldDescriptor *field = &type->fields[i];

                if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
                        if (body == 0)
                                body = field->id;
                        if (field->id != body)
                                continue;
                }
                /* Either this or its count. */
                if (type == &jobd__halt__descriptor && strcmp(field->name, "percent") == 0)
                        continue;
                seed_put_field(seed, field);
                if (field->label == PROTOBUF_C_LABEL_REPEATED)
                        seed_put_field(seed, field);
        }
}

static void seed_write(const struct seed *seed, const char *folder, const char *target,
                       const char *name)
{
        _cleanup_(freep) char *path = fs_path("%s/%s", folder, target);
        _cleanup_(freep) char *file = fs_path("%s/%s/%s", folder, target, name);
        _cleanup_(fd_closep) int fd = -1;

        if (!path || !file || (mkdir(path, 0755) < 0 && errno != EEXIST))
                abort();
        fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (fd < 0 || fs_write_all(fd, seed->data, seed->size) < 0) {
                fprintf(stderr, "fuzz_seeds: cannot write %s\n", file);
                exit(1);
        }
}

#define ENVELOPE(name, Type)                                                                       \
        static int seed_judge_##name(const struct seed *seed, struct reason *why)                  \
        {                                                                                          \
                Type *message = NULL;                                                              \
                const int r = wire_unpack_##name(seed->data, seed->size, &message, why);           \
                                                                                                   \
                wire_free_##name(message);                                                         \
                return r;                                                                          \
        }
ENVELOPE(request, Jobd__Request)
ENVELOPE(reply, Jobd__Reply)
ENVELOPE(report, Jobd__Work__Report)
ENVELOPE(order, Jobd__Work__Order)

static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *target;
        int (*judge)(const struct seed *seed, struct reason *why);
} envelopes[] = {
        { &jobd__request__descriptor, "request", seed_judge_request },
        { &jobd__reply__descriptor, "reply", seed_judge_reply },
        { &jobd__work__report__descriptor, "report", seed_judge_report },
        { &jobd__work__order__descriptor, "report", seed_judge_order },
};

static int seeds_of_envelopes(const char *folder)
{
        for (size_t e = 0; e < ARRAY_SIZE(envelopes); e++)
                for (unsigned int i = 0; i < envelopes[e].type->n_fields; i++) {
                        const ProtobufCFieldDescriptor *field = &envelopes[e].type->fields[i];
                        struct seed seed = { .size = 0 };
                        struct reason why = { "" };

                        if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
                                continue;
                        seed_fill(&seed, envelopes[e].type, field->id);
                        if (envelopes[e].judge(&seed, &why) != 0) {
                                fprintf(stderr, "fuzz_seeds: %s.%s is refused: %s\n",
                                        envelopes[e].type->name, field->name, why.text);
                                return 1;
                        }
                        seed_write(&seed, folder, envelopes[e].target, field->name);
                }
        return 0;
}

/* The general filling makes an array of every job, and an array is no map. */
static int seeds_of_maps(const char *folder)
{
        struct seed spec = { .size = 0 }, submission = { .size = 0 };
        struct seed submit = { .size = 0 }, request = { .size = 0 };
        struct reason why = { "" };

        seed_put_data(&spec, 1, "printf", 6);
        seed_put_data(&spec, 1, "[%s]{2}{/.}{#}", 14);
        seed_put_data(&spec, 1, "{-1}x{.}", 8);
        seed_put_varint(&spec, 60U << 3); /* map_values */
        seed_put_varint(&spec, 2);
        seed_put_data(&submission, 1, spec.data, spec.size);
        seed_put_data(&submit, 1, "0123456789abcdef", WIRE_KEY_BYTES);
        seed_put_data(&submit, 3, submission.data, submission.size);
        seed_put_varint(&request, 1U << 3); /* tag */
        seed_put_varint(&request, 1);
        seed_put_data(&request, 4, submit.data, submit.size);
        if (seed_judge_request(&request, &why) != 0) {
                fprintf(stderr, "fuzz_seeds: the map is refused: %s\n", why.text);
                return 1;
        }
        seed_write(&request, folder, "request", "submit_map");
        return 0;
}

static void seeds_of_frames(const char *folder)
{
        struct seed seed = { .size = 0 };

        seed_put(&seed, "\x08\0\0\0\1a\0\0\0\5hello\0\0\0\3end", 23);
        seed_write(&seed, folder, "frame", "three");
        seed_put(&seed, "\0\0\x10\0cut", 7);
        seed_write(&seed, folder, "frame", "cut");
        seed.size = 0;
        seed_put(&seed, "\1\0\0\0\1a\xff\xff\xff\xff", 10);
        seed_write(&seed, folder, "frame", "too_long");
        seed.size = 0;
        seed_put(&seed, "\1\0\0\0\0", 5);
        seed_write(&seed, folder, "frame", "empty");
}

static void seed_put_record(struct seed *seed, enum spool_stream stream, const char *text)
{
        const struct spool_record record = { stream, 1795253400000000, (uint32_t)strlen(text) };
        uint8_t header[SPOOL_HEADER_BYTES];

        spool_put_header(header, &record);
        seed_put(seed, header, sizeof(header));
        seed_put(seed, text, strlen(text));
}

static void seeds_of_spools(const char *folder)
{
        const int plain = memfd_create("plain", MFD_CLOEXEC);
        const int packed = memfd_create("packed", MFD_CLOEXEC);
        struct seed seed = { .size = 0 };
        uint64_t packed_bytes = 0;
        ssize_t n;

        seed_put(&seed, "", 1);
        seed_put_record(&seed, SPOOL_STDOUT, "line one\nline two\n");
        seed_put_record(&seed, SPOOL_STDERR, "oops\n");
        seed_put_record(&seed, SPOOL_MARK, "output cut after 100 MiB");
        seed_write(&seed, folder, "spool", "records");
        if (write(plain, seed.data + 1, seed.size - 1) < 0 ||
            spool_compress(plain, packed, &packed_bytes) != 0)
                abort();
        seed.data[0] = 2;
        seed_write(&seed, folder, "spool", "compress");
        seed.data[0] = 1;
        n = pread(packed, seed.data + 1, sizeof(seed.data) - 1, 0);
        if (n < 0)
                abort();
        seed.size = 1 + (size_t)n;
        seed_write(&seed, folder, "spool", "compressed");
        close(plain);
        close(packed);
}

/* shell?, values of a task, words; then the words and the values. */
/* clang-format off */
#define ROW(name, head, text) { name, head text, sizeof(head text) }
static const struct {
        const char *name, *data;
        size_t size;
} template_seeds[] = {
        ROW("argv", "\0\2\3", "cp\0{1/}.x\0a b{}\0it's\0d/e.f"),
        ROW("parts", "\0\1\1", "{.}{/}{//}{/.}{#}{%}{-1}{1//}\0a/b.c/d.e"),
        ROW("plain", "\0\3\2", "echo\0=x [y] ~\0\0 \0'\0''"),
        ROW("shell", "\1\2\3", "/bin/sh\0-c\0cat {} | x={2}\0a'b\0$c\0"),
        ROW("raw", "\1\1\3", "/bin/sh\0-c\0{} 2>&1\0echo a; b"),
        ROW("perl", "\0\1\2", "e\0{= s/a// =}\0v"),
};
/* clang-format on */

static void seeds_of_templates(const char *folder)
{
        for (size_t i = 0; i < ARRAY_SIZE(template_seeds); i++) {
                struct seed seed = { .size = 0 };

                seed_put(&seed, template_seeds[i].data, template_seeds[i].size);
                seed_write(&seed, folder, "template", template_seeds[i].name);
        }
}

int main(int argc, char *argv[])
{
        if (argc != 2) {
                fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
                return 2;
        }
        if (mkdir(argv[1], 0755) < 0 && errno != EEXIST)
                return 1;
        seeds_of_frames(argv[1]);
        seeds_of_spools(argv[1]);
        seeds_of_templates(argv[1]);
        if (seeds_of_maps(argv[1]) != 0)
                return 1;
        return seeds_of_envelopes(argv[1]);
}
