# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# What an administrator finds in the journal: fields, explanations, who did what; and not what strangers want
# him to find there.

find_event() { # NAME MATCHES...: its last entry, with all fields
        local name=$1
        shift
        journalctl --sync
        journal -o verbose -n 1 JOBD_EVENT="$name" "$@" >$state/said
}

printf '[Jobs]\nGrace=soon\n' >/etc/jobd/jobd.conf.d/wrong.conf
jobctl reload 2>/dev/null
rm /etc/jobd/jobd.conf.d/wrong.conf
jobctl reload 2>/dev/null
systemctl restart jobd.service
find_event config-bad
check "a wrong setting is an event" said MESSAGE_ID= "PRIORITY=3" wrong.conf:2 _SYSTEMD_UNIT=jobd.service
for event in stopped reloaded admin; do
        find_event $event
        check "so is '$event'" said MESSAGE_ID= "JOBD_EVENT=$event"
done
journal -x -n 1 -u jobd JOBD_EVENT=config-bad >$state/said
check "journalctl -x explains it" said "Subject:" "Documentation:"
ids=$(journal -o cat --output-fields=MESSAGE_ID JOBD_EVENT=stopped JOBD_EVENT=reloaded JOBD_EVENT=config-bad | sort -u)
explained=0
for id in $ids; do
        journalctl --no-pager --list-catalog "$id" 2>/dev/null | grep -q "$id" && explained=$((explained + 1))
done
check "every event seen so far is in the catalogue" is "$explained" 3

# A worker that is killed takes its job along, and nobody knows how far that was.
job=$(as alice submit sh -c 'read x <>/var/lib/scenes/silent')
check "a job runs" await state_is alice "$job" running
kill -9 "$(ps -o ppid= -p "$(field alice "$job" pid)" | tr -d ' ')"
check "a job whose worker is killed is lost" await state_is alice "$job" lost
is_told() {
        find_event job-lost JOBD_JOB_ID="$job" && [ -s $state/said ]
}
check "the journal tells, by the job's number" await is_told
check "with its state and words" said MESSAGE_ID= "PRIORITY=4" "job $job is lost"
check "that of the worker, too" sh -c 'journalctl -q -b -o cat JOBD_EVENT=worker-died | grep -q .'
check "another worker takes its place" await workers_connected 4

# Whoever acts on somebody else's work, or on the service, is named.
held=$(as bob submit --hold true)
saying as carol cancel "$held"
find_event admin
check "an administrator's act is told with who and whose" said "uid 1003" "job $held" "uid 1002" MESSAGE_ID=
saying as carol pool resize 4
saying as carol queue add night
saying as carol queue remove night
admin_acts() {
        journalctl --sync
        journal -o cat JOBD_EVENT=admin
}
for word in "queue night" pool; do
        check "so is one on the service: $word" sh -c "journalctl -q -b -o cat JOBD_EVENT=admin | grep 'uid 1003' | grep -q '$word'"
done
before=$(admin_acts | wc -l)
saying as bob cancel "$(as bob submit --hold true)"
check "what bob does with his own is not" is "$(admin_acts | wc -l)" "$before"

# bob sends rubbish, again and again.
lines() {
        journalctl --sync
        journal -o cat -u jobd -u jobd-workers | wc -l
}
before=$(lines)
check "bob can say what he likes" runuser -u bob -- perl $here/rubbish.pl /run/jobd/jobd.sock 2000
check "others are served meanwhile" is "$(as alice run echo served)" served
after=$(lines)
say "$((after - before)) lines of log for 2000 connections that sent rubbish"
check "they are told" [ $((after - before)) -ge 1 ]
check "the log is not his" [ $((after - before)) -le 100 ]
check "it was jobd's own doing, not the journal's" sh -c "! journalctl -q -b -u systemd-journald | grep -qi 'suppressed.*jobd'"
