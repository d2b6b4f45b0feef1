#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A real system:  sh tests/system/run.sh [SCENE...]
#
# Builds the packages and a newer version of them, boots a machine in which systemd is PID 1 (machine.sh),
# installs them there, and has scenes/ played by root and three ordinary users: from the first job to the purge, with
# restarts, a watchdog's kill, an upgrade, a reboot and a power cut on the way. Prints what is checked, one line each,
# and keeps it with the machine's console in build/logs. SCENE: only these (m140), after the installation.
#
# Status: 0 all is well, 77 no machine can be booted here (and a line says why), else something is not.
#
# JOBD_PACKAGES           folder with old/*.deb and new/*.deb: these are used, and none built
# JOBD_MACHINE_CACHE      folder of the machine's base image (build/machine)
set -u

here=$(cd "$(dirname "$0")" && pwd) || exit 1
top=$(cd "$here/../.." && pwd) || exit 1
logs=$top/build/logs
scenes=usr/local/share/scenes

fail() {
        printf 'run.sh: %s\n' "$*" >&2
        exit 1
}

mkdir -p "$logs" || fail "cannot make $logs"
tree=$(mktemp -d "${TMPDIR:-/tmp}/jobd-tree.XXXXXX") || exit 1
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$tree"
JOBD_MACHINE_CACHE=${JOBD_MACHINE_CACHE:-$top/build/machine}
JOBD_MACHINE_LOG=$logs/machine-console.log
JOBD_MACHINE_TIMEOUT=${JOBD_MACHINE_TIMEOUT:-840}
export JOBD_MACHINE_CACHE JOBD_MACHINE_LOG JOBD_MACHINE_TIMEOUT

# Before anything is built: where no machine can be booted, nothing needs to be.
bash "$here/machine.sh" --build || exit

packages=${JOBD_PACKAGES:-}
if [ -z "$packages" ]; then
        packages=$top/build/packages
        rm -rf "$packages/old" "$packages/new"
        # The second build takes what the first one left, but for what knows its version.
        if ! { sh "$top/packaging/deps.sh" build package &&
                sh "$top/packaging/build-deb.sh" --work "$packages/deb" "$packages/old" &&
                sh "$top/packaging/build-deb.sh" --version 99.0~test --work "$packages/deb" "$packages/new"; } \
                >"$logs/packages.log" 2>&1
        then
                tail -n 25 "$logs/packages.log" >&2
                fail "the packages could not be built (all of it: $logs/packages.log)"
        fi
fi

mkdir -p "$tree/$scenes" "$tree/root/packages"
for version in old new; do
        mkdir "$tree/root/packages/$version"
        find "$packages/$version" -maxdepth 1 -name '*.deb' ! -name '*-dbgsym_*' ! -name '*-dev_*' \
                -exec cp {} "$tree/root/packages/$version/" \;
        [ -n "$(ls "$tree/root/packages/$version")" ] || fail "no packages in $packages/$version"
done
cp "$here/audit.py" "$here"/scenes/*.sh "$here"/scenes/*.p[ly] "$top/packaging/debian/tests/first-job" "$tree/$scenes/" ||
        fail "cannot copy the scenes"
chmod -R a+rX "$tree/$scenes"
if [ $# -gt 0 ]; then
        for file in "$tree/$scenes"/m[2-9]*.sh "$tree/$scenes"/m1[1-9]*.sh; do
                wanted=no
                for scene; do
                        case ${file##*/} in "$scene"*) wanted=yes ;; esac
                done
                [ $wanted = yes ] || rm -f "$file"
        done
fi

{
        bash "$here/machine.sh" "$tree" "$here/scenes/main.sh"
        echo "status $?"
} | tee "$logs/machine.log" | sed '/^status [0-9]*$/d'
exit "$(sed -n 's/^status //p' "$logs/machine.log" | tail -n 1)"
