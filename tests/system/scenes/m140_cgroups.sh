# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# As two users: a memory limit ends one job and names the cause, a fork bomb is held and goes, a tree that hides dies,
# processors are shared by weight, usage is exact. Leaves bob a weight of 3.

group_of() { # UID ID
        echo "$service/u$1/j$2.0.1"
}

printf '[Share "alice"]\nWeight=1\n[Share "bob"]\nWeight=3\n' >/etc/jobd/jobd.conf.d/shares.conf
check "shares are set" saying jobctl reload

# ---- memory: one job goes, its neighbour stays
neighbour=$(as alice submit sh -c 'read x <>/var/lib/scenes/silent')
check "a neighbour runs" await state_is alice "$neighbour" running
hog=$(as alice submit --mem 48M perl -e 'my @a; push @a, "x" x 1048576 while 1')
saying as alice wait "$hog"
check "too much memory is oom" state_is alice "$hog" oom
check "the limit is named" sh -c "runuser -u alice -- jobctl info $hog | grep -q 'memory limit of 48 MiB'"
check "the neighbour still runs" state_is alice "$neighbour" running
peak=$(field alice "$hog" memory_peak_bytes)
check "the peak was the limit" [ "${peak:-0}" -le $((48 << 20)) ]
check "the peak came near it" [ "${peak:-0}" -ge $((40 << 20)) ]

# ---- processes: a bomb is held, others go on, and it can be ended
# shellcheck disable=SC2016 # for the inner shell
bomb=$(as bob submit --grace 1s sh -c 'b() { b & b & wait; }; b & read x <>/var/lib/scenes/silent') # the first process must outlive a fork that fails
check "a bomb meets its limit" await sh -c "grep -qx 'pids.max\|max [1-9][0-9]*' $(group_of 1002 "$bomb")/pids.events"
check "it is held" [ "$(cat "$(group_of 1002 "$bomb")/pids.current" 2>/dev/null || echo 999)" -le 64 ]
check "others run meanwhile" as alice run true
started=$SECONDS
saying as bob cancel "$bomb"
saying as bob wait "$bomb"
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
check "a tree hides" await hidden 4
saying as bob cancel "$tree"
saying as bob wait "$tree"
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
saying as alice cancel "$neighbour"
spin+=("alice $(as alice submit sh -c "$busy")")
all_spin() {
        [ "$(jobctl list --all-users --json --state running | grep -c '"id"')" -eq 4 ]
}
spent() {
        sed -n 's/^usage_usec //p' "$service/u$1/cpu.stat"
}
check "all four spin" await all_spin
check "the weights arrived" sh -c "[ \$(cat $service/u1001/cpu.weight) = 100 ] && [ \$(cat $service/u1002/cpu.weight) = 300 ]"
together_spent() { # USEC, since then
        [ $(($(spent 1001) + $(spent 1002) - begun)) -ge "$1" ]
}
bob_has_three_times_as_much() {
        alice=$(spent 1001) bob=$(spent 1002)
        begun=$((alice + bob))
        await together_spent 6000000 || return 1
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
        saying as ${one% *} cancel ${one#* }
        saying as ${one% *} wait ${one#* }
done

# ---- usage: of a grandchild that nobody waits for, too
# shellcheck disable=SC2016
worker=$(as alice submit sh -c 'mkfifo $HOME/over
( (perl -e "my \$x = q(x) x (32 << 20); while ((times)[0] < 1) { \$i++ }"; echo x >$HOME/over) & )
read x <$HOME/over
dd if=/dev/zero of=$HOME/file bs=64k count=64 conv=fsync status=none')
saying as alice wait "$worker"
check "processor time" sh -c "runuser -u alice -- jobctl info --json $worker | grep -Eq '\"user_seconds\": *(1|0\\.9|2)'"
peak=$(field alice "$worker" memory_peak_bytes)
check "peak memory" [ "${peak:-0}" -ge $((32 << 20)) ]
check "bytes written" [ "$(field alice "$worker" write_bytes)" -ge $((4 << 20)) ]
