/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting the user's daemon, as tmux does with its server.
 *
 *    client                                     jobd --user --ready-fd 3
 *    lock <runtime>/start.lock (waits)
 *    connect again: perhaps the holder of the
 *      lock before us has started it
 *    fork, setsid, fork, exec  ---------------> takes the state lock, binds, listens
 *    read the pipe             <--------------- one byte; then it closes the pipe
 *    connect
 *
 * End of file without the byte means that it did not start: its last lines in <runtime>/jobd.log
 * are shown. A jobd that finds another one in place exits 0, so one more connect is tried first.
 * The two forks leave no child behind that somebody would have to wait for, and between fork and
 * exec only async-signal-safe calls are made, since the program may have threads. The daemon gets
 * its own session, default signals and no descriptor but its log and the pipe.
 * Called by connection.c only.
 */
#include "client/lib/autostart.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/text.h"

#define AUTOSTART_WAIT_USEC (15 * USEC_PER_SEC)
#define AUTOSTART_LOG "jobd.log"
#define AUTOSTART_LOG_SHOWN 600
#define AUTOSTART_READY_FD 3

#ifndef AUTOSTART_INSTALLED
#define AUTOSTART_INSTALLED "/usr/sbin/jobd"
#endif

/* The folder that holds the file `path`, followed by `tail`; NULL without memory. */
static char *autostart_beside(const char *path, const char *tail)
{
        const char *const slash = strrchr(path, '/');

        return fs_path("%.*s/%s", slash ? (int)(slash - path) : 0, path, tail);
}

/* *program becomes `candidate` (taken over) when that can be executed. */
static bool autostart_try_program(char *candidate, char **out_program)
{
        struct stat st;

        if (candidate && stat(candidate, &st) == 0 && S_ISREG(st.st_mode) &&
            access(candidate, X_OK) == 0) {
                *out_program = candidate;
                return true;
        }
        free(candidate);
        return false;
}

/* $JOBD_PROGRAM, then beside this program, then beside this library, then the installed one. */
static char *autostart_find_program(void)
{
        static const char *const places[] = { "jobd", "../bin/jobd", "../sbin/jobd" };
        const char *const named = getenv("JOBD_PROGRAM");
        char exe[4096];
        char *program = NULL;
        Dl_info self = { 0 };
        ssize_t n;

        if (named && named[0])
                return strdup(named);
        n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        exe[n > 0 ? n : 0] = '\0';
        for (size_t i = 0; n > 0 && i < ARRAY_SIZE(places); i++)
                if (autostart_try_program(autostart_beside(exe, places[i]), &program))
                        return program;
        if (dladdr(AUTOSTART_INSTALLED, &self) && self.dli_fname)
                for (size_t i = 1; i < ARRAY_SIZE(places); i++)
                        if (autostart_try_program(autostart_beside(self.dli_fname, places[i]),
                                                  &program))
                                return program;
        return strdup(AUTOSTART_INSTALLED);
}

struct autostart_child {
        const char *program;
        char **argv;
        int null_fd, log_fd, ready_fd;
};

/* In the child: nothing here may allocate, lock or return. */
static _Noreturn void autostart_exec(const struct autostart_child *child)
{
        struct sigaction def = { .sa_handler = SIG_DFL };
        sigset_t none;

        sigemptyset(&none);
        sigemptyset(&def.sa_mask);
        for (int signo = 1; signo < NSIG; signo++)
                (void)sigaction(signo, &def, NULL);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        if (setsid() < 0 || chdir("/") < 0)
                _exit(127);
        switch (fork()) {
        case -1:
                _exit(127);
        case 0:
                break;
        default:
                _exit(0);
        }
        /* The three are above AUTOSTART_READY_FD, so that no dup2() hits one still needed. */
        if (dup2(child->null_fd, 0) < 0 || dup2(child->log_fd, 1) < 0 ||
            dup2(child->log_fd, 2) < 0 || dup2(child->ready_fd, AUTOSTART_READY_FD) < 0)
                _exit(127);
        (void)close_range(AUTOSTART_READY_FD + 1, ~0U, 0);
        execv(child->program, child->argv);
        dprintf(2, "jobd: %s cannot be executed\n", child->program);
        _exit(127);
}

/* The same descriptor at a number above AUTOSTART_READY_FD, CLOEXEC; `fd` is closed. */
static int autostart_raise_fd(int fd)
{
        int high;

        if (fd < 0 || fd > AUTOSTART_READY_FD)
                return fd;
        high = fcntl(fd, F_DUPFD_CLOEXEC, AUTOSTART_READY_FD + 1);
        fd_close(fd);
        return high;
}

