# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2317,SC2086 # functions are called by check; "a user and an id" are two words
#
# Run in a machine by machine.sh, after "cmake --install" laid our files over it. As two users: a memory
# limit ends one job and names the cause, a fork bomb is held and goes, processors are shared by weight,
# usage is exact, a tree that hides dies, and a restart of jobd touches nothing.
#
# Prints "ok" and "not ok" lines; its status is the number of the latter.
set -u

bad=0
mkfifo -m 666 /run/silent && exec 7<>/run/silent
cd /tmp || exit 99 # jobs run where they were submitted
service=/sys/fs/cgroup/system.slice/jobd-workers.service

check() { # NAME COMMAND...
        local name=$1
        shift
        if "$@"; then
                echo "ok   $name"
        else
                echo "NOT OK   $name: $*"
                bad=$((bad + 1))
        fi
}

as() { # USER WORDS...: jobctl as that user
        local user=$1
        shift
        runuser -u "$user" -- jobctl "$@"
}

# Waits until a command succeeds, at most so many seconds: nothing tells us of what is awaited.
await() {
        local until=$((SECONDS + $1))
        shift
        until "$@" 2>/dev/null; do
                [ $SECONDS -lt $until ] || return 1
                read -r -t 0.1 -u 7 # nobody writes there: a pause
        done
        return 0
}

