# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086,SC2034 # variables of scene.sh, which are one word each; by name
#
# After a shutdown and a boot: nobody did anything, and every job's state is true.

gate=$state/gate195 became=cancelled why="the workers were stopped"
. $state/ids195
check "the workers were stopped in order" sh -c 'journalctl -q -b -1 -u jobd-workers -o cat | grep -q stopping'
check "and systemd had to kill none" sh -c "! journalctl -q -b -1 -u jobd-workers -u jobd -o cat | grep -Eq 'SIGKILL|timed out'"
. $here/booted.sh
saying as alice release "$held"
as alice wait "$held"
check "what was held can be released" is "$(as alice logs "$held")" "held over"
check "new jobs have new numbers" [ "$(as alice submit true)" -gt "$held" ]
