#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Run as root in a clean Debian by p200_root.sh; /packages has our packages, /packages/newer those of
# version $1. Installs them with one command, runs a first job in an ordinary user's own queue and one
# in the queue of the machine (started by hand), upgrades, removes, purges: and then nothing is left.
set -eu

newer=$1
failed=0

wrong() {
        printf 'wrong: %s\n' "$*" >&2
        failed=1
}

# same WHAT EXPECTED FOUND
same() {
        [ "$2" = "$3" ] || wrong "$1 is '$3', not '$2'"
}

step() {
        printf -- '-- %s\n' "$*"
}

# Everything that a package could leave: files, users, groups. What dpkg and apt note of themselves is theirs.
snapshot() {
        find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /packages -o -path /var/log -o -path /var/cache \
                -o -path /var/lib/dpkg -o -path /home/alice -o -path /var/lib/apt \) -prune -o -printf '%y %m %u %g %p\n' | sort
        cat /etc/passwd /etc/group
        cut -d: -f1 /etc/shadow /etc/gshadow
        find /var/lib/dpkg/info -name '*job*'
}

# Waits until the process has gone, as long as the test may last.
gone() {
        tail -f /dev/null --pid "$1" -s 0.05
}

# Ends the pool that there is, and with it its workers.
end_pool() {
        for process in /proc/[0-9]*; do
                if { tr '\0' ' ' <"$process/cmdline"; } 2>/dev/null | grep -q '^[^ ]*jobd-worker --pool '; then
                        kill "${process#/proc/}"
                        gone "${process#/proc/}"
                fi
        done
}

as_alice() {
        runuser -u alice -- "$@"
}

# There is no systemd here that a package could ask for anything.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
useradd --create-home alice
# Made by the first one who changes a user, and by nobody removed.
for file in passwd group shadow gshadow; do
        cp -p /etc/$file /etc/$file-
done
: >/etc/.pwd.lock
chmod 600 /etc/.pwd.lock
snapshot >/tmp/before

step 'installed, with one command'
apt-get install --yes -qq /packages/*.deb >/tmp/log 2>&1 || { cat /tmp/log >&2; exit 1; }
for unit in sockets.target.wants/jobd.socket multi-user.target.wants/jobd.service \
        multi-user.target.wants/jobd-workers.service; do
        [ -L "/etc/systemd/system/$unit" ] || wrong "$unit is not enabled"
done
[ -z "$(find /etc/systemd/user -name 'job*')" ] || wrong 'the units of users are enabled'
getent passwd jobd >/dev/null || wrong 'there is no user jobd'
getent group jobd-admin >/dev/null || wrong 'there is no group jobd-admin'
same '/var/lib/jobd' '700 jobd jobd' "$(stat -c '%a %U %G' /var/lib/jobd)"
same '/var/spool/jobd' '2770 root jobd' "$(stat -c '%a %U %G' /var/spool/jobd)"
same '/run/jobd/private' '700 jobd jobd' "$(stat -c '%a %U %G' /run/jobd/private)"

step 'a first job, in a queue of its own user'
same 'who it runs as' alice "$(as_alice jobctl run id -un)"
pid=$(as_alice jobctl status --json | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')
same 'the daemon' /usr/sbin/jobd "$(readlink "/proc/$pid/exe")"
as_alice jobctl shutdown --now >/dev/null 2>&1
gone "$pid"
end_pool

# What an administrator without systemd does. Sets $keeper.
start_by_hand() {
        mkfifo /tmp/ready
        jobd --system --ready-fd 7 7<>/tmp/ready >>/tmp/jobd.log 2>&1 &
        keeper=$!
        head -c 1 /tmp/ready >/dev/null
        rm /tmp/ready
}

# Keeper and pool.
stop_by_hand() {
        kill "$keeper"
        gone "$keeper"
        end_pool
}

step 'a first job, in the queue of the machine'
start_by_hand
same 'who it runs as' alice "$(as_alice jobctl run id -un)"
same 'who keeps it' jobd "$(stat -c %U "/proc/$keeper")"
id=$(as_alice jobctl submit sh -c 'echo kept')
as_alice jobctl wait "$id"

step 'upgraded'
printf '[Daemon]\nLogLevel=info\n' >>/etc/jobd/jobd.conf
printf '[Jobs]\nMinimumUid=1000\n' >>/etc/jobd/worker-policy.conf
cp /etc/jobd/*.conf /tmp/
dpkg -i /packages/newer/*.deb >/tmp/log 2>&1 || { cat /tmp/log >&2; exit 1; }
same 'jobd --version' "jobd $newer" "$(jobd --version)"
same 'what is in /etc/jobd' 'jobd.conf worker-policy.conf' "$(cd /etc/jobd && echo *)"
for file in jobd.conf worker-policy.conf; do
        cmp "/etc/jobd/$file" "/tmp/$file" || wrong "an upgrade has changed $file"
done
stop_by_hand
start_by_hand
same 'what an old job has written' kept "$(as_alice jobctl logs "$id")"
same 'a job of the new one' alice "$(as_alice jobctl run id -un)"
same "the daemon's build" "$newer" "$(as_alice jobctl status --json | sed -n 's/.*"build":"\([^"+]*\).*/\1/p')"
stop_by_hand

step 'removed'
apt-get remove --yes -qq jobd jobctl libjobctl1 >/tmp/log 2>&1 || { cat /tmp/log >&2; exit 1; }
[ ! -e /usr/sbin/jobd ] || wrong 'jobd is still there'
for path in /var/lib/jobd /etc/jobd/jobd.conf; do
        [ -e $path ] || wrong "a removal has taken $path"
done

step 'purged'
apt-get purge --yes -qq jobd >/tmp/log 2>&1 || { cat /tmp/log >&2; exit 1; }
[ ! -e /run/jobd ] || wrong 'there is still /run/jobd'
# Nobody is asked anything, so nothing in the log is a question.
grep -i '\[y/n\]' /tmp/log >&2 && wrong 'a purge has asked'
snapshot >/tmp/after
diff /tmp/before /tmp/after >&2 || wrong 'a purge leaves what stands above'
[ "$failed" -eq 0 ] || { tail -n 20 /tmp/jobd.log >&2; exit 1; }
echo 'installed, used, upgraded, removed, purged: nothing is left'
