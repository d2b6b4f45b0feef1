/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobd's start: everything that must be done once, in this order, before the loop turns.
 *
 *    1  command line, hardening of this process
 *    2  settings
 *    3  folders: made, opened, owner and mode checked
 *    4  the lock of the state folder: from here on there is no second jobd
 *    5  client sockets: from systemd, or bound by us (a stale file may go: we hold the lock)
 *    6  the pool, unless systemd runs it; in system mode it must be root's child
 *    7  system mode as root: drop to the user `jobd`, for ever
 *    8  daemon_run()
 *
 * Every refusal is one sentence on stderr: what, where, what to do; and one of LSB's exit codes, or
 * 65 for a database that cannot be used. A fault (no memory, no descriptors) is code 1, and so is
 * what may pass by itself: a service manager is to try again only after that one, see
 * RestartPreventExitStatus= of the unit. This file is the only one that exits.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/kernel.h"
#include "common/log.h"
#include "common/usocket.h"
#include "common/version.h"

#include "daemon/clients/clients.h"
#include "daemon/daemon.h"
#include "daemon/options.h"
#include "daemon/privileges.h"

#define MAIN_FILES_MAX 65536
/* With RestartSec= that is less often than the StartLimit of the unit: it goes on until it helps.
 */
#define MAIN_AGAIN_SEC 30

enum main_exit {
        MAIN_EXIT_FAILED = 1,
        MAIN_EXIT_USAGE = 2,
        MAIN_EXIT_UNABLE = KERNEL_EXIT,
        MAIN_EXIT_NO_RIGHT = 4,
        MAIN_EXIT_NOT_CONFIGURED = 6,
};

/* Answers of the steps below: what main() ends with. */
enum main_answer {
        MAIN_E_REFUSED = 1, /* the reason says why; main->exit_code is set */
        MAIN_E_OTHER_RUNS,  /* another jobd holds the lock */
};

struct jobd {
        struct options options;
        struct paths paths;
        struct paths_folders folders;
        struct start_pool *pool;
        int lock_fd;
        uid_t jobd_uid; /* whom we run as in the end */
        gid_t jobd_gid;
        bool is_dropping; /* root now, jobd later */
        int exit_code;
        struct daemon_setup setup;
};

static int main_refuse(struct jobd *jobd, enum main_exit code)
{
        jobd->exit_code = code;
        return MAIN_E_REFUSED;
}

/* Turns a lower module's result into ours: its answers are refusals with this exit code. */
static int main_judge(struct jobd *jobd, int r, enum main_exit code)
{
        if (r > 0)
                return main_refuse(jobd, code);
        return PASS(r);
}

/* ---------------------------------------------------------------------------------- the process */

static int main_harden(struct jobd *jobd, struct reason *why)
{
        if (privileges_are_borrowed()) {
                (void)reason_set(why, 0,
                                 "jobd must not be setuid, setgid or have file "
                                 "capabilities; start it as the user it is to run as");
                return main_refuse(jobd, MAIN_EXIT_NO_RIGHT);
        }
        umask(077);
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return FAULT(-errno);
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return FAULT(-errno);
        return 0;
}

/* One descriptor per client: the soft limit of a login is too small. After the pool was started,
 * since a job is to get what its user has. */
static int main_raise_files(void)
{
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return FAULT(-errno);
        limit.rlim_cur = MAX(limit.rlim_cur, MIN(limit.rlim_max, (rlim_t)MAIN_FILES_MAX));
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
                return FAULT(-errno);
        return 0;
}

/* ------------------------------------------------------------------------------------- settings */

static int main_load_config(struct jobd *jobd, struct reason *why)
{
        const struct options *options = &jobd->options;
        const char *warning;
        int r;

        r = config_load(options->is_system, options->config_path, options->sets,
                        options->sets_count, &jobd->setup.config, why);
        if (r)
                return main_judge(jobd, r, MAIN_EXIT_NOT_CONFIGURED);
        log_init("jobd", config_log_level(jobd->setup.config));
        for (size_t i = 0; (warning = config_warning(jobd->setup.config, i)); i++)
                log_warning("%s", warning);
        return 0;
}

/* ------------------------------------------------------------------------------------- folders */

static int main_find_identity(struct jobd *jobd, struct reason *why)
{
        int r;

        jobd->jobd_uid = geteuid();
        jobd->jobd_gid = getegid();
        jobd->is_dropping = jobd->options.is_system && geteuid() == 0;
        if (!jobd->is_dropping)
                return 0;
        r = privileges_find_user(&jobd->jobd_uid, &jobd->jobd_gid, why);
        return main_judge(jobd, r, MAIN_EXIT_NOT_CONFIGURED);
}

static int main_open_folders(struct jobd *jobd, struct reason *why)
{
        const struct paths_options options = {
                .is_system = jobd->options.is_system,
                .socket = jobd->options.socket,
                .state_dir = jobd->options.state_dir,
        };
        int r;

        r = paths_find(&options, &jobd->paths, why);
        if (r == 0)
                r = paths_open_folders(&jobd->paths, jobd->jobd_uid, jobd->jobd_gid, &jobd->folders,
                                       why);
        return main_judge(jobd, r, MAIN_EXIT_NO_RIGHT);
}

