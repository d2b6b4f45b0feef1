# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# After the plug was pulled: nothing acknowledged is missing, nothing is said to have succeeded that nobody saw.

gate=$state/gate250
. $state/ids250
check "jobd is up by itself" await is_anew jobd.service none
check "no unit of the machine has failed" is "$(systemctl list-units --failed --plain --no-legend)" ""
tr -d '\0' </dev/nvme0n3 | tr -s ' \n' '\n' >$state/acknowledged
check "the notes are there" is "$(wc -l <$state/acknowledged)" 25
check "every acknowledged submission is there" is \
        "$(as alice list --ids --state held | tr -s ' ,' '\n' | grep -cxFf $state/acknowledged)" 25
check "what ran is lost" state_is alice "$plain" lost
saying as alice info "$plain"
check "and says by what" said "machine was restarted"
check "what had ended is as it was" is "$(field bob "$ended" state) $(field bob "$ended" exit_code) $(as bob logs "$ended")" "failed 3 kept"
check "what was held is held" state_is alice "$held" held
check "what may run again runs again" await state_is bob "$again" running
touch $gate
as bob wait "$again"
check "as its second attempt" is $? 5
as carol wait "$map"
check "the map went on, to its end" is $? 0
check "every task of it has spoken" is "$(as carol logs "$map" | grep ^task | sort | uniq | tr '\n' ' ')" "task 1 task 2 task 3 task 4 task 5 task 6 "
as bob wait "$first" "$second"
check "the flow went on, to its end" is $? 0
check "the log names the job that is lost" sh -c "journalctl -q -b -o cat JOBD_EVENT=job-lost JOBD_JOB_ID=$plain | grep -q lost"
