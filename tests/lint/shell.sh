#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The shell scripts as shellcheck reads them:  shell.sh [FOLDER]. Skipped with 77 where it is missing.
set -eu
cd "${1:-$(dirname "$0")/../..}"
if ! command -v shellcheck >/dev/null 2>&1; then
        echo "SKIPPED: shell scripts are not checked: shellcheck is not here (sh packaging/deps.sh test)" >&2
        exit 77
fi
find . -path './build*' -prune -o -path ./.git -prune -o -type f \( -name '*.sh' -o -name '*.bash' -o -path './.ci/run' \) -print0 |
        xargs -0 -r shellcheck --norc --external-sources --exclude=SC1091
