#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The C source as clang-format 14 writes it:  format.sh check|fix [FOLDER]
#
# Other versions lay out the same configuration differently, so any other one is skipped, loudly, with
# status 77. `check` prints what would change and ends with 1; `fix` changes it.
set -eu
action=${1:-check}
root=${2:-$(dirname "$0")/../..}

for format in clang-format-14 clang-format; do
        if "$format" --version 2>/dev/null | grep -q 'version 14\.'; then
                break
        fi
        format=
done
if [ -z "$format" ]; then
        echo "SKIPPED: the format is not checked: clang-format 14 is not here (sh packaging/deps.sh test)" >&2
        exit 77
fi

cd "$root"
files() {
        for folder in common proto worker client daemon tests; do
                [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' ! -name '*.pb-c.[ch]' -type f -print0
        done
}
case $action in
check) files | xargs -0 -r "$format" --style=file --dry-run -Werror ;;
fix) files | xargs -0 -r "$format" --style=file -i ;;
*)
        echo 'usage: format.sh check|fix [FOLDER]' >&2
        exit 2
        ;;
esac
