/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a job inherits from the process that submits it: the current folder, the umask, the limits,
 * the environment. Nothing of the process is changed on the way: the umask is read from
 * /proc/self/status, since umask(2) can only be asked by setting it, which other threads would
 * notice. Called by programs that build a specification; what is captured may still be replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cleanup.h"

#include "client/lib/spec.h"

#define CAPTURE_STATUS_BYTES 512 /* "Umask:" is the second line */

int jobctl_spec_capture_cwd(struct jobctl_spec *spec)
{
        _cleanup_(freep) char *cwd = getcwd(NULL, 0);

        /* "(unreachable)" is what the kernel puts before a folder outside our root. */
        if (!cwd || cwd[0] != '/')
                return JOBCTL_E_USAGE;
        return jobctl_spec_set_text(spec, JOBCTL_SPEC_CWD, cwd);
}

static bool capture_read_umask(mode_t *out_mask)
{
        char text[CAPTURE_STATUS_BYTES];
        _cleanup_(fd_closep) int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        const char *found;
        ssize_t n;

        n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
        if (n <= 0)
                return false;
        text[n] = '\0';
        found = strstr(text, "\nUmask:");
        if (!found)
                return false;
        *out_mask = (mode_t)strtoul(found + strlen("\nUmask:"), NULL, 8) & 0777;
        return true;
}

int jobctl_spec_capture_umask(struct jobctl_spec *spec)
{
        mode_t mask;

        if (!capture_read_umask(&mask)) {
                mask = umask(077);
                umask(mask);
        }
        return jobctl_spec_set_number(spec, JOBCTL_SPEC_UMASK, mask);
}

int jobctl_spec_capture_rlimits(struct jobctl_spec *spec)
{
        Jobd__Spec *const message = spec->message;

        for (size_t i = 0; i < message->n_rlimits; i++)
                jobd__rlimit__free_unpacked(message->rlimits[i], NULL);
        message->n_rlimits = 0;
        free(message->rlimits);
        message->rlimits = calloc(RLIM_NLIMITS, sizeof(Jobd__Rlimit *));
        if (!message->rlimits)
                return JOBCTL_E_SYSTEM;
        for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
                Jobd__Rlimit *limit;
                struct rlimit now;

                if (getrlimit((__rlimit_resource_t)resource, &now) < 0)
                        continue;
                limit = malloc(sizeof(*limit));
                if (!limit)
                        return JOBCTL_E_SYSTEM;
                jobd__rlimit__init(limit);
                limit->resource = (uint32_t)resource;
                limit->soft = now.rlim_cur == RLIM_INFINITY ? UINT64_MAX : now.rlim_cur;
                limit->hard = now.rlim_max == RLIM_INFINITY ? UINT64_MAX : now.rlim_max;
                message->rlimits[message->n_rlimits++] = limit;
        }
        return JOBCTL_OK;
}

/* Adds an entry without looking for one of the same name. */
static int capture_append(Jobd__Environment *environment, const char *entry)
{
        ProtobufCBinaryData *entries;

        entries = realloc(environment->entries, (environment->n_entries + 1) * sizeof(*entries));
        if (!entries)
                return JOBCTL_E_SYSTEM;
        environment->entries = entries;
        entries[environment->n_entries] = (ProtobufCBinaryData){ 0 };
        if (!spec_set_bytes(&entries[environment->n_entries], entry, strlen(entry)))
                return JOBCTL_E_SYSTEM;
        environment->n_entries++;
        return JOBCTL_OK;
}

int jobctl_spec_add_environment(struct jobctl_spec *spec, const char *entry)
{
        Jobd__Environment *const environment = spec->environment;
        const char *const equals = strchr(entry, '=');
        const size_t name_bytes = equals ? (size_t)(equals - entry) + 1 : 0;

        if (!equals) {
                const char *const value = getenv(entry);
                _cleanup_(freep) char *made = NULL;

                if (!value)
                        return JOBCTL_OK;
                made = malloc(strlen(entry) + strlen(value) + 2);
                if (!made)
                        return JOBCTL_E_SYSTEM;
                stpcpy(stpcpy(stpcpy(made, entry), "="), value);
                return jobctl_spec_add_environment(spec, made);
        }
        for (size_t i = 0; i < environment->n_entries; i++) {
                ProtobufCBinaryData *const there = &environment->entries[i];

                if (there->len >= name_bytes && memcmp(there->data, entry, name_bytes) == 0)
                        return spec_set_bytes(there, entry, strlen(entry)) ? JOBCTL_OK
                                                                           : JOBCTL_E_SYSTEM;
        }
        return capture_append(environment, entry);
}

int jobctl_spec_capture_environment(struct jobctl_spec *spec)
{
        Jobd__Environment *const environment = spec->environment;

        for (size_t i = 0; i < environment->n_entries; i++)
                free(environment->entries[i].data);
        environment->n_entries = 0;
        for (char **entry = environ; entry && *entry; entry++) {
                const char *const equals = strchr(*entry, '=');

                /* Entries without a name exist (bash functions of old), but cannot be handed on. */
                if (equals && equals != *entry && capture_append(environment, *entry))
                        return JOBCTL_E_SYSTEM;
        }
        return JOBCTL_OK;
}

int jobctl_spec_capture(struct jobctl_spec *spec)
{
        int r = jobctl_spec_capture_cwd(spec);

        if (r == JOBCTL_OK)
                r = jobctl_spec_capture_umask(spec);
        if (r == JOBCTL_OK)
                r = jobctl_spec_capture_rlimits(spec);
        if (r == JOBCTL_OK)
                r = jobctl_spec_capture_environment(spec);
        return r;
}
