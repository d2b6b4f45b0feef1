# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# What is true after either boot, of the jobs that m195 has left. $gate: theirs. $became, $why: what is said of one
# that ran and may not run again.

check "jobd is up by itself" await is_anew jobd.service none
check "no unit of the machine has failed" is "$(systemctl list-units --failed --plain --no-legend)" ""
check "what ran is $became" state_is alice "$plain" "$became"
saying as alice info "$plain"
check "and says by what" said "$why"
check "what had ended is as it was" is "$(field bob "$ended" state) $(field bob "$ended" exit_code) $(as bob logs "$ended")" "failed 3 kept"
check "what was held is held" state_is alice "$held" held
check "what may run again runs again" await state_is bob "$again" running
touch $gate
as bob wait "$again"
check "as its second attempt" is $? 5
as carol wait "$map"
check "the map went on, to its end" is $? 0
check "every task of it has spoken, once" is "$(as carol logs "$map" | grep ^task | sort | tr '\n' ' ')" "task 1 task 2 task 3 task 4 task 5 task 6 "
as bob wait "$first" "$second"
check "the flow went on, to its end" is $? 0
check "in order" is "$(as bob logs "$second")" second
