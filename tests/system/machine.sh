#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a script as root in a machine of its own, in which systemd is PID 1 and cgroup v2 is all there is:
#
#   machine.sh TREE SCRIPT     TREE: folder whose content is laid over the machine's /; SCRIPT: for bash, gets
#                              the number of the boot (1, 2...). Prints what it prints, ends with its status.
#   machine.sh --build         only makes the base image
#
# 77: no machine can be booted here, with a line that says why. 124: out of time. 125: the machine failed.
#
# The machine is qemu with Debian's cloud kernel, started from its file: disks (NVMe) and ext4 are built into
# it, so there is neither boot loader nor initrd. Its root is an ext4 image that mmdebstrap and mke2fs make
# once, without mounting anything; each run has a copy of it. TREE and SCRIPT are a second disk, which holds
# nothing but a tar file. The script's output comes by the second serial line. There is no network, and no
# source of packages but what TREE brings. Users in it: alice (1001), bob (1002) and carol (1003), the first
# two in the group project (2000), too. A third disk of 1 MiB, /dev/nvme0n3, holds zeroes at first: what is
# written there is kept without any file system having been asked.
#
# "machine-again reboot" in SCRIPT never returns: the machine shuts down as it should, and is booted again with
# the same disk. "machine-again cut" is the plug that is pulled: whatever was not synced is gone.
#
# JOBD_MACHINE_CACHE  folder of the base image (./machine)    JOBD_MACHINE_TIMEOUT  seconds (300)
# JOBD_MACHINE_LOG    file that gets the kernel's console

set -u -o pipefail
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin
umask 022

cache=${JOBD_MACHINE_CACHE:-machine}
timeout=${JOBD_MACHINE_TIMEOUT:-300}
top=$(cd "$(dirname "$0")/../.." && pwd)
packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,libnss-systemd,procps,python3
packages+=,libevent-core-2.1-7,libevent-pthreads-2.1-7,libprotobuf-c1,libsqlite3-0,libsystemd0,libjansson4,libinih1
packages+=,libzstd1,libbsd0,libmd0
recipe=2 # raise it to make every image stale

skip() {
        printf 'SKIPPED: no machine can be booted here: %s\n' "$*" >&2
        exit 77
}

fail() {
        printf 'machine: %s\n' "$*" >&2
        exit 125
}

need_tools() {
        [ "$(uname -m)" = x86_64 ] || skip "the processor is $(uname -m), the recipe is for x86_64"
        command -v apt-get >/dev/null || skip "it is made of Debian packages, and there is no apt-get"
        if ! sh "$top/packaging/deps.sh" machine; then
                skip "qemu, mmdebstrap or mke2fs is missing and cannot be installed"
        fi
}

# ----------------------------------------------------------------------------------- the base image

# This machine's own sources of Debian, as lines of sources.list.
own_sources() {
        # shellcheck disable=SC2016 # apt-get expands them
        apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)' 'Created-By: Packages' |
                sed -n 's/|Debian$//p' | grep -v backports | sort -u
}

# The newest cloud kernel of those sources, unpacked: only its one file is wanted.
fetch_kernel() {
        local deb
        deb=$(apt-cache show --no-all-versions linux-image-cloud-amd64 |
                sed -n 's/^Depends: \([^ ,]*\).*/\1/p' | head -n 1)
        [ -n "$deb" ] || return 1
        (cd "$1" && apt-get -q download "$deb" >/dev/null 2>&1) || return 1
        dpkg-deb --fsys-tarfile "$1/$deb"_*.deb | tar -xf - -C "$1" --wildcards --transform 's!.*/vmlinuz-.*!vmlinuz!' \
                './boot/vmlinuz-*'
}

# What runs in the machine when it is up. The first disk's name is fixed by the order below.
guest_unit() {
        cat <<'UNIT'
[Unit]
Description=The script of the test
After=multi-user.target

[Service]
Type=exec
ExecStart=/usr/local/lib/machine/run
StandardOutput=journal
TasksMax=infinity
OOMPolicy=continue
UNIT
}

