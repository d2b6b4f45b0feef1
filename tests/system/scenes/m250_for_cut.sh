# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086,SC2034 # variables of scene.sh, one word each; by name
#
# The same jobs once more, and then submissions without a pause, until the plug is pulled (main.sh). What was
# acknowledged is noted outside of any file system.

gate=$state/gate250 ids=$state/ids250
. $here/m195_for_reboot.sh
count=0
while [ $count -lt 25 ]; do
        id=$(as alice submit --hold true) || break
        printf '%-511s\n' "$id" | dd of=/dev/nvme0n3 bs=512 seek=$count oflag=direct conv=notrunc status=none
        count=$((count + 1))
done
check "submissions are acknowledged up to the end" is $count 25
