#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every function of jobctl.h is promised in libjobctl1.symbols, and nothing else is: a package would
# only be refused when somebody builds it.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
declared=$(tr '\n' ' ' <"$top/client/jobctl.h" | sed 's!/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/! !g' |
        grep -o '[a-z0-9_]*[ *]\+jobctl_[a-z0-9_]*(' | sed 's/.*[ *]\(jobctl_[a-z0-9_]*\)(/\1/' | LC_ALL=C sort -u)
promised=$(sed -n 's/^ \(jobctl_[a-z0-9_]*\)@.*/\1/p' "$top/packaging/debian/libjobctl1.symbols" | LC_ALL=C sort)
if [ "$declared" != "$promised" ]; then
        echo 'client/jobctl.h (<) and packaging/debian/libjobctl1.symbols (>) differ; a new function needs a' >&2
        echo 'line there, and one that goes is a new SONAME:' >&2
        old=$(mktemp)
        printf '%s\n' "$promised" >"$old"
        printf '%s\n' "$declared" | diff - "$old" >&2 || rm "$old"
        exit 1
fi
printf '%s functions are promised\n' "$(printf '%s\n' "$promised" | wc -l)"
