#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# get-protobuf-c.sh FOLDER: the source of the protobuf-c that is installed here, from Debian, into
# FOLDER/protobuf-c/. Needs neither root nor deb-src lines: apt gets lists of its own in FOLDER and
# checks the archive's signature as always. Fails with a sentence when there is no way.
set -eu

folder=$1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
cd "$folder"
folder=$(pwd)

command -v apt-get >/dev/null || { echo "get-protobuf-c: this needs apt-get" >&2; exit 1; }
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
printf 'deb-src [signed-by=%s] http://deb.debian.org/debian %s main\n' "$keyring" "$suite" \
        >sources.list
apt() {
        timeout 120 apt-get -q -q -o Dir::Etc::SourceList="$folder/sources.list" \
                -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists" \
                -o Dir::Cache="$folder/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}
version=$(dpkg-query -W -f '${source:Version}' libprotobuf-c1 2>/dev/null || :)
apt update
apt source --download-only "protobuf-c${version:+=$version}" ||
        apt source --download-only protobuf-c
mkdir -p unpacked
tar -xf protobuf-c_*.orig.tar.* -C unpacked --strip-components=1
mv unpacked/protobuf-c protobuf-c
rm -rf unpacked lists cache
echo "get-protobuf-c: $(ls protobuf-c_*.dsc) is in $folder"
