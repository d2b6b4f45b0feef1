/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does with the installed library: runs one line of shell in its user's queue, and
 * writes what the line writes. Built with what pkg-config says of "jobctl", by the tests of
 * packages and by the test of the Debian package. Ends with 0 when the job succeeded.
 */
#include <jobctl.h>
#include <stdio.h>

static void on_data(void *arg, enum jobctl_output which, uint64_t wall_usec, const void *data,
                    size_t size)
{
        (void)arg;
        (void)which;
        (void)wall_usec;
        fwrite(data, 1, size, stdout);
}

static void on_end(void *arg, int code, const char *text, const struct jobctl_item *ended)
{
        const uint64_t state = jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0);

        if (code)
                fprintf(stderr, "%s\n", text);
        *(int *)arg = code || state != JOBCTL_STATE_SUCCEEDED;
}

int main(int argc, char **argv)
{
        const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                               .on_data = on_data,
                                               .on_end = on_end };
        struct jobctl_stream *stream;
        struct jobctl_spec *spec;
        struct jobctl *conn;
        uint64_t id;
        int status = 1;

        if (argc != 2 || jobctl_new(&conn) || jobctl_spec_new(&spec))
                return 125;
        if (jobctl_spec_set_shell(spec, argv[1]) || jobctl_spec_capture(spec) ||
            jobctl_submit(conn, &spec, 1, &id, NULL) ||
            jobctl_follow(conn, id, 0, JOBCTL_FOLLOW_UNTIL_END, &ops, &status, &stream)) {
                fprintf(stderr, "%s\n", jobctl_error_text(conn));
                return 125;
        }
        jobctl_stream_run(stream, UINT64_MAX);
        jobctl_stream_free(stream);
        jobctl_spec_free(spec);
        jobctl_free(conn);
        return status;
}
