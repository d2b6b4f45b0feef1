# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# The sandbox of jobd, from inside: a stand-in with the very settings of the installed unit runs a probe, and jobd
# itself is looked at.

cat=$(systemctl cat jobd.service)
{
        echo "[Service]"
        echo "$cat" | sed -n '/^\[Service\]/,/^\[Install\]/p' |
                grep -vE '^(\[|Type=|NotifyAccess=|Exec|Restart|WatchdogSec=|TimeoutStart|Start|Success|LogNamespace)'
        echo "Type=oneshot"
        echo "ExecStart=/usr/bin/perl /run/scenes-probe.pl"
        echo "StandardOutput=truncate:/run/scenes-probe"
} >/run/systemd/system/jobd-probe.service
cp $here/probe.pl /run/scenes-probe.pl
install -o jobd -m 600 /dev/null /run/scenes-probe
systemctl daemon-reload
check "the probe runs" systemctl start jobd-probe.service
while IFS=$'\t' read -r verdict name; do
        check "jobd $name" is "$verdict" ok
done </run/scenes-probe
check "it came to its end" grep -q "ends$" /run/scenes-probe
rm -f /run/systemd/system/jobd-probe.service /run/scenes-probe /run/scenes-probe.pl
systemctl daemon-reload

# The same of the real one, as far as it shows.
pid=$(main_pid jobd.service)
of_jobd() { # FIELD of its status
        sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"
}
check "nobody looks into jobd, not even its own user" is "$(stat -c %U "/proc/$pid/environ")" root
check "jobd has the numbers of the user jobd" is "$(of_jobd Uid | tr -s '\t' '\n' | sort -u)" "$(id -u jobd)"
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
        check "jobd's $set is empty" is "$(of_jobd $set | tr -d 0)" ""
done
check "no new privileges" is "$(of_jobd NoNewPrivs)" 1
check "system calls are filtered" is "$(of_jobd Seccomp)" 2
check "nobody is at home" is "$(nsenter -t "$pid" -m ls -A /home /root 2>/dev/null | grep -c alice)" 0
check "/usr is read-only" sh -c "nsenter -t $pid -m sh -c '! touch /usr/x /etc/x' 2>/dev/null"
check "its state is not" nsenter -t "$pid" -m sh -c 'touch /var/lib/jobd/x && rm /var/lib/jobd/x'
check "there is no network but its own" is "$(nsenter -t "$pid" -n sh -c 'cat /proc/net/dev' | grep -c :)" 1
