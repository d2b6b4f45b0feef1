/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for libFuzzer in ordinary builds: runs one fuzz target over every file named on the
 * command line, or in the folders named there. So the corpus, which keeps what fuzzing once
 * found, is part of every test run, with whatever sanitizers the build has.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fs.h"

#include "fuzz.h"

#define REPLAY_MAX (16U * 1024 * 1024)

/* The number of inputs run, or -1. */
static int replay_file(int folder_fd, const char *name)
{
        _cleanup_(freep) char *text = NULL;
        uint8_t *exact;
        size_t size = 0;

        if (fs_read_file(folder_fd, name, REPLAY_MAX, &text, &size) != 0) {
                fprintf(stderr, "replay: cannot read %s\n", name);
                return -1;
        }
        /* Without the terminator, so that reading past the end is seen. */
        exact = malloc(size > 0 ? size : 1);
        if (!exact)
                return -1;
        memcpy(exact, text, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        return 1;
}

static int replay_folder(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;
        int count = 0;

        if (!dir)
                return -1;
        while (count >= 0 && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                if (replay_file(dirfd(dir), entry->d_name) < 0)
                        count = -1;
                else
                        count++;
        }
        closedir(dir);
        return count;
}

int main(int argc, char *argv[])
{
        int count = 0;

        for (int i = 1; i < argc; i++) {
                int n = replay_folder(argv[i]);

                if (n < 0 && errno == ENOTDIR)
                        n = replay_file(AT_FDCWD, argv[i]);
                if (n < 0) {
                        fprintf(stderr, "replay: %s failed\n", argv[i]);
                        return 1;
                }
                count += n;
        }
        /* An empty corpus proves nothing. */
        printf("%d inputs\n", count);
        return count > 0 ? 0 : 1;
}
