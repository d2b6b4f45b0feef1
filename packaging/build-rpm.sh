#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the packages for Fedora and its kin, without root, also on Debian:
#
#   sh packaging/build-rpm.sh [--version VERSION] [--work FOLDER] OUTDIR
#
# OUTDIR gets *.rpm, the source package too; their names are printed. Where rpm has no database of
# installed packages (on Debian) it cannot know what a build needs: packaging/deps.sh does.
#
# --version VERSION  another version than that of the packages for Debian
# --work FOLDER      rpmbuild's folders and the build tree, kept for the next call; else a temporary one
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=packaging/source.sh
. "$top/packaging/source.sh"

source_call build-rpm rpmbuild 'sh packaging/deps.sh package installs it on Debian, dnf install rpm-build on Fedora' "$@"
mkdir -p "$work/SOURCES"
rm -rf "$work/copy" "$work/RPMS" "$work/SRPMS"
mkdir "$work/copy"
source_copy "$work/copy"
source_pack "$work/copy" "jobd-$version" "$work/SOURCES/jobd-$version.tar.xz"
rm -rf "$work/copy"

nodeps=
[ -e /var/lib/rpm/rpmdb.sqlite ] || [ -e /usr/lib/sysimage/rpm/rpmdb.sqlite ] || nodeps=--nodeps
# shellcheck disable=SC2086 # one word or none
SOURCE_DATE_EPOCH=$(source_epoch) rpmbuild -ba $nodeps \
        --define "_topdir $work" --define "_dbpath $work/db" --define "jobd_version $version" \
        --define 'clamp_mtime_to_source_date_epoch 1' \
        --define 'use_source_date_epoch_as_buildtime 1' --define '_buildhost localhost' \
        "$top/packaging/rpm/jobd.spec" >"$work/log" 2>&1 || {
        tail -n 25 "$work/log" >&2
        refuse "it failed; its last words are above (all of them were in $work/log)"
}
for file in "$work"/RPMS/*/*.rpm "$work"/SRPMS/*.rpm; do
        cp "$file" "$out/"
        printf '%s\n' "$out/${file##*/}"
done
