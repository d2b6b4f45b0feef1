#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A clean Debian, as small as it gets, with the libraries of our packages and nothing of ours: a tar
# file, made once.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

[ "$(id -u)" -eq 0 ] || skip 'the packages are not installed anywhere: only root can make a root'
need_tools
packages=systemd,libevent-core-2.1-7,libinih1,libmd0,libprotobuf-c1,libsqlite3-0,libsystemd0,libzstd1
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
base=$work/root-$(printf '%s' "$suite $packages" | sha256sum | cut -c1-12).tar
mkdir -p "$work"
if [ ! -s "$base" ]; then
        # This machine's own sources of Debian, as lines of sources.list.
        # shellcheck disable=SC2016 # apt-get expands them
        own_sources() {
                apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
                        sed -n 's/|Debian$//p' | grep -v backports | sort -u
        }
        own_sources >"$work/sources.list"
        [ -s "$work/sources.list" ] || { apt-get update >/dev/null 2>&1 && own_sources >"$work/sources.list"; }
        [ -s "$work/sources.list" ] || skip 'the packages are not installed anywhere: no source of Debian packages'
        mmdebstrap --quiet --variant=minbase --include="$packages" \
                --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
                "$suite" "$work/root.tar" "$work/sources.list" >"$work/mmdebstrap.log" 2>&1 || {
                tail -n 5 "$work/mmdebstrap.log" >&2
                skip 'the packages are not installed anywhere: mmdebstrap failed (its last words are above)'
        }
        mv "$work/root.tar" "$base"
fi
ln -sf "${base##*/}" "$work/root"
echo "a clean $suite: $base"
