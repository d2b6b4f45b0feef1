#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Installs a build into a folder and has m100_cgroups.sh look at it in a machine: m100_cgroups.test.sh BUILD
set -u
here=$(dirname "$0")
tree=$(mktemp -d "${TMPDIR:-/tmp}/jobd-tree.XXXXXX") || exit 125
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
DESTDIR=$tree cmake --install "$1" >/dev/null || exit 125
JOBD_MACHINE_CACHE=${JOBD_MACHINE_CACHE:-$1/machine} bash "$here/machine.sh" "$tree" "$here/m100_cgroups.sh"
