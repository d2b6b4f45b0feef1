# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# The package goes while jobs run. An older one comes in its place, and finds a database that is newer than it
# knows (the schema is a number in the file's head). Then everything goes, and a new beginning is one.

list_files() { # not what users have of their own: units that carol enabled, her queue
        find / -xdev \( -path /home -o -path /proc -o -path /sys -o -path $state -o -path /usr/local -o -path /root -o -path /var/log \
                -o -path /var/cache -o -path /var/lib/dpkg \) -prune -o -name '*job[dc]*' -print | sort
}
list_units() { # those that are more than a name which something else has mentioned
        systemctl list-units --all --plain --no-legend 'jobd*' | grep -v ' not-found inactive dead '
}
held_ids() {
        as alice list --ids --state held | tr -s ' ,' '\n' | grep -c .
}
job=$(as alice submit bash -c "trap 'echo leaving in order; exit 3' TERM; echo here; while :; do read -r -t 1 <>/var/lib/scenes/silent; done")
has_said() {
        as alice logs "$job" | grep -q "$1"
}
check "a job runs, and has its trap" await has_said here
pid=$(field alice "$job" pid)
check "as a process" kill -0 "$pid"
held=$(held_ids)
check "others are held" [ "$held" -gt 0 ]
check "there is something to be removed" [ -n "$(list_units)" ]
check "the packages are removed" sh -c "dpkg -r jobd jobctl libjobctl1 >$state/dpkg 2>&1"
check "the job is ended" sh -c "! kill -0 $pid 2>/dev/null"
check "no process is left" is "$(pgrep -c '^jobd')" 0
check "no unit is" is "$(list_units)" ""
check "no program" is "$(command -v jobctl)" ""
check "the settings stay" [ -e /etc/jobd/jobd.conf ]
check "the queue stays" [ -e /var/lib/jobd/jobd.db ]

set_schema() { # NUMBER: the one it was is printed
        setpriv --reuid jobd --regid jobd --clear-groups python3 -c 'import sqlite3, sys
db = sqlite3.connect("/var/lib/jobd/jobd.db")
print(db.execute("PRAGMA user_version").fetchone()[0])
db.execute("PRAGMA user_version = " + sys.argv[1])
db.commit()' "$1"
}
is_refused() {
        [ "$(systemctl is-active jobd.service)" = failed ]
}
schema=$(set_schema 9999)
dpkg -i /root/packages/old/*.deb </dev/null >$state/dpkg 2>&1
check "an older jobd does not start over a newer database" await is_refused
journalctl --sync
journal -u jobd -o cat >$state/said
check "it says what to do" said "newer jobd" "install that version again"
check "it is not started again and again" is "$(of_unit jobd.service NRestarts)" 0
saying systemctl status --no-pager jobd.service
check "its status says so, too" said "cannot start"
check "the database is what it was" is "$(set_schema "$schema")" 9999
systemctl reset-failed jobd.service jobd.socket
systemctl start jobd.socket
check "of its own age it serves again" await saying as alice ping
check "the job was ended in order" has_said "leaving in order"
check "its state says so" state_is alice "$job" cancelled
saying as alice info "$job"
check "and by what" said "the workers were stopped"
check "what was held is" is "$(held_ids)" "$held"
check "the administrator's line is there" grep -q 'line of the administrator' /etc/jobd/jobd.conf

running=$(as bob submit sh -c 'read x <>/var/lib/scenes/silent')
check "another job runs" await state_is bob "$running" running
pid=$(field bob "$running" pid)
check "as a process" kill -0 "$pid"
check "there is something to be purged" [ "$(list_files | wc -l)" -gt 20 ]
check "the packages are purged, and nothing is asked" sh -c "dpkg --purge jobd jobctl libjobctl1 </dev/null >$state/dpkg 2>&1"
check "the job is ended" sh -c "! kill -0 $pid 2>/dev/null"
check "nothing is left: no file" is "$(list_files)" ""
check "no user, no group" is "$(getent passwd jobd)$(getent group jobd)$(getent group jobd-admin)" ""
check "no process" is "$(pgrep -c '^jobd')" 0
check "no unit" is "$(list_units)" ""
check "no control group" [ ! -e $service ]
check "no unit of the machine has failed" is "$(systemctl list-units --failed --plain --no-legend)" ""
first_again() {
        dpkg -i /root/packages/new/*.deb >$state/dpkg 2>&1 && [ "$(as alice run echo "a first job again")" = "a first job again" ]
}
check "one command installs it anew, and the first job runs" first_again
check "it has number 1" is "$(as alice list --ids)" 1
