#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The packages in a clean Debian without systemd as PID 1 (a chroot with processes and mounts of its
# own): what stands in inside.sh, as root in there.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
[ "$(id -u)" -eq 0 ] || skip 'the packages are not installed anywhere: only root can chroot'
[ -s "$work/root" ] || skip 'the packages are not installed anywhere: there is no clean Debian'
unshare --mount --pid --fork true 2>/dev/null ||
        skip 'the packages are not installed anywhere: no namespaces of mounts and processes here'

scratch=$(mktemp -d "${TMPDIR:-/tmp}/jobd-root.XXXXXX")
root=$scratch/root
trap 'rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$root"
chmod 755 "$scratch" "$root"
tar -C "$root" -xf "$work/root"
mkdir "$root/packages" "$root/packages/newer"
cp "$here/inside.sh" "$root/packages/"
for name in jobd jobctl libjobctl1; do
        cp "$(deb $name)" "$root/packages/"
        cp "$work/new/${name}_$newer"-1_*.deb "$root/packages/newer/"
done
# shellcheck disable=SC2016 # expanded in there
# Mounts and processes end with the namespaces, whatever happens in there.
unshare --mount --pid --fork --kill-child sh -eu -c '
        mount --make-rprivate /
        mount -t proc proc "$1/proc"
        mount -t tmpfs -o mode=755 tmpfs "$1/run"
        mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
                chroot "$1" sh /packages/inside.sh "$2"' sh "$root" "$newer" </dev/null
