# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# Who may do what, among users, administrators and root; what is forgotten when; a disk that is full.

check "root's own jobs are refused" status_is 125 saying jobctl run true
check "with the setting that would allow them" said RootJobs
printf '[Jobs]\nTasksMax=64\nMinimumUid=1002\n' >/etc/jobd/worker-policy.conf
systemctl restart jobd-workers.service
check "so are those of a user whom root does not want" status_is 125 saying as alice run true
check "with the reason" said MinimumUid
check "others run" as bob run true
printf '[Jobs]\nTasksMax=64\n' >/etc/jobd/worker-policy.conf
systemctl restart jobd-workers.service

mine=$(as alice submit --name alices-own --hold sh -c 'echo private')
answer() { # WORDS... ID: status and words, but for the id
        local words=("$@")
        saying as bob "${words[@]}"
        echo "status $? $(sed "s/\\b${words[-1]}\\b/ID/" $state/said)"
}
for verb in info logs cancel hold release wait "update --priority 3"; do
        # shellcheck disable=SC2086 # words
        answered=$(answer $verb "$mine")
        check "to bob's '$verb' it is as if it were not there" is "$answered" "$(answer $verb 987654)"
        check "which is refused" said "there is no job"
done
saying as bob list --all-users
check "bob sees that there is something of hers" said alice
check "but not what" sh -c "! grep -q alices-own $state/said"
saying as carol list --all-users
check "an administrator sees it" said alices-own
saying as carol info "$mine"
check "and what it is" said alices-own
for words in drain "pool resize 2" reload shutdown "queue add night"; do
        check "bob may not '$words'" status_is 4 saying as bob $words
done
check "an administrator may hold up everything" saying as carol drain
check "and let it go on" saying as carol drain --end
check "he may end others' jobs" saying as carol cancel "$mine"
check "which then is cancelled" state_is alice "$mine" cancelled

# Old jobs go: those that their user does not want, and those that root does not keep.
old=$(as alice submit true) && saying as alice wait "$old"
check "alice forgets a job" saying as alice purge --yes "$old"
check "it is gone" status_is 3 saying as alice info "$old"
for _ in 1 2 3 4 5 6; do as bob submit true; done >/dev/null
saying as bob wait all
kept() {
        [ "$(as bob list --ids --state finished | wc -l)" -eq 5 ]
}
printf '[Retention]\nKeepJobs=5\n' >/etc/jobd/jobd.conf.d/retention.conf
systemctl restart jobd.service # after a reload it may take its ten minutes
check "root keeps only five of each user" await kept
rm /etc/jobd/jobd.conf.d/retention.conf && saying jobctl reload

# A disk with next to nothing on it left.
mkfifo -m 666 $state/gate160
running=$(as alice submit sh -c "read x <$state/gate160; echo ended in time; exit 6")
check "a job runs" await state_is alice "$running" running
free=$(($(stat -f -c '%a * %S' /var/lib/jobd) / 1048576))
fallocate -l $((free - 100))M /var/filler
full() {
        status_is 75 saying as bob submit true >/dev/null
}
check "a full disk refuses submissions" await full
check "with a sentence" said disk
check "and an event" sh -c 'journalctl -q -b -o cat JOBD_EVENT=disk-full | grep -q .'
echo >$state/gate160
as alice wait "$running"
check "what runs ends as it should" is $? 6
check "with its output" is "$(as alice logs "$running")" "ended in time"
rm /var/filler
check "with room again all is well" await saying as bob run true
