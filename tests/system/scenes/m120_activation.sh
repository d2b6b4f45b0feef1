# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# jobd is started by whoever needs it; without its socket there is a sentence.

mkfifo -m 666 $state/gate120
job=$(as alice submit sh -c "read x <$state/gate120; exit 5")
check "a job runs" await state_is alice "$job" running
workers=$(main_pid jobd-workers.service)
systemctl stop jobd.service
check "jobd is stopped" is "$(systemctl is-active jobd.service)" inactive
check "its socket is not" is "$(systemctl is-active jobd.socket)" active
check "the first command starts it" is "$(as bob run echo here)" here
check "it is active" is "$(systemctl is-active jobd.service)" active
check "the workers stayed" is "$(main_pid jobd-workers.service)" "$workers"
check "and so did the job" state_is alice "$job" running
systemctl stop jobd.socket jobd.service 2>/dev/null
check "without a socket there is no daemon" status_is 69 saying as alice submit true
check "and a sentence" said "no daemon listens at /run/jobd/jobd.sock"
systemctl start jobd.socket
# Three at once, while nobody is there to answer.
for n in 1 2 3; do
        as bob submit true >$state/at-once.$n &
done
wait
check "three who come at once are all answered" is "$(cat $state/at-once.? | sort -u | wc -l)" 3
echo >$state/gate120
as alice wait "$job"
check "the job's status is exact" is $? 5
