# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086,SC1090,SC2034 # variables and files of scene.sh
#
# Run in the machine, once for each boot, with its number: plays the boot's scenes in order and has the machine
# booted again, at first with a shutdown, then with a power cut. The last boot counts what was checked.
set -u

here=/usr/local/share/scenes
boot=$1
. $here/scene.sh
mkdir -p $state && chmod 755 $state
[ -p $state/silent ] || mkfifo -m 666 $state/silent
exec 7<>$state/silent

play() { # FILE
        local before bad since=$EPOCHREALTIME
        last_check=$SECONDS
        before=$(tr -cd x <$results | wc -c)
        echo "== $(basename "$1" .sh), after ${SECONDS} s of this boot"
        rm -f $state/over
        (cd /tmp && { . "$1"; touch $state/over; }) 2>&1
        check "it was played to its end" [ -e $state/over ] # a name that is not set ends its shell
        bad=$(($(tr -cd x <$results | wc -c) - before))
        [ $bad -eq 0 ] || journal -u jobd -u jobd-workers --since "@$since" -n 50 -o short-monotonic | sed 's/^/     | /'
}

touch $results
for file in "$here"/m"$boot"*.sh; do
        [ ! -e "$file" ] || play "$file"
done
sync $results # but nothing else
last=$(printf '%s\n' "$here"/m[1-9]*.sh | sed 's!.*/m\(.\).*!\1!' | tail -n 1)
if [ "$boot" -lt "$last" ]; then
        echo "== boot $boot took ${SECONDS} s; once more"
        if [ "$boot" -eq 1 ]; then machine-again reboot; else machine-again cut; fi
fi
good=$(tr -cd . <$results | wc -c)
bad=$(tr -cd x <$results | wc -c)
echo "$good ok, $bad not ok"
[ "$good" -gt 0 ] && [ "$bad" -eq 0 ]
