/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of dependencies, as people write them: Slurm's words. The numbers are those of the
 * protocol; a newer daemon may know more of them, which are shown as "unknown".
 */
#include <string.h>

#include "common/cleanup.h"

#include "client/jobctl.h"

static const char *const names[] = {
        [JOBCTL_DEPENDENCY_NONE] = "unknown",          [JOBCTL_DEPENDENCY_AFTER] = "after",
        [JOBCTL_DEPENDENCY_AFTEROK] = "afterok",       [JOBCTL_DEPENDENCY_AFTERANY] = "afterany",
        [JOBCTL_DEPENDENCY_AFTERNOTOK] = "afternotok", [JOBCTL_DEPENDENCY_AFTERCORR] = "aftercorr",
        [JOBCTL_DEPENDENCY_SINGLETON] = "singleton",
};
_Static_assert(ARRAY_SIZE(names) == JOBCTL_DEPENDENCY_COUNT, "a kind has no name");

const char *jobctl_dependency_name(unsigned int kind)
{
        return names[kind < JOBCTL_DEPENDENCY_COUNT ? kind : JOBCTL_DEPENDENCY_NONE];
}

enum jobctl_dependency jobctl_dependency_from_name(const char *name)
{
        for (unsigned int i = JOBCTL_DEPENDENCY_AFTER; i < JOBCTL_DEPENDENCY_COUNT; i++)
                if (strcmp(names[i], name) == 0)
                        return (enum jobctl_dependency)i;
        return JOBCTL_DEPENDENCY_NONE;
}