/* Runs jobd with its stderr in `log_fd`; *out_ready_fd is the reading end of its pipe. */
static int autostart_spawn(const struct find_target *target, const char *program, int log_fd,
                           int *out_ready_fd)
{
        char *argv[] = { (char[]){ "jobd" },
                         (char[]){ "--user" },
                         (char[]){ "--ready-fd" },
                         (char[]){ "3" },
                         (char[]){ "--state-dir" },
                         target->state_dir,
                         NULL };
        _cleanup_(fd_closep) int null_fd = -1;
        _cleanup_(fd_closep) int read_fd = -1;
        _cleanup_(fd_closep) int write_fd = -1;
        struct autostart_child child = { .program = program, .argv = argv, .log_fd = log_fd };
        int pipe_fds[2];
        int status;
        pid_t pid;

        if (!target->state_dir)
                argv[4] = NULL;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return FAULT(-errno);
        read_fd = pipe_fds[0];
        write_fd = autostart_raise_fd(pipe_fds[1]);
        null_fd = autostart_raise_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
        if (write_fd < 0 || null_fd < 0)
                return FAULT(-errno);
        child.ready_fd = write_fd;
        child.null_fd = null_fd;
        pid = fork();
        if (pid < 0)
                return FAULT(-errno);
        if (pid == 0)
                autostart_exec(&child);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        *out_ready_fd = TAKE_FD(read_fd);
        return 0;
}

/* Did the byte come before the deadline? */
static bool autostart_wait_ready(int ready_fd)
{
        const uint64_t deadline = clock_mono_usec() + AUTOSTART_WAIT_USEC;

        for (;;) {
                struct pollfd p = { .fd = ready_fd, .events = POLLIN };
                const uint64_t now = clock_mono_usec();
                char byte;
                ssize_t n;

                if (now >= deadline)
                        return false;
                if (poll(&p, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = read(ready_fd, &byte, 1);
                if (n < 0 && errno == EINTR)
                        continue;
                return n == 1;
        }
}

/* The last lines that jobd wrote since the log had `before` bytes, one after the other. */
static void autostart_tell_log(int log_fd, off_t before, const char *program, const char *runtime,
                               struct failure *failure)
{
        char tail[AUTOSTART_LOG_SHOWN + 1];
        _cleanup_(freep) char *shown = NULL;
        struct stat st = { 0 };
        off_t from;
        ssize_t n = 0;

        if (fstat(log_fd, &st) == 0 && st.st_size > before) {
                from = MAX(before, st.st_size - AUTOSTART_LOG_SHOWN);
                n = pread(log_fd, tail, AUTOSTART_LOG_SHOWN, from);
        }
        while (n > 0 && tail[n - 1] == '\n')
                n--;
        if (n > 0)
                shown = text_escape_lines(tail, (size_t)n);
        failure_set(failure, JOBCTL_E_NO_DAEMON, "%s did not start%s%s\n(its log is %s/%s)",
                    program, shown ? ":\n" : ", and said nothing", shown ? shown : "", runtime,
                    AUTOSTART_LOG);
}

static int autostart_locked(const struct find_target *target, int folder_fd, int *out_fd,
                            struct failure *failure)
{
        _cleanup_(freep) char *program = NULL;
        _cleanup_(fd_closep) int log_fd = -1;
        _cleanup_(fd_closep) int ready_fd = -1;
        struct stat st = { 0 };
        int r;

        r = find_dial(target, out_fd, failure);
        if (r != FIND_E_NOBODY)
                return r;
        program = autostart_find_program();
        if (!program)
                return FAULT(-ENOMEM);
        log_fd = autostart_raise_fd(openat(folder_fd, AUTOSTART_LOG,
                                           O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                                           0600));
        if (log_fd < 0 || fstat(log_fd, &st) < 0) {
                failure_set(failure, JOBCTL_E_NO_DAEMON, "cannot write %s/%s: %s", target->runtime,
                            AUTOSTART_LOG, strerror(errno));
                return FIND_E_REFUSED;
        }
        r = autostart_spawn(target, program, log_fd, &ready_fd);
        if (r)
                return PASS(r);
        (void)autostart_wait_ready(ready_fd);
        r = find_dial(target, out_fd, failure);
        if (r != FIND_E_NOBODY)
                return r;
        autostart_tell_log(log_fd, st.st_size, program, target->runtime, failure);
        return FIND_E_NOBODY;
}

int autostart_dial(const struct find_target *target, int *out_fd, struct failure *failure)
{
        _cleanup_(fd_closep) int folder_fd = -1;
        _cleanup_(fd_closep) int lock_fd = -1;
        struct reason why = { "" };
        int r;

        r = fs_open_folder(target->runtime, 0700, getuid(), &folder_fd, &why);
        if (r) {
                failure_set(failure, JOBCTL_E_NO_DAEMON, "cannot start a daemon: %s",
                            why.text[0] ? why.text : target->runtime);
                return FIND_E_REFUSED;
        }
        r = fs_lock_file(folder_fd, "start.lock", true, &lock_fd);
        if (r) {
                failure_set(failure, JOBCTL_E_NO_DAEMON, "cannot lock %s/start.lock",
                            target->runtime);
                return FIND_E_REFUSED;
        }
        return autostart_locked(target, folder_fd, out_fd, failure);
}
