#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The packages can be built, and all of them come out.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_tools
rm -rf "$work/old"
mkdir -p "$work"
sh "$top/packaging/build-deb.sh" --work "$work/deb" "$work/old"
in=$work/old
arch=$(dpkg --print-architecture)
for name in jobd jobctl libjobctl1; do
        has "${name}_$version-1_$arch.deb" "$name-dbgsym_$version-1_$arch.deb"
done
has "libjobctl-dev_$version-1_$arch.deb" "jobd_$version-1.dsc" "jobd_$version-1_$arch.changes"
done_with "built: jobd $version"