# A number or word of `info --json`, by its name.
field() { # USER ID NAME
        as "$1" info --json "$2" | sed -n "s/.*\"$3\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}

state_is() { # USER ID STATE
        [ "$(field "$1" "$2" state)" = "$3" ]
}


group_of() { # UID ID
        echo "$service/u$1/j$2.0.1"
}

prepare() {
        mkdir -p /etc/jobd
        printf '[Pool]\nWorkers=4\nCores=4\n[Share "alice"]\nWeight=1\n[Share "bob"]\nWeight=3\n' >/etc/jobd/jobd.conf
        printf '[Jobs]\nTasksMax=64\n' >/etc/jobd/worker-policy.conf
        ldconfig
        systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload &&
                systemctl start jobd.socket jobd.service
}

check "the services start" prepare
check "the first command is answered" await 120 as alice ping
if [ $bad -ne 0 ]; then
        systemctl --no-pager status jobd.service jobd-workers.service
        journalctl --no-pager -b -u jobd -u jobd-workers -n 40
        exit $bad
fi
check "four workers come" await 120 sh -c "jobctl pool --json | grep -q \"number\\\":3,[^}]*\\\"connected\\\":true\""
check "control groups are in force" sh -c 'runuser -u alice -- jobctl status | grep -q "cgroup v2"'
check "the log says so" sh -c 'journalctl -b -u jobd-workers | grep -q "held by cgroup v2"'

# ---- memory: one job goes, its neighbour stays
neighbour=$(as alice submit sh -c 'read x <>/run/silent')
check "a neighbour runs" await 120 state_is alice "$neighbour" running
hog=$(as alice submit --mem 48M perl -e 'my @a; push @a, "x" x 1048576 while 1')
as alice wait "$hog"
check "too much memory is oom" state_is alice "$hog" oom
check "the limit is named" sh -c "runuser -u alice -- jobctl info $hog | grep -q 'memory limit of 48 MiB'"
check "the neighbour still runs" state_is alice "$neighbour" running
peak=$(field alice "$hog" memory_peak_bytes)
check "the peak was the limit" [ "${peak:-0}" -le $((48 << 20)) ]
check "the peak came near it" [ "${peak:-0}" -ge $((40 << 20)) ]

# ---- processes: a bomb is held, others go on, and it can be ended
# shellcheck disable=SC2016 # for the inner shell
bomb=$(as bob submit --grace 1s sh -c 'b() { b & b & wait; }; b & read x <>/run/silent') # the first process must outlive a fork that fails
check "a bomb meets its limit" await 120 sh -c "grep -qx 'pids.max\|max [1-9][0-9]*' $(group_of 1002 "$bomb")/pids.events"
check "it is held" [ "$(cat "$(group_of 1002 "$bomb")/pids.current" 2>/dev/null || echo 999)" -le 64 ]
check "others run meanwhile" as alice run true
started=$SECONDS
as bob cancel "$bomb"
as bob wait "$bomb"
check "it is cancelled" state_is bob "$bomb" cancelled
check "in seconds" [ $((SECONDS - started)) -le 15 ]
check "nothing of it is left" [ ! -e "$(group_of 1002 "$bomb")" ]

# ---- a tree that leaves its session, its group and its parent
# shellcheck disable=SC2016
tree=$(as bob submit sh -c 'stay="tail -f /dev/null"
(setsid sh -c "(setsid $stay &) ; $stay" &) ; ($stay &) ; $stay')
hidden() {
        [ "$(grep -lsza '^tail$' /proc/[0-9]*/cmdline | wc -l)" -eq "$1" ]
}
check "a tree hides" await 120 hidden 4
as bob cancel "$tree"
as bob wait "$tree"
check "the whole tree is gone" hidden 0

# ---- processors: two users who want all there is
busy='exec taskset -c 0 sh -c "while :; do :; done"' # one processor: who gets which is not the question
spin=()
for user in alice bob; do
        n=2
        [ $user = bob ] || n=1 # the neighbour has a worker of alice's
        for ((i = 0; i < n; i++)); do
                spin+=("$user $(as $user submit sh -c "$busy")")
        done
done
as alice cancel "$neighbour"
spin+=("alice $(as alice submit sh -c "$busy")")
all_spin() {
        local one
        for one in "${spin[@]}"; do
                # shellcheck disable=SC2086 # a user and an id
                state_is $one running || return 1
        done
}
spent() {
        sed -n 's/^usage_usec //p' "$service/u$1/cpu.stat"
}
check "all four spin" await 120 all_spin
check "the weights arrived" sh -c "[ \$(cat $service/u1001/cpu.weight) = 100 ] && [ \$(cat $service/u1002/cpu.weight) = 300 ]"
together_spent() { # USEC, since then
        [ $(($(spent 1001) + $(spent 1002) - begun)) -ge "$1" ]
}
bob_has_three_times_as_much() {
        alice=$(spent 1001) bob=$(spent 1002)
        begun=$((alice + bob))
        await 120 together_spent 6000000 || return 1
        alice=$(($(spent 1001) - alice)) bob=$(($(spent 1002) - bob))
        echo "     alice $alice us, bob $bob us, $((bob * 100 / alice)) %"
        [ $((bob * 100)) -ge $((alice * 255)) ] && [ $((bob * 100)) -le $((alice * 345)) ]
}
look_thrice() { # a machine that is emulated on a busy one is not always given its processors
        bob_has_three_times_as_much || bob_has_three_times_as_much || bob_has_three_times_as_much
}
check "bob has three times as much" look_thrice
for one in "${spin[@]}"; do
        # shellcheck disable=SC2086
        as ${one% *} cancel ${one#* }
        as ${one% *} wait ${one#* }
done

# ---- usage: of a grandchild that nobody waits for, too
# shellcheck disable=SC2016
worker=$(as alice submit sh -c 'mkfifo $HOME/over
( (perl -e "my \$x = q(x) x (32 << 20); while ((times)[0] < 1) { \$i++ }"; echo x >$HOME/over) & )
read x <$HOME/over
dd if=/dev/zero of=$HOME/file bs=64k count=64 conv=fsync status=none')
as alice wait "$worker"
as alice info "$worker"
check "processor time" sh -c "runuser -u alice -- jobctl info --json $worker | grep -Eq '\"user_seconds\": *(1|0\\.9|2)'"
peak=$(field alice "$worker" memory_peak_bytes)
check "peak memory" [ "${peak:-0}" -ge $((32 << 20)) ]
check "bytes written" [ "$(field alice "$worker" write_bytes)" -ge $((4 << 20)) ]

# ---- a restart of jobd
runuser -u bob -- mkfifo /home/bob/gate
kept=$(as bob submit sh -c 'read x </home/bob/gate; exit 7')
check "a job runs" await 120 state_is bob "$kept" running
pid=$(field bob "$kept" pid)
systemctl restart jobd.service
check "it runs on when jobd is restarted" kill -0 "$pid"
echo >/home/bob/gate
as bob wait "$kept"
check "its status is exact" [ $? -eq 7 ]

echo "$bad not ok"
[ $bad -eq 0 ] || journalctl --no-pager -b -u jobd -u jobd-workers -n 60
exit $bad
