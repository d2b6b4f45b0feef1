# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# A newer package comes while jobs run and somebody submits: nobody is refused, no job notices, and the pool
# becomes the new program where it stands.

mkfifo -m 666 $state/gate190
counted=$(as alice submit bash -c "$counting" - $state/end190 7)
gated=$(as bob submit sh -c "echo before; read x <$state/gate190; echo after; exit 9")
check "alice's job runs" await state_is alice "$counted" running
check "bob's job runs" await state_is bob "$gated" running
pids="$(field alice "$counted" pid) $(field bob "$gated" pid)"
workers=$(main_pid jobd-workers.service)
old=$(main_pid jobd.service)
: >$state/refused
(
        until [ -e $state/installed ]; do
                as carol submit true >>$state/submitted 2>>$state/refused || echo "status $?" >>$state/refused
        done
) &
submitter=$!
install_new() {
        DEBIAN_FRONTEND=noninteractive dpkg -i /root/packages/new/*.deb </dev/null >$state/dpkg 2>&1
}
check "somebody submits, again and again" await [ -s $state/submitted ]
check "the newer packages install" install_new
touch $state/installed
wait $submitter
version=$(dpkg-query -W -f '${Version}' jobd)
check "they are newer" dpkg --compare-versions "$version" gt "$(dpkg-deb -f "$(echo /root/packages/old/jobd_*.deb)" Version)"
say "$(wc -l <$state/submitted) submissions meanwhile"
check "no submission was refused" is "$(cat $state/refused)" ""
check "jobd is another process" is_anew jobd.service "$old"
saying as alice version
check "jobctl and jobd are the new ones" is "$(grep -oF "${version%-*}" $state/said | wc -l)" 2
check "the pool is the process that it was" is "$(main_pid jobd-workers.service)" "$workers"
is_new_program() {
        [ "$(readlink "/proc/$workers/exe")" = /usr/libexec/jobd/jobd-worker ]
}
check "which executes the new program" await is_new_program
check "the log says so" await journal_says "executing /usr/libexec/jobd/jobd-worker anew" -u jobd-workers
check "both jobs are the processes they were" kill -0 $pids
check "and run, for all that jobctl knows" state_is alice "$counted" running
builds() {
        jobctl pool --json | grep -o '"build": *"[^"]*"' | sort | uniq -c | tr -s ' \n' ' '
}
# Two of the four are busy, and so old.
check "idle workers of the old build retire" await sh -c "[ \$(jobctl pool --json | grep -o '\"build\": *\"${version%-*}[^\"]*\"' | wc -l) -eq 2 ]"
say "builds: $(builds)"
echo >$state/gate190
touch $state/end190
as bob wait "$gated"
check "bob's status is exact" is $? 9
check "his output whole" is "$(as bob logs "$gated" | tr '\n' ' ')" "before after "
as alice wait "$counted"
check "alice's status is exact" is $? 7
as alice logs --stdout "$counted" >$state/kept
check "hers is without a gap" is_without_gap $state/kept
check "the workers that were busy retire, too" await sh -c "[ \$(jobctl pool --json | grep -o '\"build\": *\"${version%-*}[^\"]*\"' | wc -l) -eq 4 ]"
saying as carol wait --timeout 60s all
check "what was submitted meanwhile has run" is "$(as carol list --ids --state succeeded -n 0 | grep -cxFf $state/submitted)" "$(wc -l <$state/submitted)"
check "the administrator's line is kept" grep -q 'line of the administrator' /etc/jobd/jobd.conf
