/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other half of the conversation: a child process that listens at a socket and follows a script
 * of accept, read, reply and close. It blocks where it waits, so a test needs no clock; a client
 * that never says what is expected is ended by the test's own time-out.
 */
#include "tests/unit/client/fake_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/usocket.h"

#include "proto/frame.h"
#include "proto/spool.h"

static char folder[64];

static int fake_remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                           struct FTW *ftw _unused_)
{
        return remove(path);
}

static void fake_remove_folder(void)
{
        (void)nftw(folder, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fake_folder(void)
{
        if (!folder[0]) {
                strcpy(folder, "/tmp/jobctl-test-XXXXXX");
                if (!mkdtemp(folder))
                        abort();
                atexit(fake_remove_folder);
        }
        return folder;
}

void fake_expect(bool truth, const char *what)
{
        if (truth)
                return;
        fprintf(stderr, "fake daemon: expected %s (%s)\n", what, strerror(errno));
        _exit(1);
}

pid_t fake_start(const char *path, fake_script_fn script)
{
        struct fake fake = { .fd = -1 };
        pid_t pid;

        if (usocket_listen(path, 0600, &fake.listen_fd))
                abort();
        pid = fork();
        if (pid < 0)
                abort();
        if (pid == 0) {
                alarm(30);
                script(&fake);
                _exit(0);
        }
        close(fake.listen_fd);
        return pid;
}

bool fake_finish(pid_t pid)
{
        int status;

        return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void fake_accept_mute(struct fake *fake)
{
        struct pollfd p = { .fd = fake->listen_fd, .events = POLLIN };

        fake_close(fake);
        fake_expect(poll(&p, 1, -1) == 1, "a connection");
        fake->fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        fake_expect(fake->fd >= 0, "to accept");
}

void fake_greet(struct fake *fake, uint64_t tag)
{
        Jobd__HelloOk ok = JOBD__HELLO_OK__INIT;
        uint8_t instance[WIRE_INSTANCE_BYTES] = { 7 };
        char build[] = "jobd fake";

        ok.version = WIRE_VERSION;
        ok.build = build;
        ok.instance.data = instance;
        ok.instance.len = sizeof(instance);
        ok.frame_max_bytes = FRAME_MAX;
        fake_reply(fake, tag, JOBD__REPLY__BODY_HELLO_OK, &ok, false, -1);
}

void fake_accept(struct fake *fake)
{
        const Jobd__Request *request;

        fake_accept_mute(fake);
        request = fake_read(fake, JOBD__REQUEST__BODY_HELLO);
        fake_expect(request->hello->magic == WIRE_MAGIC, "the magic number");
        fake_greet(fake, request->tag);
}

void fake_close(struct fake *fake)
{
        if (fake->fd >= 0)
                close(fake->fd);
        fake->fd = -1;
}

static void fake_read_bytes(struct fake *fake, uint8_t *data, size_t size)
{
        while (size > 0) {
                const ssize_t n = read(fake->fd, data, size);

                fake_expect(n > 0, "bytes of a request");
                data += n;
                size -= (size_t)n;
        }
}

const Jobd__Request *fake_read(struct fake *fake, Jobd__Request__BodyCase kind)
{
        uint8_t header[FRAME_HEADER_BYTES];
        struct reason why = { "" };
        uint32_t size = 0;
        uint8_t *body;

        fake_read_bytes(fake, header, sizeof(header));
        fake_expect(frame_get_header(header, sizeof(header), FRAME_MAX, &size) == 0, "a frame");
        body = malloc(size);
        fake_expect(body, "memory");
        fake_read_bytes(fake, body, size);
        wire_free_request(fake->request);
        fake->request = NULL;
        if (wire_unpack_request(body, size, &fake->request, &why))
                fake_expect(false, why.text);
        free(body);
        if (fake->request->body_case != kind)
                fprintf(stderr, "fake daemon: body %d came, %d was expected\n",
                        (int)fake->request->body_case, (int)kind);
        fake_expect(fake->request->body_case == kind, "another kind of request");
        return fake->request;
}

void fake_send_bytes(struct fake *fake, const void *data, size_t size)
{
        fake_expect(write(fake->fd, data, size) == (ssize_t)size, "to write");
}

void fake_reply(struct fake *fake, uint64_t tag, Jobd__Reply__BodyCase kind, void *body, bool more,
                int pass_fd)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        uint8_t header[FRAME_HEADER_BYTES];
        struct iovec iov[2];
        size_t size;
        size_t sent;
        void *data;

        reply.tag = tag;
        reply.has_more = reply.more = more;
        reply.body_case = kind;
        reply.done = body; /* every body is a pointer at the same place */
        fake_expect(wire_pack(&reply.base, &data, &size) == 0, "to pack");
        frame_put_header(header, (uint32_t)size);
        iov[0] = (struct iovec){ .iov_base = header, .iov_len = sizeof(header) };
        iov[1] = (struct iovec){ .iov_base = data, .iov_len = size };
        fake_expect(usocket_send(fake->fd, iov, 2, pass_fd, &sent) == 0 &&
                            sent == size + sizeof(header),
                    "to send a reply");
        free(data);
}

void fake_error(struct fake *fake, uint64_t tag, Jobd__ErrorCode code, const char *text, bool more)
{
        Jobd__Error error = JOBD__ERROR__INIT;
        char *const copy = strdup(text);

        error.code = code;
        error.message = copy;
        fake_reply(fake, tag, JOBD__REPLY__BODY_ERROR, &error, more, -1);
        free(copy);
}

void fake_done(struct fake *fake, uint64_t tag)
{
        Jobd__Done done = JOBD__DONE__INIT;

        fake_reply(fake, tag, JOBD__REPLY__BODY_DONE, &done, false, -1);
}

void fake_wait_closed(struct fake *fake)
{
        char buf[4096];

        while (read(fake->fd, buf, sizeof(buf)) > 0)
                ;
        fake_close(fake);
}

size_t fake_record(uint8_t *out, unsigned int stream, const char *text)
{
        const struct spool_record record = { .stream = (enum spool_stream)stream,
                                             .wall_usec = 1700000000000000,
                                             .size_bytes = (uint32_t)strlen(text) };

        spool_put_header(out, &record);
        memcpy(out + SPOOL_HEADER_BYTES, text, strlen(text));
        return SPOOL_HEADER_BYTES + strlen(text);
}

struct jobctl_result *fake_result(const Jobd__Reply *reply)
{
        struct jobctl_result *result = NULL;
        Jobd__Reply *unpacked = NULL;
        struct reason why = { "" };
        void *data = NULL;
        size_t size = 0;

        fake_expect(wire_pack(&reply->base, &data, &size) == 0, "an answer that can be packed");
        fake_expect(wire_unpack_reply(data, size, &unpacked, &why) == 0, why.text);
        free(data);
        fake_expect(result_new(&result) == 0 && result_add(result, unpacked) == 0, "a result");
        return result;
}
