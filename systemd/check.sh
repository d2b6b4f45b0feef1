#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Has systemd judge our units: check.sh BUILD-FOLDER, where system/ and user/ hold the units as they
# would be installed. Each check prints what is wrong; the exit code is 1 when anything is, 77 when
# this machine has no systemd-analyze. With a second word, "forbidden", only what must not be set is
# looked for.
#
# The programs need not be installed: the units are looked at in a copy that names stand-ins.

set -u
units=${1:?usage: check.sh BUILD-FOLDER [forbidden]}
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

# What would break us, and why, stands in the units. A user's manager makes a user namespace for
# whatever hides or protects files, as with PrivateUsers=.
forbid() {
        unit=$1
        shift
        for setting in "$@"; do
                grep -Eq "^$setting" "$unit" && complain "${unit##*/} must not set $setting"
        done
}
forbid_all() {
        forbid "$units/system/jobd-metrics.service" PrivateUsers=y PrivateUsers=t DynamicUser=
        forbid "$units/system/jobd.service" PrivateUsers= ProcSubset= RuntimeDirectory= DynamicUser=
        forbid "$units/user/jobd.service" Private Protect ReadWritePaths= RuntimeDirectory= User=
        for mode in system user; do
                forbid "$units/$mode/jobd-workers.service" Private Protect NoNewPrivileges= \
                        MemoryDenyWriteExecute= Restrict[ANRS] SystemCall CapabilityBoundingSet= Lock \
                        User= ReadWritePaths= ReadOnlyPaths= InaccessiblePaths= PartOf= BindsTo= \
                        Requires= RuntimeDirectory= KillMode=process
                forbid "$units/$mode/jobd.service" 'Requires=.*workers' 'BindsTo=' 'PartOf='
                forbid "$units/$mode/jobd.socket" FlushPending= RemoveOnStop= Accept=y
        done
}

if [ "${2:-}" = forbidden ]; then
        forbid_all
        exit "$failed"
fi

copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
for mode in system user; do
        mkdir "$copy/$mode"
        for unit in "$units/$mode"/*; do
                sed -E 's!/[^ ]*/(jobd|jobd-worker|jobctl)( --(system|user|pool)| metrics )!/bin/true\2!' \
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

# How open a service may be, in tenths. The workers get nothing that jobs would inherit, so theirs is
# only a note of where they stand; their price is said in the unit.
judge() {
        unit=$1
        most=$2
        systemd-analyze security --offline=true "--threshold=$most" --no-pager "$copy/system/$unit" \
                >"$copy/security" 2>&1 || {
                complain "$unit is more open than $most tenths:"
                grep -E '✗|exposure|rror' "$copy/security" >&2
        }
        sed -n 's/.*Overall exposure level for \([^:]*\): \([0-9.]*\) .*/\1: exposure \2/p' "$copy/security"
        score=$(sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/\1/p' "$copy/security")
        grep -q "security.* says $score" "$units/system/$unit" ||
                complain "$unit does not say that its exposure is $score"
}
judge jobd.service 9
judge jobd-workers.service 96
judge jobd-metrics.service 10

# What narrows or feeds a service says why: the line before is a comment, or the same setting.
for unit in "$units"/*/*.service; do
        unsaid=$(awk '
                /^\[/ { is_service = $0 == "[Service]" }
                is_service && /^[A-Z][A-Za-z]*=/ {
                        key = $0
                        sub(/=.*/, "", key)
                        if (key ~ /^(Private|Protect|Restrict|Lock|Memory|SystemCall|NoNew|Capab|Ambient|CPU|IO|Tasks|Limit|OOM|ManagedOOM|IPAddress|Device|Keyring|Remove|Supplementary|UMask|Kill|Delegate|Watchdog|Timeout|ReadWrite|State)/ &&
                            before !~ /^#/ && before !~ "^" key "=" && key != "StateDirectoryMode")
                                print key
                }
                { before = $0 }' "$unit")
        [ -z "$unsaid" ] || complain "${unit##*/} does not say why: $unsaid"
done

forbid_all

# The catalogue: a text for each message id of jobd and no other, which journalctl understands.
ids='s/.*"\([0-9a-f]\{32\}\)".*/\1/p'
sed -n "$ids" "$here/../daemon/service.c" | sort >"$copy/ids"
sed -n 's/^-- \([0-9a-f]*\)$/\1/p' "$here/jobd.catalog" | sort >"$copy/catalog-ids"
said=$(diff "$copy/ids" "$copy/catalog-ids") ||
        complain "daemon/service.c (<) and jobd.catalog (>) differ: $said"
if command -v journalctl >/dev/null; then
        mkdir -p "$copy/journal/usr/lib/systemd/catalog" "$copy/journal/var/lib/systemd/catalog"
        cp "$here/jobd.catalog" "$copy/journal/usr/lib/systemd/catalog"
        said=$(journalctl --root="$copy/journal" --update-catalog 2>&1) || complain "catalogue: $said"
        [ -z "$said" ] || complain "catalogue: $said"
        while read -r id; do
                text=$(journalctl --root="$copy/journal" --dump-catalog "$id" 2>/dev/null)
                for part in '^Subject: .' '^Defined-By: jobd$' '^Documentation: man:'; do
                        printf '%s\n' "$text" | grep -q "$part" ||
                                complain "catalogue: $id has no line like $part"
                done
        done <"$copy/ids"
        # Its fields are ours; a name that is not there would be shown as it stands.
        for field in $(grep -o '@[A-Z_]*@' "$here/jobd.catalog" | tr -d @ | sort -u); do
                grep -q "\"$field=" "$here/../daemon/service.c" ||
                        complain "catalogue: jobd sends no field $field"
        done
fi

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
