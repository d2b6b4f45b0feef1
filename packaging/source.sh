#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The sources as a tree and as a tar file, for those who make packages of them (build-deb.sh,
# build-rpm.sh), and how these are called. To be sourced by a script that has set $top, the top of this
# project.
#
# Owners, modes, order and times are those of a package, not those of a checkout. What belongs to it
# is every file that git knows, as it stands now (or, where there is no git, everything but build/);
# not packaging/debian, which is no part of what Debian calls the upstream sources.
# shellcheck disable=SC2154,SC2034 # $top is of the caller, and what is set is for him

source_packed='--owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,a-st'
source_changelog=$top/packaging/debian/changelog

# The version that the packages have when nobody names another.
source_version() {
        sed -n '1s/^jobd (\(.*\)-[^-]*).*/\1/p' "$source_changelog"
}

# Seconds since 1970 of that version: no file of a package is younger.
source_epoch() {
        date -u -d "$(sed -n '/^ -- /{s/.*>  //p;q}' "$source_changelog")" +%s
}

# The names of all source files, each ended by a NUL.
source_list() {
        if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
                # One that was deleted but not committed is still known, so it is looked for.
                # shellcheck disable=SC2016 # expanded by the inner shell
                git -C "$top" ls-files -z -- . ':!packaging/debian' |
                        (cd "$top" && xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\\0" "$f"; done' sh)
        else
                (cd "$top" && find . -path ./build -prune -o -path ./packaging/debian -prune -o -type f -print0)
        fi | LC_ALL=C sort -z
}

# Copies the sources into a folder that is there; they keep their times.  source_copy FOLDER
source_copy() {
        # shellcheck disable=SC2086 # a list of words
        source_list | tar -C "$top" --null -T - $source_packed -cf - | tar -C "$1" -xf -
}

# Packs a copy as PREFIX/...:  source_pack FOLDER PREFIX FILE.tar.xz
source_pack() {
        # shellcheck disable=SC2086
        tar -C "$1" --sort=name --mtime="@$(source_epoch)" --transform "s!^\.!$2!" $source_packed -cf - . |
                xz -6 -T1 >"$3"
}

refuse() {
        printf '%s: %s\n' "$builder" "$*" >&2
        exit 1
}

# How both are called:  source_call NAME PROGRAM ADVICE [--version VERSION] [--work FOLDER] OUTDIR
# Sets $version; $work and $out, which are there, by their whole names; what nobody asked for goes away. Refuses
# with ADVICE where there is no PROGRAM.
source_call() {
        builder=$1
        program=$2
        advice=$3
        shift 3
        usage="usage: $builder.sh [--version VERSION] [--work FOLDER] OUTDIR"
        version=$(source_version)
        work=
        out=
        while [ $# -gt 0 ]; do
                case $1 in
                --version) version=${2:?a version is missing} && shift ;;
                --work) work=${2:?a folder is missing} && shift ;;
                -*) refuse "unknown option $1; $usage" ;;
                *)
                        [ -z "$out" ] || refuse "one OUTDIR, not $out and $1; $usage"
                        out=$1
                        ;;
                esac
                shift
        done
        [ -n "$out" ] || refuse "$usage"
        command -v "$program" >/dev/null || refuse "$program is missing; $advice"

        umask 022
        mkdir -p "$out"
        out=$(cd "$out" && pwd)
        if [ -z "$work" ]; then
                work=$(mktemp -d "${TMPDIR:-/tmp}/jobd-$builder.XXXXXX")
                trap 'rm -rf "$work"' EXIT
                trap 'exit 130' INT
                trap 'exit 143' TERM
        fi
        mkdir -p "$work"
        work=$(cd "$work" && pwd)
}
