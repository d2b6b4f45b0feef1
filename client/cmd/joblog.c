/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job log as GNU parallel writes it, byte for byte, so that scripts that read one read ours, and
 * either program resumes the other's.
 *
 *     Seq Host Starttime JobRuntime Send Receive Exitval Signal Command      (tabs between)
 *     7   :    1795233784.697     0.003 0 2 1 0 echo a
 *
 * A newline in a command is written as a zero byte. Lines are gathered and written by
 * joblog_flush() in whole lines, so that a crash tears at most the last one; it is cut off when the
 * file is opened again, since its task is run again.
 */
#include "client/cmd/joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#define JOBLOG_BUFFER_BYTES (64U * 1024)

static const char joblog_header[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

struct joblog {
        char *path; /* owned */
        int fd;     /* owned */
        char *data; /* owned: lines not yet written */
        size_t size, room;
};

struct joblog *joblog_free(struct joblog *log)
{
        if (!log)
                return NULL;
        if (joblog_flush(log, NULL))
                log->size = 0; /* nobody is left to be told */
        fd_close(log->fd);
        free(log->path);
        free(log->data);
        free(log);
        return NULL;
}

/* ------------------------------------------------------------------------------------- writing */

static int joblog_refuse(const char *path, const char *what, struct reason *why)
{
        return reason_set(why, JOBLOG_E_BAD, "cannot %s the job log %.150s: %s", what, path,
                          strerror(errno));
}

static int joblog_add(struct joblog *log, const void *data, size_t size)
{
        if (log->size + size > log->room) {
                const size_t room = MAX(2 * log->room, log->size + size);
                char *const bigger = realloc(log->data, room);

                if (!bigger)
                        return FAULT(-ENOMEM);
                log->data = bigger;
                log->room = room;
        }
        memcpy(log->data + log->size, data, size);
        log->size += size;
        return 0;
}

/* Where the last whole line of a file of `size` bytes ends. -1 with errno: it cannot be read. */
static off_t joblog_find_end(int fd, off_t size)
{
        char block[4096];

        while (size > 0) {
                const size_t length = MIN((size_t)size, sizeof(block));
                const ssize_t n = pread(fd, block, length, size - (off_t)length);
                const char *found;

                if (n != (ssize_t)length)
                        return -1;
                found = memrchr(block, '\n', length);
                if (found)
                        return size - (off_t)length + (found - block) + 1;
                size -= (off_t)length;
        }
        return 0;
}

/* Cuts off a torn line. Returns 1 when the file is empty and wants the header, 0, or -1, errno. */
static int joblog_mend(int fd)
{
        struct stat st;
        off_t end;

        if (fstat(fd, &st) < 0)
                return -1;
        if (!S_ISREG(st.st_mode))
                return 1;
        end = joblog_find_end(fd, st.st_size);
        if (end < 0 || (end < st.st_size && ftruncate(fd, end) < 0))
                return -1;
        return end == 0;
}

/*
 * Something else that has this name, such as the file of the inputs, must not be emptied or mended.
 * A log without a header is one, too, if it was read before (`append`): all but a torn line was
 * judged then. What cannot be read is not judged here. 0, JOBLOG_E_BAD.
 */
static int joblog_judge(const char *path, bool append, struct reason *why)
{
        char begin[sizeof("Seq\t") - 1];
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;
        ssize_t n;

        if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
                return 0;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        n = fd < 0 ? -1 : pread(fd, begin, sizeof(begin), 0);
        if (n <= 0 || memcmp(begin, joblog_header, (size_t)n) == 0 ||
            (append && joblog_find_end(fd, st.st_size) > 0))
                return 0;
        return reason_set(why, JOBLOG_E_BAD,
                          "%.150s is there already and is no job log: name another file for "
                          "--joblog, or remove it",
                          path);
}

int joblog_open(const char *path, bool append, struct joblog **out_log, struct reason *why)
{
        _cleanup_(joblog_freep) struct joblog *log = calloc(1, sizeof(*log));
        const bool plus = path[0] == '+';
        int wants_header;
        int r = 0;

        if (!log)
                return FAULT(-ENOMEM);
        log->fd = -1;
        log->path = strdup(path + (plus ? 1 : 0));
        if (!log->path)
                return FAULT(-ENOMEM);
        r = joblog_judge(log->path, append, why);
        if (r)
                return r;
        append = append || plus;
        log->fd = open(log->path,
                       (append ? O_RDWR | O_APPEND : O_WRONLY | O_TRUNC) | O_CREAT | O_CLOEXEC |
                               O_NOCTTY,
                       0666);
        if (log->fd < 0)
                return joblog_refuse(log->path, "write", why);
        wants_header = append ? joblog_mend(log->fd) : 1;
        if (wants_header < 0)
                return joblog_refuse(log->path, "add to", why);
        if (wants_header)
                r = joblog_add(log, joblog_header, strlen(joblog_header));
        if (r)
                return PASS(r);
        r = joblog_flush(log, why);
        if (r)
                return r;
        *out_log = TAKE_PTR(log);
        return 0;
}

int joblog_write(struct joblog *log, const struct joblog_entry *entry, struct reason *why)
{
        const uint64_t start_msec = (entry->start_wall_usec + 500) / USEC_PER_MSEC;
        const uint64_t run_msec = (entry->run_usec + 500) / USEC_PER_MSEC;
        char run[32], text[256];
        char *command;
        int n, r;

        snprintf(run, sizeof(run), "%" PRIu64 ".%03" PRIu64, run_msec / 1000, run_msec % 1000);
        n = snprintf(text, sizeof(text),
                     "%" PRIu64 "\t:\t%" PRIu64 ".%03" PRIu64 "\t%10s\t0\t%" PRIu64 "\t%d\t%d\t",
                     entry->sequence, start_msec / 1000, start_msec % 1000, run,
                     entry->receive_bytes, entry->exit_code, entry->exit_signal);
        r = joblog_add(log, text, (size_t)n);
        if (r == 0)
                r = joblog_add(log, entry->command, entry->command_size);
        if (r == 0)
                r = joblog_add(log, "\n", 1);
        if (r)
                return PASS(r);
        command = log->data + log->size - 1 - entry->command_size;
        for (size_t i = 0; i < entry->command_size; i++)
                if (command[i] == '\n')
                        command[i] = '\0';
        return log->size >= JOBLOG_BUFFER_BYTES ? joblog_flush(log, why) : 0;
}

int joblog_flush(struct joblog *log, struct reason *why)
{
        int r;

        if (log->size == 0 || log->fd < 0)
                return 0;
        r = fs_write_all(log->fd, log->data, log->size);
        log->size = 0;
        if (r) {
                errno = -r;
                return joblog_refuse(log->path, "write", why);
        }
        return 0;
}

/* ------------------------------------------------------------------------------------- reading */

/* Cuts the field at *at off its line; NULL: there is no tab behind it. */
static const char *joblog_cut(char **at)
{
        char *const start = *at;
        char *const tab = strchr(start, '\t');

        if (!tab)
                return NULL;
        *tab = '\0';
        *at = tab + 1;
        return start + strspn(start, " ");
}

/* Reads "12.345" as microseconds, whatever the locale says of points; anything else is no time. */
static bool joblog_read_seconds(const char *text, uint64_t *out_usec)
{
        uint64_t unit = USEC_PER_SEC / 10;
        uint64_t value;
        char *end;

        errno = 0;
        value = strtoull(text, &end, 10);
        if (end == text || errno || value > INT64_MAX / USEC_PER_SEC || *text == '-')
                return false;
        value *= USEC_PER_SEC;
        if (*end == '.')
                for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
                        value += unit * (uint64_t)(*end - '0');
        *out_usec = value;
        return !*end;
}

static bool joblog_read_number(const char *text, int64_t *out_value)
{
        char *end;

        errno = 0;
        *out_value = strtoll(text, &end, 10);
        return end != text && !*end && errno == 0;
}

/* One line without its newline, which has `size` bytes. False: not our format. */
static bool joblog_parse(char *line, size_t size, struct joblog_entry *out_entry)
{
        const char *fields[8]; /* all but the command */
        int64_t sequence, send, receive, code, signo;
        char *at = line;

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                fields[i] = joblog_cut(&at);
                if (!fields[i])
                        return false;
        }
        if (!joblog_read_number(fields[0], &sequence) || sequence < 1 ||
            !joblog_read_seconds(fields[2], &out_entry->start_wall_usec) ||
            !joblog_read_seconds(fields[3], &out_entry->run_usec) ||
            !joblog_read_number(fields[4], &send) || !joblog_read_number(fields[5], &receive) ||
            !joblog_read_number(fields[6], &code) || !joblog_read_number(fields[7], &signo))
                return false;
        out_entry->sequence = (uint64_t)sequence;
        out_entry->receive_bytes = (uint64_t)MAX(receive, 0);
        out_entry->exit_code = (int)code;
        out_entry->exit_signal = (int)signo;
        out_entry->command = at;
        out_entry->command_size = size - (size_t)(at - line);
        for (char *c = at; c < line + size; c++)
                if (*c == '\0')
                        *c = '\n';
        return true;
}

