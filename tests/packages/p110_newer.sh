#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A newer version of the same sources costs one object file, in the build tree of the first one; the
# programs show it, and know each other for another build.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
obj=$(echo "$work"/deb/jobd/obj-*)
old=$(sed -n 's/.*VERSION_BUILD "\(.*\)"/\1/p' "$obj/common/version_made.h")
rm -rf "$work/new"
sh "$top/packaging/build-deb.sh" --version "$newer" --work "$work/deb" "$work/new" >/dev/null
same 'the number of compiled files' 1 "$(grep -c -- ' -c .*[.]c$' "$work/deb/log")"
same 'jobd --version' "jobd $newer" "$("$obj/bin/jobd" --version)"
same 'jobctl version' "jobctl $newer" "$("$obj/bin/jobctl" --version)"
made=$(sed -n 's/.*VERSION_BUILD "\(.*\)"/\1/p' "$obj/common/version_made.h")
case $made in
"$newer"+????????????) ;;
*) wrong "the build is '$made'" ;;
esac
[ "${made#*+}" != "${old#*+}" ] || wrong "both builds end with '${old#*+}'"
done_with "built: jobd $newer, build $made"
