# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# After a shutdown and a boot: nobody did anything, and every job's state is true.

gate=$state/gate195
. $state/ids195
check "jobd is up by itself" await is_anew jobd.service none
check "no unit of the machine has failed" is "$(systemctl list-units --failed --plain --no-legend)" ""
check "the workers were stopped in order" sh -c 'journalctl -q -b -1 -u jobd-workers -o cat | grep -q stopping'
check "and systemd had to kill none" sh -c "! journalctl -q -b -1 -u jobd-workers -u jobd -o cat | grep -Eq 'SIGKILL|timed out'"
check "what ran is cancelled" state_is alice "$plain" cancelled
saying as alice info "$plain"
check "and says by what" said "the workers were stopped"
check "what had ended is as it was" is "$(field bob "$ended" state) $(field bob "$ended" exit_code) $(as bob logs "$ended")" "failed 3 kept"
check "what was held is held" state_is alice "$held" held
check "what may run again runs again" await state_is bob "$again" running
touch $gate
as bob wait "$again"
check "as its second attempt" is $? 5
as carol wait "$map"
check "the map went on, to its end" is $? 0
check "every task of it has spoken, once" is "$(as carol logs "$map" | grep ^task | sort | uniq | tr '\n' ' ')" "task 1 task 2 task 3 task 4 task 5 task 6 "
as bob wait "$first" "$second"
check "the flow went on, to its end" is $? 0
check "in order" is "$(as bob logs "$second")" second
saying as alice release "$held"
as alice wait "$held"
check "what was held can be released" is "$(as alice logs "$held")" "held over"
check "new jobs have new numbers" [ "$(as alice submit true)" -gt "$held" ]
