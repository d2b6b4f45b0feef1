/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_spawn bare|list PROCESSES COUNT [UID]: how fast commands can be started here at all.
 *
 * PROCESSES loops share COUNT runs of /usr/bin/true, each with two pipes that are read to their
 * end. bare   posix_spawn(3) and nothing else: the physical limit of anything that runs commands
 *    list   what a worker of jobd does for a job, without jobd: the full list of steps to become
 *           the user UID (user mode without it), and the four records ACCEPTED, GO, RUNNING, EXITED
 * Prints the seconds from the first start to the last end.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "common/clock.h"

#include "worker/record.h"
#include "worker/spawn.h"

#define NOOP "/usr/bin/true"

extern char **environ;

struct loop_setup {
        bool is_list;
        bool is_system;
        uid_t uid;
        unsigned int number;
        unsigned long count;
        int folder_fd;
        struct record *record;
        int null_fd;
};

static char *const noop_argv[] = { (char *)(uintptr_t) "true", NULL };

/* Two pipes as a worker makes them: read ends for us, all of them closed on exec. */
static void open_pipes(int out[2], int err_pipe[2])
{
        if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err_pipe, O_CLOEXEC) < 0)
                err(1, "pipe2");
}

static void read_to_end(int fd)
{
        char data[4096];

        while (read(fd, data, sizeof(data)) > 0)
                ;
        close(fd);
}

static void run_bare(const int out[2], const int err_pipe[2], pid_t *out_pid)
{
        posix_spawn_file_actions_t actions;

        if (posix_spawn_file_actions_init(&actions) ||
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
            posix_spawn_file_actions_adddup2(&actions, out[1], 1) ||
            posix_spawn_file_actions_adddup2(&actions, err_pipe[1], 2) ||
            posix_spawn(out_pid, NOOP, &actions, NULL, noop_argv, environ))
                errx(1, NOOP " cannot be started");
        posix_spawn_file_actions_destroy(&actions);
}

static void put_record(const struct loop_setup *setup, struct record_entry *entry,
                       enum record_state state)
{
        entry->state = state;
        record_write(setup->record, 0, entry);
}

static void run_list(const struct loop_setup *setup, const int out[2], const int err_pipe[2],
                     struct record_entry *entry, pid_t *out_pid)
{
        static const char *const candidates[] = { NOOP, NULL };
        const gid_t gid = setup->uid;
        const struct spawn_plan plan = {
                .is_system = setup->is_system,
                .uid = setup->uid,
                .gid = gid,
                .groups = &gid,
                .groups_count = 1,
                .argv = noop_argv,
                .envp = environ,
                .candidates = candidates,
                .cwd = "/",
                .umask = 022,
                .in_fd = setup->null_fd,
                .out_fd = out[1],
                .err_fd = err_pipe[1],
                .null_fd = setup->null_fd,
                .reset_oom_score = setup->is_system,
                .cgroup_procs_fd = -1,
                .death_signal = true,
                .worker_pid = getpid(),
        };
        struct spawn_result result = { 0 };
        struct reason why = { "" };

        put_record(setup, entry, RECORD_ACCEPTED);
        put_record(setup, entry, RECORD_GO);
        spawn_process(&plan, &result);
        if (result.stage != SPAWN_STAGE_NONE) {
                spawn_explain(&plan, &result, &why);
                errx(1, "%s", why.text);
        }
        entry->pid = (uint32_t)result.pid;
        put_record(setup, entry, RECORD_RUNNING);
        *out_pid = result.pid;
}

static void run_loop(const struct loop_setup *setup)
{
        struct record_entry entry = { .uid = setup->uid };

        for (unsigned long i = 0; i < setup->count; i++) {
                int out[2], err_pipe[2], status;
                pid_t pid;

                open_pipes(out, err_pipe);
                entry.lease = entry.job = i + 1;
                if (setup->is_list)
                        run_list(setup, out, err_pipe, &entry, &pid);
                else
                        run_bare(out, err_pipe, &pid);
                close(out[1]);
                close(err_pipe[1]);
                read_to_end(out[0]);
                read_to_end(err_pipe[0]);
                if (waitpid(pid, &status, 0) != pid || status != 0)
                        errx(1, NOOP " failed");
                if (setup->is_list) {
                        put_record(setup, &entry, RECORD_EXITED);
                        put_record(setup, &entry, RECORD_FREE);
                }
        }
}

/* A process that is as a worker is: signals blocked and default, a record of its own. */
static void become_worker(struct loop_setup *setup)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, NULL);
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        setup->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (setup->null_fd < 0 || clock_read_boot_id(boot_id) ||
            record_create(setup->folder_fd, setup->number, 1, boot_id) ||
            record_open(setup->folder_fd, setup->number, 1, &setup->record))
                errx(1, "no record can be made");
}

static void remove_records(int folder_fd, const char *folder, unsigned int processes)
{
        char name[RECORD_NAME_MAX];

        for (unsigned int n = 0; n < processes; n++) {
                record_name(name, n, 1);
                unlinkat(folder_fd, name, 0);
        }
        rmdir(folder);
}

int main(int argc, char **argv)
{
        char folder[] = "/dev/shm/jobd-bench.XXXXXX";
        struct loop_setup setup = { .record = NULL };
        unsigned int processes;
        unsigned long count;
        uint64_t begin;
        int status, failed = 0;

        if (argc < 4)
                errx(2, "usage: bench_spawn bare|list PROCESSES COUNT [UID]");
        processes = (unsigned int)strtoul(argv[2], NULL, 10);
        count = strtoul(argv[3], NULL, 10);
        setup.is_list = strcmp(argv[1], "list") == 0;
        setup.is_system = argc > 4;
        setup.uid = argc > 4 ? (uid_t)strtoul(argv[4], NULL, 10) : getuid();
        if (processes == 0 || count < processes || !mkdtemp(folder))
                errx(1, "nothing to do, or no /dev/shm");
        setup.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        begin = clock_mono_usec();
        for (unsigned int n = 0; n < processes; n++) {
                setup.number = n;
                setup.count = count / processes;
                if (fork() == 0) {
                        if (setup.is_list)
                                become_worker(&setup);
                        run_loop(&setup);
                        _exit(0);
                }
        }
        while (wait(&status) > 0)
                failed |= status;
        printf("%.6f\n", (double)(clock_mono_usec() - begin) / 1e6);
        remove_records(setup.folder_fd, folder, processes);
        return failed ? 1 : 0;
}
