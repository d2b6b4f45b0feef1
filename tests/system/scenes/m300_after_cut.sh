# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086,SC2034 # variables of scene.sh, which are one word each; by name
#
# After the plug was pulled: nothing acknowledged is missing, nothing is said to have succeeded that nobody saw.

gate=$state/gate250 became=lost why="machine was restarted"
. $state/ids250
tr -d '\0' </dev/nvme0n3 | tr -s ' \n' '\n' >$state/acknowledged
check "the notes are there" is "$(wc -l <$state/acknowledged)" 25
. $here/booted.sh
check "every acknowledged submission is there" is \
        "$(as alice list --ids --state held | tr -s ' ,' '\n' | grep -cxFf $state/acknowledged)" 25
check "the log names the job that is lost" sh -c "journalctl -q -b -o cat JOBD_EVENT=job-lost JOBD_JOB_ID=$plain | grep -q lost"