guest_run() {
        cat <<'RUN'
#!/bin/bash
here=/usr/local/lib/machine
stty -F /dev/ttyS1 -opost
exec >/dev/ttyS1 2>&1 </dev/null
boot=$(($(cat $here/boots 2>/dev/null || echo 0) + 1))
echo $boot >$here/boots && sync $here/boots
[ $boot -gt 1 ] || tar -xf /dev/nvme0n2 -C / --no-overwrite-dir
cd /root
HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        bash $here/script $boot
echo "machine: the script ended with $?"
systemctl --no-block --force poweroff
RUN
}

guest_again() {
        cat <<'AGAIN'
#!/bin/bash
echo "machine: once more" >/dev/ttyS1
stty -F /dev/ttyS1 -opost # returns when the line is out
case $1 in
reboot) systemctl --no-block reboot ;;
cut) echo 1 >/proc/sys/kernel/sysrq && echo b >/proc/sysrq-trigger ;;
esac
exec tail -f /dev/null
AGAIN
}

finish_root() {
        local root=$1 user
        chroot "$root" groupadd -g 2000 project || return 1
        for user in alice:1001 bob:1002 carol:1003; do
                chroot "$root" useradd -m -s /bin/bash -U -u "${user#*:}" "${user%%:*}" || return 1
        done
        chroot "$root" usermod -a -G project alice && chroot "$root" usermod -a -G project bob || return 1
        chmod 755 "$root"
        echo machine >"$root/etc/hostname"
        echo '127.0.0.1 localhost machine' >"$root/etc/hosts"
        echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id" # set: no work for a first boot
        mkdir -p "$root/usr/local/lib/machine" "$root/var/log/journal"
        guest_run >"$root/usr/local/lib/machine/run"
        guest_again >"$root/usr/local/sbin/machine-again"
        chmod 755 "$root/usr/local/lib/machine/run" "$root/usr/local/sbin/machine-again"
        # What made the image small is not to shape what is installed later; nothing comes by a network.
        rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/apt/apt.conf.d/99mmdebstrap"
        rm -rf "$root/etc/apt/sources.list.d" "$root/var/lib/apt/lists"
        : >"$root/etc/apt/sources.list"
        guest_unit >"$root/etc/systemd/system/machine-test.service"
        mkdir -p "$root/etc/systemd/system/default.target.wants"
        ln -s /etc/systemd/system/machine-test.service "$root/etc/systemd/system/default.target.wants/"
        ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
        for unit in getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyS1.service apt-daily.timer \
                apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
                systemd-timesyncd.service modprobe@.service systemd-modules-load.service; do
                ln -sf /dev/null "$root/etc/systemd/system/$unit"
        done
}

build_base() {
        local base=$1 work=$cache/new.$$
        [ "$(id -u)" -eq 0 ] || skip "only root can make its disk"
        rm -rf "$work"
        mkdir -p "$work" || fail "cannot write to $cache"
        # shellcheck disable=SC2064 # that folder
        trap "rm -rf '$work'" EXIT
        own_sources >"$work/sources"
        [ -s "$work/sources" ] || { apt-get update >/dev/null 2>&1 && own_sources >"$work/sources"; }
        [ -s "$work/sources" ] || skip "no source of Debian packages is configured"
        fetch_kernel "$work" || skip "Debian's kernel cannot be fetched"
        mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" --format=directory \
                --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
                --dpkgopt='path-exclude=/usr/share/locale/*' \
                "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$work/root" "$work/sources" >"$work/log" 2>&1 ||
                { tail -n 5 "$work/log" >&2; skip "mmdebstrap cannot make its disk (its last words are above)"; }
        finish_root "$work/root" || fail "the users cannot be made"
        mke2fs -q -F -t ext4 -O ^metadata_csum -m 0 -d "$work/root" "$work/root.img" 2G >/dev/null ||
                fail "mke2fs failed"
        if ! { mkdir -p "$work/done" && mv "$work/root.img" "$work/vmlinuz" "$work/done/"; }; then
                fail "cannot write to $cache"
        fi
        rm -rf "$base"
        mv "$work/done" "$base"
}

# ------------------------------------------------------------------------------------------ running

