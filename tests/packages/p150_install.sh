#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cmake --install with DESTDIR, and with folders that nobody else has: everything comes where it was
# said, finds the rest there, and knows nothing of DESTDIR. A program is built with what pkg-config says
# and runs a job, with the daemon and the worker that were installed.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
# The build tree of the packages, with other settings: nothing else is built in it after that.
tree=$work/deb/jobd
obj=$(echo "$tree"/obj-*)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jobd-install.XXXXXX")
state=$scratch/state
# shellcheck disable=SC2317 # called by the trap
clean_up() {
        "$prefix/programs/jobctl" --state-dir "$state" shutdown --now >/dev/null 2>&1 || true
        rm -rf "$scratch" "$obj"
}
prefix=$scratch/opt
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
{
        cmake -S "$tree" -B "$obj" -U 'JOBD_*_DIR' -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_BINDIR=programs \
                -DCMAKE_INSTALL_SBINDIR=daemons -DCMAKE_INSTALL_LIBEXECDIR=helpers -DCMAKE_INSTALL_INCLUDEDIR=headers \
                -DCMAKE_INSTALL_LIBDIR=libraries/of-this -DCMAKE_INSTALL_DATADIR=data \
                -DCMAKE_INSTALL_MANDIR=manual -DCMAKE_INSTALL_DOCDIR=papers
        cmake --build "$obj"
        DESTDIR=$scratch/destdir cmake --install "$obj"
} >"$work/install.log" 2>&1 || {
        tail -n 20 "$work/install.log" >&2
        wrong "it cannot be built or installed (all of it: $work/install.log)"
        done_with
}
same 'what is outside of the prefix' '' \
        "$(find "$scratch/destdir" -type f ! -path "$scratch/destdir$prefix/*")"
grep -rl "$scratch/destdir" "$scratch/destdir" >&2 && wrong 'the files above know of DESTDIR'
mv "$scratch/destdir$prefix" "$prefix"

in=$prefix
has programs/jobctl daemons/jobd helpers/jobd/jobd-worker headers/jobctl.h libraries/of-this/libjobctl.so.1 \
        libraries/of-this/pkgconfig/jobctl.pc lib/systemd/system/jobd.socket lib/systemd/user/jobd.socket \
        lib/sysusers.d/jobd.conf lib/tmpfiles.d/jobd.conf manual/man1/jobctl.1 manual/man8/jobd.8 papers/jobd.conf \
        data/bash-completion/completions/jobctl data/zsh/site-functions/_jobctl
for unit in "$prefix"/lib/systemd/*/*; do
        for program in $(sed -n 's/^Exec[A-Za-z]*=//p' "$unit" | tr ' ' '\n' | grep '^[^ ]*/job'); do
                case $program in
                "$prefix"/*) [ -x "$program" ] || wrong "$unit starts $program, which is not there" ;;
                /run/jobd/* | /var/spool/jobd* | %* ) ;;
                *) wrong "$unit starts $program" ;;
                esac
        done
done
grep -rl "$prefix/s\?bin\|/usr/s\?bin/job\|/usr/libexec/job" "$prefix/programs" "$prefix/daemons" "$prefix/helpers" \
        "$prefix/lib" >&2 && wrong 'the files above know folders that there are not'

export PKG_CONFIG_PATH="$prefix/libraries/of-this/pkgconfig"
same "pkg-config's version" "$(sed -n 's/^JOBD_VERSION:STRING=//p' "$obj/CMakeCache.txt")" \
        "$(pkg-config --modversion jobctl)"
# shellcheck disable=SC2046 # words of a command line
cc -Wall -Werror -o "$scratch/first_job" "$here/first_job.c" $(pkg-config --cflags --libs jobctl)
unset JOBCTL_SOCKET JOBD_PROGRAM
export XDG_RUNTIME_DIR="$scratch/run" XDG_STATE_HOME="$scratch/home" HOME="$scratch"
mkdir -m 700 "$XDG_RUNTIME_DIR"
answer=$("$prefix/programs/jobctl" --state-dir "$state" run sh -c 'echo of the command')
same 'the answer' 'of the command' "$answer"
pid=$("$prefix/programs/jobctl" --state-dir "$state" status --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
same 'the daemon' "$prefix/daemons/jobd" "$(readlink "/proc/$pid/exe")"
# shellcheck disable=SC2016 # expanded by the job
worker=$("$prefix/programs/jobctl" --state-dir "$state" run sh -c 'readlink /proc/$PPID/exe')
same 'the worker' "$prefix/helpers/jobd/jobd-worker" "$worker"
socket=$("$prefix/programs/jobctl" --state-dir "$state" ping | sed -n 's/.* at \(.*\) answered .*/\1/p')
answer=$(LD_LIBRARY_PATH="$prefix/libraries/of-this" JOBCTL_SOCKET=$socket "$scratch/first_job" 'echo of the library')
same 'the answer' 'of the library' "$answer"
done_with "it works in $prefix"
