# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the tests of packages share. To be sourced, with the work folder as $1:
#
#   $work/deb   build-deb.sh's copy and build tree    $work/old    the packages
#   $work/new   the same by another version           $work/root   a clean Debian as a tar file
#
# shellcheck disable=SC2034 # what is set here is for others

work=${1:?usage: ... WORK-FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
newer=99.0~test
failed=0
in=
# shellcheck source=packaging/source.sh
. "$top/packaging/source.sh"
version=$(source_version)
umask 022

skip() {
        printf 'SKIPPED: %s\n' "$*" >&2
        exit 77
}

# A check that does not hold is said, and the next one is done.
wrong() {
        printf 'wrong: %s\n' "$*" >&2
        failed=1
}

# same WHAT EXPECTED FOUND
same() {
        [ "$2" = "$3" ] || wrong "$1 is '$3', not '$2'"
}

# Checks that there is a file of this name, in $in.  has PATH...
has() {
        for path; do
                [ -e "$in/$path" ] || [ -L "$in/$path" ] || wrong "there is no $path"
        done
}

# Ends the test.
done_with() {
        [ "$failed" -eq 0 ] && printf '%s\n' "$*"
        exit "$failed"
}

need_tools() {
        sh "$top/packaging/deps.sh" package ||
                skip "the packages are not tested: their tools are missing and cannot be installed"
}

need_packages() {
        [ -d "$work/old" ] || skip 'the packages are not tested: they were not built'
}

# One package of $work/old:  deb NAME
deb() {
        printf '%s\n' "$work/old/$1_$version-1_$(dpkg --print-architecture).deb"
}