static int main_lock_state(struct jobd *jobd, struct reason *why)
{
        int r = 0;

        /* The folder is jobd's: as root we would follow whatever jobd has put there. */
        if (jobd->is_dropping)
                r = privileges_act_as(jobd->jobd_uid, jobd->jobd_gid);
        if (r)
                return PASS(r);
        r = fs_lock_file(jobd->folders.state_fd, "lock", false, &jobd->lock_fd);
        if (jobd->is_dropping && privileges_act_as_root())
                return FAULT(-EPERM);
        if (r == FS_E_LOCKED) {
                (void)reason_set(why, 0,
                                 "another jobd already runs on %s: stop that one first (systemctl "
                                 "stop jobd, or jobctl shutdown), or choose another --state-dir",
                                 jobd->paths.state);
                return MAIN_E_OTHER_RUNS;
        }
        return main_judge(jobd, r, MAIN_EXIT_FAILED);
}

/* ------------------------------------------------------------------------------------- sockets */

static int main_listen(struct jobd *jobd, struct reason *why)
{
        struct daemon_setup *setup = &jobd->setup;
        const char *path = jobd->paths.socket;
        int r;

        r = service_take_sockets(setup->listen_fds, &setup->listen_fds_count, why);
        if (r)
                return main_judge(jobd, r, MAIN_EXIT_NOT_CONFIGURED);
        if (setup->listen_fds_count > 0)
                return 0;
        r = usocket_listen(path, jobd->options.is_system ? 0666 : 0600, &setup->listen_fds[0]);
        if (r == 0) {
                setup->listen_fds_count = 1;
                setup->is_socket_ours = true;
                return 0;
        }
        (void)reason_set(why, 0, "cannot listen at %s: %s%s", path,
                         r < 0 ? strerror(-r) : "the path is too long",
                         setup->is_managed ? "; is jobd.socket enabled?" : "");
        return main_refuse(jobd, MAIN_EXIT_FAILED);
}

/* ------------------------------------------------------------------------------------- the pool */

static int main_start_pool(struct jobd *jobd, struct reason *why)
{
        const struct start_pool_options options = {
                .paths = &jobd->paths,
                .records_fd = jobd->folders.records_fd,
                .workers = jobd->setup.config->workers,
                .idle_usec = jobd->setup.config->pool_idle_usec,
                .jobd_uid = jobd->jobd_uid,
                .may_restart = !jobd->options.is_system,
        };
        int r;

        if (jobd->setup.is_managed)
                return 0;
        if (jobd->options.is_system && geteuid() != 0) {
                log_notice("not root and not under systemd: somebody else must run the pool");
                return 0;
        }
        r = start_pool_new(&options, &jobd->pool, why);
        if (r == 0)
                r = start_pool_run(jobd->pool, why);
        return main_judge(jobd, r, MAIN_EXIT_FAILED);
}

/* --------------------------------------------------------------------------------------- start */

