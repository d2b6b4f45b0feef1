#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the Debian packages, without root:
#
#   sh packaging/build-deb.sh [--version VERSION] [--work FOLDER] OUTDIR
#
# OUTDIR gets *.deb, the source package and the .changes; their names are printed. The tree is built as
# it stands (source.sh says what belongs to it), in a copy with packaging/debian as debian/. The same
# tree gives the same packages, byte for byte, whoever builds it and where.
#
# --version VERSION  another version than that of packaging/debian/changelog, such as 0.1.1~test
# --work FOLDER      where the copy is made, and left: the next call builds only what has changed.
#                    Without it a temporary folder, which goes away.
#
# Runs the unit tests only with JOBD_PACKAGE_TESTS=1: whoever calls this has run all of them.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=packaging/source.sh
. "$top/packaging/source.sh"

source_call build-deb dpkg-buildpackage 'sh packaging/deps.sh build package installs what is needed' "$@"
tree=$work/jobd
log=$work/log

failed() {
        tail -n 25 "$log" >&2
        refuse "it failed; its last words are above (all of them were in $log)"
}

# The build tree of the last call: what is built in it is not built again, whatever the version was.
rm -rf "$work/kept"
for old in "$tree"/obj-*; do
        [ ! -d "$old" ] || { mkdir -p "$work/kept" && mv "$old" "$work/kept/"; }
done
rm -rf "$tree"
rm -f "$work"/*.deb "$work"/*.tar.xz "$work"/*.dsc "$work"/*.changes "$work"/*.buildinfo

mkdir "$tree"
source_copy "$tree"
source_pack "$tree" "jobd-$version" "$work/jobd_$version.orig.tar.xz"
# shellcheck disable=SC2086,SC2154 # a list of words, of source.sh
tar -C "$top/packaging" $source_packed -cf - debian | tar -C "$tree" -xf -
if [ "$version" != "$(source_version)" ]; then
        {
                printf 'jobd (%s-1) UNRELEASED; urgency=medium\n\n  * The same by another version.\n\n' "$version"
                sed -n '/^ -- /{p;q}' "$source_changelog"
                echo
                cat "$source_changelog"
        } >"$tree/debian/changelog"
fi

find "$tree/debian" -exec touch -d "@$(source_epoch)" {} +

cd "$tree"
if [ "${JOBD_PACKAGE_TESTS:-0}" != 1 ]; then
        export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} nocheck" DEB_BUILD_PROFILES=nocheck
fi
# The source package first: it must not see what is built.
dpkg-source -b . >"$log" 2>&1 || failed
if [ -d "$work/kept" ]; then
        mv "$work/kept"/obj-* .
        rmdir "$work/kept"
fi
dpkg-buildpackage --build=binary --no-pre-clean --unsigned-changes --unsigned-buildinfo >>"$log" 2>&1 || failed
cd "$work"
for file in *.deb *.tar.xz *.dsc *.changes *.buildinfo; do
        cp "$file" "$out/"
        printf '%s\n' "$out/$file"
done
