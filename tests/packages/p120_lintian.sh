#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# lintian has neither errors nor warnings, and each override is needed and says why.
set -eu
# shellcheck source=tests/packages/packages.sh
. "$(dirname "$0")/packages.sh"

need_packages
said=$(lintian --allow-root --fail-on none --tag-display-limit 0 "$work/old"/*.changes 2>&1) ||
        wrong "lintian could not run"
said=$(printf '%s\n' "$said" | grep -E '^[EW]:|(unused|mismatched)-override' || true)
same 'what lintian says' '' "$said"
for overrides in "$top"/packaging/debian/*.lintian-overrides; do
        awk '/^#/ { why = 1; next } NF { if (!why) exit 1; why = 0 }' "$overrides" ||
                wrong "$overrides: an override without its reason"
done
done_with 'lintian has nothing to say'
