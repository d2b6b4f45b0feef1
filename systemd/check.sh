#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Has systemd judge our units: check.sh BUILD-FOLDER, where system/ and user/ hold the units as they
# would be installed. Each check prints what is wrong; the exit code is 1 when anything is, 77 when
# this machine has no systemd-analyze.
#
# The programs need not be installed: the units are looked at in a copy that names stand-ins.

set -u
units=${1:?usage: check.sh BUILD-FOLDER}
here=$(dirname "$0")
failed=0

if ! command -v systemd-analyze >/dev/null; then
        echo "SKIPPED: systemd-analyze is not installed, nothing has judged the units" >&2
        exit 77
fi

complain() {
        echo "systemd: $*" >&2
        failed=1
}

copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
for mode in system user; do
        mkdir "$copy/$mode"
        for unit in "$units/$mode"/*; do
                sed -E 's!/[^ ]*/(jobd|jobd-worker)( --(system|user|pool))!/bin/true\2!' \
                        "$unit" >"$copy/$mode/${unit##*/}"
        done
        grep -q '@[A-Z_]*@' "$units/$mode"/* && complain "$mode: a path was not filled in"
done

# Syntax, unknown settings, units that do not exist. It may warn and still end with 0.
for mode in system user; do
        said=$(XDG_RUNTIME_DIR="$copy" SYSTEMD_UNIT_PATH="$copy/$mode:" systemd-analyze --$mode \
                verify --man=no --generators=no "$copy/$mode"/* 2>&1)
        status=$?
        if [ "$status" -ne 0 ] || [ -n "$said" ]; then
                complain "verify of the $mode units: $said"
        fi
done

# An exposure of 1.0 is the most that jobd may have (the option counts in tenths).
systemd-analyze security --offline=true --threshold=10 --no-pager "$copy/system/jobd.service" \
        >"$copy/security" 2>&1 || {
        complain "jobd.service is too open:"
        grep -E '✗|exposure|rror' "$copy/security" >&2
}

# What would break us, and why, stands in the units.
forbid() {
        unit=$1
        shift
        for setting in "$@"; do
                grep -Eq "^$setting" "$unit" && complain "${unit##*/} must not set $setting"
        done
}
forbid "$units/system/jobd.service" PrivateUsers=y PrivateUsers=t ProcSubset= RuntimeDirectory=
for mode in system user; do
        forbid "$units/$mode/jobd-workers.service" Private Protect NoNewPrivileges= \
                MemoryDenyWriteExecute= Restrict SystemCall CapabilityBoundingSet= Lock User= \
                ReadWritePaths= ReadOnlyPaths= InaccessiblePaths= PartOf= BindsTo= Requires= \
                RuntimeDirectory= KillMode=process
        forbid "$units/$mode/jobd.service" 'Requires=.*workers' 'BindsTo=' 'PartOf='
done

# Users and folders, made in a folder of their own. Only root can give folders away.
if [ "$(id -u)" -eq 0 ] && command -v systemd-sysusers >/dev/null; then
        mkdir -p "$copy/root/etc" "$copy/root/run" "$copy/root/var/lib" "$copy/root/var/spool"
        said=$(systemd-sysusers --root="$copy/root" - <"$here/sysusers.conf" 2>&1) ||
                complain "sysusers: $said"
        # Its own owners: those names may be missing in the small root, and 0 is 0 everywhere.
        said=$(systemd-tmpfiles --root="$copy/root" --create - <"$here/tmpfiles.conf" 2>&1) ||
                complain "tmpfiles: $said"
        uid=$(sed -n 's/^jobd:[^:]*:\([0-9]*\):.*/\1/p' "$copy/root/etc/passwd")
        gid=$(sed -n 's/^jobd:[^:]*:\([0-9]*\):.*/\1/p' "$copy/root/etc/group")
        while read -r path expected; do
                found=$(stat -c '%a %u %g' "$copy/root$path" 2>&1)
                [ "$found" = "$expected" ] || complain "$path is '$found', not '$expected'"
        done <<END
/run/jobd 755 0 0
/run/jobd/w 700 0 0
/run/jobd/private 700 $uid $gid
/var/lib/jobd 700 $uid $gid
/var/spool/jobd 2770 0 $gid
END
fi

[ "$failed" -eq 0 ] && echo "the units are right"
exit "$failed"