static int joblog_read_lines(FILE *file, const char *path, joblog_read_fn fn, void *arg,
                             struct reason *why)
{
        _cleanup_(freep) char *line = NULL;
        unsigned long long number = 0;
        size_t room = 0;
        ssize_t n;
        int r;

        while ((n = getline(&line, &room, file)) > 0) {
                struct joblog_entry entry = { .sequence = 0 };

                if (line[n - 1] != '\n')
                        break; /* torn: its task is run again */
                line[n - 1] = '\0';
                number++;
                if (strncmp(line, "Seq\t", 4) == 0)
                        continue;
                if (!joblog_parse(line, (size_t)n - 1, &entry))
                        return reason_set(why, JOBLOG_E_BAD,
                                          "line %llu of %.150s is not of a job log: give the file "
                                          "that --joblog wrote, or another name",
                                          number, path);
                r = fn(arg, &entry);
                if (r)
                        return r;
        }
        return ferror(file) ? joblog_refuse(path, "read", why) : 0;
}

int joblog_read(const char *path, joblog_read_fn fn, void *arg, struct reason *why)
{
        FILE *file;
        int r;

        if (path[0] == '+')
                path++;
        file = fopen(path, "re");
        if (!file && errno == ENOENT)
                return JOBLOG_E_ABSENT;
        if (!file)
                return joblog_refuse(path, "read", why);
        r = joblog_read_lines(file, path, fn, arg, why);
        fclose(file);
        return r;
}
