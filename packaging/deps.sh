#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The one list of Debian packages this project needs, and the one way to install them.
#
#   sh packaging/deps.sh [build] [test] [bench] [machine] [package]   install what of these sets is missing
#   sh packaging/deps.sh --list [build] ...       only print the names
#
# Root installs by itself, anybody else through sudo. apt-get runs only when something is missing, so a
# second call changes nothing and needs neither rights nor a network. Ends with 0 when everything is
# there, else with a sentence that says what is missing and how to install it by hand.
set -eu

build_packages='gcc libc6-dev cmake ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev
        libevent-dev libsystemd-dev libsqlite3-dev uthash-dev libbsd-dev libmd-dev libjansson-dev
        libinih-dev libzstd-dev check scdoc'
test_packages='python3 clang-format-14 shellcheck parallel tmux zsh fish bash-completion mandoc prometheus'
bench_packages='python3 parallel task-spooler findutils'
machine_packages='qemu-system-x86 mmdebstrap e2fsprogs'
package_packages='debhelper dpkg-dev lintian rpm mmdebstrap'

say() {
        printf '%s\n' "$*" >&2
}

usage() {
        say 'usage: sh packaging/deps.sh [--list] [build] [test] [bench] [machine] [package]'
        exit 2
}

# Is this package fully installed? (A virtual or removed one is not.)
is_installed() {
        dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

apt() {
        # shellcheck disable=SC2086 # nothing, or sudo with its option
        $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o DPkg::Lock::Timeout=600 \
                -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1
}

install_packages() {
        # The lists of a minimal machine are empty, and old ones name files that are gone.
        apt install -y --no-install-recommends "$@" ||
                { apt update && apt install -y --no-install-recommends "$@"; }
}

refuse() {
        say "jobd: $1"
        say "jobd: install by hand:  apt-get install --no-install-recommends$missing"
        exit 1
}

list=no
wanted=
for word; do
        case $word in
        --list) list=yes ;;
        build) wanted="$wanted $build_packages" ;;
        test) wanted="$wanted $test_packages" ;;
        bench) wanted="$wanted $bench_packages" ;;
        machine) wanted="$wanted $machine_packages" ;;
        package) wanted="$wanted $package_packages" ;;
        *) usage ;;
        esac
done
[ -n "$wanted" ] || wanted="$build_packages"

if [ "$list" = yes ]; then
        for package in $wanted; do
                printf '%s\n' "$package"
        done | sort -u
        exit 0
fi

missing=
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        # shellcheck disable=SC2086 # a list of words
        missing=$(printf ' %s' $wanted)
        refuse 'this is no Debian (no apt-get here), so nothing can be installed; needed are the packages below'
fi
for package in $wanted; do
        case "$missing " in
        *" $package "*) ;;
        *) is_installed "$package" || missing="$missing $package" ;;
        esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
                refuse 'some packages are missing, you are not root, and there is no sudo here'
        as_root=sudo
        if [ ! -t 0 ]; then
                as_root='sudo -n'
                sudo -n true 2>/dev/null ||
                        refuse 'some packages are missing, and sudo wants a password but has no terminal to ask on'
        fi
fi

log=$(mktemp "${TMPDIR:-/tmp}/jobd-deps.XXXXXX")
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
say "jobd: installing$missing"
# shellcheck disable=SC2086 # a list of words
if ! install_packages $missing; then
        tail -n 12 "$log" >&2
        refuse 'apt-get could not install some packages (its last words are above)'
fi
