#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the Debian packages, without root:
#
#   sh packaging/build-deb.sh [--version VERSION] [--work FOLDER] OUTDIR
#
# OUTDIR gets *.deb, the source package and the .changes. The tree is built as it stands: every file
# that git knows (or, where there is no git, everything but build/), in a copy with packaging/debian as
# debian/. The same tree gives the same packages, byte for byte, whoever builds it and where.
#
# --version VERSION  another version than that of packaging/debian/changelog, such as 0.1.1~test
# --work FOLDER      where the copy is made, and left: the next call builds only what has changed.
#                    Without it a temporary folder, which goes away.
#
# Runs the unit tests only with JOBD_PACKAGE_TESTS=1: whoever calls this has run all of them.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)

say() {
        printf 'build-deb: %s\n' "$*" >&2
}

refuse() {
        say "$*"
        exit 1
}

version=
work=
out=
while [ $# -gt 0 ]; do
        case $1 in
        --version) version=${2:?a version is missing} && shift ;;
        --work) work=${2:?a folder is missing} && shift ;;
        -*) refuse "unknown option $1; usage: build-deb.sh [--version VERSION] [--work FOLDER] OUTDIR" ;;
        *) out=$1 ;;
        esac
        shift
done
[ -n "$out" ] || refuse 'usage: build-deb.sh [--version VERSION] [--work FOLDER] OUTDIR'
command -v dpkg-buildpackage >/dev/null ||
        refuse 'dpkg-buildpackage is missing; sh packaging/deps.sh build package installs what is needed'

umask 022
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -z "$work" ]; then
        work=$(mktemp -d "${TMPDIR:-/tmp}/jobd-deb.XXXXXX")
        trap 'rm -rf "$work"' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)

# The names of all source files, each ended by a NUL.
list_sources() {
        if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
                # A file that was deleted but not committed is still known.
                git -C "$top" ls-files -z -- . ':!packaging/debian'
        else
                (cd "$top" && find . -path ./build -prune -o -path ./packaging/debian -prune -o -type f -print0)
        fi | LC_ALL=C sort -z
}

changelog=$top/packaging/debian/changelog
packaged=$(dpkg-parsechangelog -l "$changelog" -S Version | sed 's/-[^-]*$//')
[ -n "$version" ] || version=$packaged
tree=$work/jobd
epoch=$(dpkg-parsechangelog -l "$changelog" -S Timestamp)

# The build tree of the last call: what is built in it is not built again, whatever the version was.
rm -rf "$work/kept"
for old in "$tree"/obj-*; do
        [ ! -d "$old" ] || { mkdir -p "$work/kept" && mv "$old" "$work/kept/"; }
done
rm -rf "$tree"
rm -f "$work"/*.deb "$work"/*.tar.xz "$work"/*.dsc "$work"/*.changes "$work"/*.buildinfo
mkdir "$tree"

# Owners and modes are those of a package, not those of this checkout.
as_packed='--owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,a-st'
list_sources >"$work/sources"
# shellcheck disable=SC2086 # a list of words
tar -C "$top" --null -T "$work/sources" $as_packed -cf - | tar -C "$tree" -xf -
# shellcheck disable=SC2086
tar -C "$work" --sort=name --mtime="@$epoch" --transform "s!^jobd!jobd-$version!" $as_packed -cf - jobd |
        xz -6 -T1 >"$work/jobd_$version.orig.tar.xz"
# shellcheck disable=SC2086
tar -C "$top/packaging" $as_packed -cf - debian | tar -C "$tree" -xf -
if [ "$version" != "$packaged" ]; then
        {
                printf 'jobd (%s-1) UNRELEASED; urgency=medium\n\n  * The same by another version.\n\n' "$version"
                sed -n '/^ -- /{p;q}' "$changelog"
                echo
                cat "$changelog"
        } >"$tree/debian/changelog"
fi

cd "$tree"
[ "${JOBD_PACKAGE_TESTS:-0}" = 1 ] || export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} nocheck" DEB_BUILD_PROFILES=nocheck
log=$work/log
failed() {
        tail -n 25 "$log" >&2
        refuse "it failed; its last words are above$([ ! -d "$work" ] || echo ", all of them in $log")"
}
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
