#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The same sources give the same packages to the last byte: built from a tar file without git, in
# another folder, by another user's habits (umask, time zone, language, home, number of jobs).
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/another/place/for-it
mkdir -p "$tree/packaging" "$scratch/home"
source_copy "$tree"
cp -R "$top/packaging/debian" "$tree/packaging/"
chmod -R go-rwx "$tree"
# Older than the packages say they are. (Younger ones are clamped by everybody.)
find "$tree" -exec touch -d 2001-01-01 {} +
(
        umask 077
        unset CDPATH
        HOME=$scratch/home LC_ALL=C.UTF-8 LANGUAGE=de TZ=Asia/Kathmandu USER=somebody LOGNAME=somebody \
                DEB_BUILD_OPTIONS=parallel=3 sh "$tree/packaging/build-deb.sh" "$scratch/out" >/dev/null
)
for file in "$work"/old/*.deb "$work"/old/*.dsc "$work"/old/*.tar.xz; do
        cmp "$file" "$scratch/out/${file##*/}" >&2 || {
                wrong "${file##*/} is another one"
                ! command -v diffoscope >/dev/null || diffoscope "$file" "$scratch/out/${file##*/}" >&2 || true
        }
done
(cd "$work/old" && sha256sum ./*.deb)
done_with 'two builds are identical'
