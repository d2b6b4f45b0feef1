# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# Stopping the workers ends what runs, in order, and every job says what became of it; jobd goes on.

# shellcheck disable=SC2016 # for the inner shell
polite=$(as alice submit bash -c 'trap "echo leaving in order; exit 3" TERM; echo here; while :; do read -r -t 1 <>/var/lib/scenes/silent; done')
stubborn=$(as bob submit --grace 1s bash -c 'trap "" TERM; echo here; while :; do read -r -t 1 <>/var/lib/scenes/silent; done')
again=$(as bob submit --requeue sh -c "echo attempt \$JOBD_ATTEMPT; [ \$JOBD_ATTEMPT = 1 ] && read x <>/var/lib/scenes/silent; exit 4")
waiting=$(as alice submit --hold echo "much later")
for job in "alice $polite" "bob $stubborn" "bob $again"; do
        check "a job of ${job% *} runs" await state_is $job running
done
has_said() { # USER ID WORDS
        as "$1" logs "$2" | grep -q "$3"
}
check "they have their traps" await has_said alice "$polite" here
check "both" await has_said bob "$stubborn" here
pids="$(field bob "$stubborn" pid) $(field alice "$polite" pid)"
check "as processes" kill -0 $pids
started=$SECONDS
check "the workers are stopped" systemctl stop jobd-workers.service
say "in $((SECONDS - started)) s"
check "no process of theirs is left" is "$(ps -o pid= -p "${pids/ /,}")" ""
check "jobd is there" is "$(systemctl is-active jobd.service)" active
check "what could leave in order did" has_said alice "$polite" "leaving in order"
for job in "alice $polite" "bob $stubborn"; do
        check "the job of ${job% *} is cancelled" state_is $job cancelled
        saying as ${job% *} info ${job#* }
        check "and says by what" said "the workers were stopped"
done
check "a job that may run again is queued" state_is bob "$again" queued
check "what was held is held" state_is alice "$waiting" held
later=$(as carol submit echo "meanwhile")
check "what comes meanwhile is accepted" state_is carol "$later" queued
saying as carol why "$later"
check "and told why it waits" said worker
systemctl start jobd-workers.service
check "the workers come back" await workers_connected 4
as carol wait "$later"
check "what came meanwhile has run" is $? 0
as bob wait "$again"
check "what may run again has" is $? 4
check "as another attempt" is "$(field bob "$again" attempt)" 2
saying as alice release "$waiting"
as alice wait "$waiting"
check "what was held can be released" is "$(as alice logs "$waiting")" "much later"
