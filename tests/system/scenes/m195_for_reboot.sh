# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086,SC2034 # variables of scene.sh, one word each; by name
#
# Jobs for a reboot: something of everything, whose state is told afterwards (m200). Sourced again before the cut.

: "${gate:=$state/gate195}" "${ids:=$state/ids195}"
until_gate="until [ -e $gate ]; do read -r -t 0.2 <>/var/lib/scenes/silent; done; true"
held=$(as alice submit --hold echo "held over")
ended=$(as bob submit sh -c 'echo kept; exit 3')
saying as bob wait "$ended"
# Four workers: two jobs, two tasks of a map; the flow and the rest of the map wait.
plain=$(as alice submit bash -c "$until_gate")
again=$(as bob submit --requeue bash -c "$until_gate; exit \$((JOBD_ATTEMPT + 3))")
check "a job runs" await state_is alice "$plain" running
check "one that may run again, too" await state_is bob "$again" running
as carol map --requeue bash -c "echo task {}; [ {} -lt 3 ] || { $until_gate; }" - ::: 1 2 3 4 5 6 >$state/map.out 2>$state/map.err &
client=$!
map_says() {
        grep -q "$1" $state/map.out
}
check "a map has done two of its tasks" await sh -c "grep -q 'task 1' $state/map.out && grep -q 'task 2' $state/map.out"
map=$(as carol list --json --state running | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -n 1)
printf '{"first": {"command": "%s", "requeue": true}, "second": {"command": ["echo", "second"], "after": "first"}}' \
        "bash -c '$until_gate'" >$state/flow.json
as bob submit --file $state/flow.json >$state/flow
first=$(sed -n 's/^first[^0-9]*\([0-9]*\).*/\1/p' $state/flow) second=$(sed -n 's/^second[^0-9]*\([0-9]*\).*/\1/p' $state/flow)
check "a flow waits" state_is bob "$second" waiting
# The terminal is gone, and so is who looked on.
pkill -KILL -P $client
wait $client 2>/dev/null
for name in held ended plain again map first second; do
        echo "$name=${!name}"
done >$ids