static int main_prepare(struct jobd *jobd, struct reason *why)
{
        typedef int (*step_fn)(struct jobd *, struct reason *);
        static const step_fn steps[] = {
                main_find_identity, main_open_folders, main_lock_state,
                main_listen,        main_start_pool,
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                r = steps[i](jobd, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        r = main_raise_files();
        if (r == 0 && jobd->is_dropping)
                r = privileges_drop(jobd->jobd_uid, jobd->jobd_gid);
        if (r)
                return PASS(r);
        if (getrandom(jobd->setup.instance, sizeof(jobd->setup.instance), 0) !=
            (ssize_t)sizeof(jobd->setup.instance))
                return FAULT(-errno);
        return chdir("/") < 0 ? FAULT(-errno) : 0;
}

static int main_run(struct jobd *jobd, struct reason *why)
{
        struct daemon_setup *setup = &jobd->setup;
        const int ready_fd = jobd->options.ready_fd;
        int r;

        if (ready_fd >= 0 && fcntl(ready_fd, F_SETFD, FD_CLOEXEC) < 0) {
                (void)reason_set(why, 0, "--ready-fd %d is not open", ready_fd);
                return main_refuse(jobd, MAIN_EXIT_USAGE);
        }
        setup->ready_fd = ready_fd;
        setup->is_system = jobd->options.is_system;
        setup->is_auto = jobd->options.is_auto;
        setup->is_managed = service_is_managed();
        setup->config_path = jobd->options.config_path;
        setup->config_sets = jobd->options.sets;
        setup->config_sets_count = jobd->options.sets_count;
        setup->paths = &jobd->paths;
        r = main_prepare(jobd, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        setup->state_fd = jobd->folders.state_fd;
        setup->spool_fd = jobd->folders.spool_fd;
        setup->workers_uid = jobd->options.is_system ? 0 : geteuid();
        setup->pool = jobd->pool;
        jobd->exit_code = daemon_run(setup);
        return 0;
}

/* Which answers of main_act() are said aloud, and how. */
static void main_tell(const struct jobd *jobd, int r, const struct reason *why)
{
        const char *text = why->text[0] ? why->text : strerrordesc_np(-r);

        const enum log_event event = jobd->exit_code == MAIN_EXIT_NOT_CONFIGURED
                                             ? LOG_EVENT_CONFIG_BAD
                                             : LOG_EVENT_START_REFUSED;

        if (r < 0)
                log_write(LOG_LEVEL_ERROR, event, 0, "cannot start: %s", text);
        else
                log_write(LOG_LEVEL_ERROR, event, 0, "%s%s", text,
                          jobd->exit_code == MAIN_EXIT_USAGE ? " (see jobd --help)" : "");
        service_tell_status("Cannot start: %s", text);
}

/* Nothing gets better by itself: who waits at the socket is told, and does not start us again. */
static void main_turn_away(struct jobd *jobd, const char *text)
{
        struct daemon_setup *setup = &jobd->setup;
        struct reason sentence, ignored;

        if (jobd->exit_code <= MAIN_EXIT_FAILED)
                return;
        if (setup->listen_fds_count == 0 &&
            service_take_sockets(setup->listen_fds, &setup->listen_fds_count, &ignored))
                return;
        (void)reason_set(&sentence, 0, "jobd cannot start: %s", text);
        for (size_t i = 0; i < setup->listen_fds_count; i++)
                clients_turn_away(setup->listen_fds[i], sentence.text);
}

/*
 * What hinders the start may pass by itself, such as a full disk: under a service manager, which
 * starts us again at once, that is done at leisure. Signals have their default action here.
 */
static void main_wait_before_the_next(const struct jobd *jobd)
{
        if (jobd->exit_code != MAIN_EXIT_FAILED || jobd->setup.has_served || !service_is_heard())
                return;
        log_notice("trying again in %d s", MAIN_AGAIN_SEC);
        sleep(MAIN_AGAIN_SEC);
}

static int main_act(struct jobd *jobd, int argc, char **argv, struct reason *why)
{
        int r;

        r = main_harden(jobd, why);
        if (r == 0)
                r = main_judge(jobd, options_parse(argc, argv, &jobd->options, why),
                               MAIN_EXIT_USAGE);
        if (r)
                return r;
        if (jobd->options.act == OPTIONS_SHOW_HELP)
                return fputs(options_help, stdout) < 0 ? FAULT(-EIO) : 0;
        if (jobd->options.act == OPTIONS_SHOW_VERSION)
                return printf("jobd %s\n", version_text) < 0 ? FAULT(-EIO) : 0;
        service_connect_log();
        r = main_judge(jobd, kernel_check(why), MAIN_EXIT_UNABLE);
        if (r)
                return r;
        r = main_load_config(jobd, why);
        if (r)
                return r;
        if (jobd->options.act == OPTIONS_CHECK_CONFIG)
                return printf("ok\n") < 0 ? FAULT(-EIO) : 0;
        return main_run(jobd, why);
}

static void main_release(struct jobd *jobd)
{
        if (jobd->pool && !jobd->setup.has_served)
                start_pool_end(jobd->pool);
        jobd->pool = start_pool_free(jobd->pool);
        for (size_t i = 0; i < ARRAY_SIZE(jobd->setup.listen_fds); i++)
                fd_close(jobd->setup.listen_fds[i]);
        fd_close(jobd->setup.ready_fd);
        config_free(jobd->setup.config);
        paths_folders_deinit(&jobd->folders);
        paths_deinit(&jobd->paths);
        options_deinit(&jobd->options);
        /* Last: whoever waits for the lock finds everything else let go. */
        fd_close(jobd->lock_fd);
}

int main(int argc, char **argv)
{
        struct jobd jobd = { .lock_fd = -1 };
        struct reason why = { .text = "" };
        int r;

        jobd.options.ready_fd = -1;
        jobd.setup.ready_fd = -1;
        for (size_t i = 0; i < ARRAY_SIZE(jobd.setup.listen_fds); i++)
                jobd.setup.listen_fds[i] = -1;
        paths_folders_init(&jobd.folders);
        log_init("jobd", LOG_LEVEL_NOTICE);
        service_init();

        r = main_act(&jobd, argc, argv, &why);
        if (r == MAIN_E_OTHER_RUNS && jobd.options.is_auto)
                r = 0; /* the other one was faster, and serves: nothing to say */
        if (r)
                main_tell(&jobd, r, &why);
        if (r)
                jobd.exit_code = jobd.exit_code ? jobd.exit_code : MAIN_EXIT_FAILED;
        main_turn_away(&jobd, r > 0 ? why.text : jobd.setup.why.text);
        main_release(&jobd);
        main_wait_before_the_next(&jobd);
        return jobd.exit_code;
}