# A /dev/kvm that opens may still give up on the kernel, where machines are nested: let it try, once.
kvm_works() {
        local mark=$1/kvm
        [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
        if [ ! -s "$mark" ]; then
                if timeout -k 1 8 qemu-system-x86_64 -nodefaults -no-user-config -accel kvm -cpu host -m 512 \
                        -display none -monitor none -serial stdio -no-reboot -kernel "$1/vmlinuz" \
                        -append 'console=ttyS0 panic=-1' </dev/null 2>/dev/null |
                        grep -a 'not syncing: VFS' >/dev/null
                then echo yes; else echo no; fi >"$mark"
        fi
        [ "$(cat "$mark")" = yes ]
}

# One boot. Everything that the script says is added to $work/output.
boot_machine() {
        local base=$1 work=$2 accel
        accel=(-accel "tcg,thread=multi,tb-size=512" -cpu "Nehalem,+rdrand")
        if kvm_works "$base"; then
                accel=(-accel kvm -cpu host)
        fi
        timeout --foreground -k 2 "$3" qemu-system-x86_64 -nodefaults -no-user-config -M q35 "${accel[@]}" -smp 2 -m 1024 \
                -display none -monitor none -no-reboot -nic none -kernel "$base/vmlinuz" \
                -append 'root=/dev/nvme0n1 rootfstype=ext4 rw console=ttyS0 quiet panic=-1 mitigations=off audit=0' \
                -drive "if=none,id=root,format=raw,file=$work/root.img,cache=unsafe" \
                -drive "if=none,id=add,format=raw,file=$work/disk.tar,readonly=on" \
                -drive "if=none,id=note,format=raw,file=$work/note,cache=unsafe" \
                -device nvme,id=nvme,serial=machine -device nvme-ns,bus=nvme,drive=root,nsid=1 \
                -device nvme-ns,bus=nvme,drive=add,nsid=2 -device nvme-ns,bus=nvme,drive=note,nsid=3 \
                -chardev "file,id=console,path=$console,append=on" -serial chardev:console -serial stdio \
                </dev/null 2>"$work/qemu" | tee -a "$work/output"
        return "${PIPESTATUS[0]}"
}

run_machine() {
        local base=$1 tree=$2 script=$3 work boots=0 until=$((SECONDS + timeout))
        work=$(mktemp -d "${TMPDIR:-/tmp}/jobd-machine.XXXXXX") || fail "mktemp failed"
        # shellcheck disable=SC2064 # that folder
        trap "rm -rf '$work'" EXIT
        console=${JOBD_MACHINE_LOG:-$work/console}
        : >"$console" || fail "cannot write to $console"
        mkdir -p "$work/add/usr/local/lib/machine"
        # The root folder is as private as the folder it was made of, in spite of all chmods before.
        { echo 'chmod 755 /' && cat "$script"; } >"$work/add/usr/local/lib/machine/script" || fail "cannot read $script"
        tar -cf "$work/disk.tar" --owner=0 --group=0 -C "$tree" . -C "$work/add" . || fail "cannot pack $tree"
        truncate -s 1M "$work/note" || fail "no space in ${TMPDIR:-/tmp}"
        cp --sparse=always "$base/root.img" "$work/root.img" || fail "cannot copy the machine's disk"
        while :; do
                boots=$((boots + 1))
                boot_machine "$base" "$work" $((until > SECONDS ? until - SECONDS : 1))
                [ $? -ne 124 ] || { echo "machine: out of time ($timeout s)" >&2; exit 124; }
                ! grep -aq '^machine: the script ended with ' "$work/output" || break
                [ "$(grep -ac '^machine: once more' "$work/output")" -eq $boots ] && continue
                tail -n 20 "$work/qemu" "$console" >&2
                fail "it ended without the script's status"
        done
        exit "$(sed -n 's/^machine: the script ended with //p' "$work/output" | tail -n 1)"
}

need_tools
mkdir -p "$cache" || fail "cannot make $cache"
cache=$(cd "$cache" && pwd)
base=$cache/base-$recipe-$({ declare -f finish_root guest_run guest_again guest_unit build_base; echo "$packages"; } | sha256sum | cut -c1-12)
[ -f "$base/root.img" ] || (
        flock 9
        [ -f "$base/root.img" ] || build_base "$base"
) 9>"$cache/lock" || exit
[ "${1:-}" != --build ] || exit 0
if [ $# -ne 2 ] || [ ! -d "$1" ] || [ ! -f "$2" ]; then
        sed -n '3,10p' "$0" >&2
        exit 125
fi
run_machine "$base" "$1" "$2"
