# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# jobd is restarted, killed, hangs until the watchdog has it, and is told nonsense, while two jobs run and write
# and somebody looks on. They must not notice: same process, every line once and in order, the exact status.

(
        as alice run bash -c "$counting" - $state/end130 7 >$state/looked-on 2>$state/looked-on.err
        echo $? >$state/looked-on.status
) &
looker=$!
job2=$(as bob submit bash -c "$counting" - $state/end130 8)
find_job() {
        job1=$(as alice list --json --state running | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -n 1)
        [ -n "$job1" ]
}
check "alice's job runs, and she looks on" await find_job
check "bob's job runs" await state_is bob "$job2" running
pids="$(field alice "$job1" pid) $(field bob "$job2" pid)"
workers=$(main_pid jobd-workers.service)

survived() {
        # shellcheck disable=SC2086 # two words
        kill -0 $pids && [ "$(main_pid jobd-workers.service)" = "$workers" ] && state_is alice "$job1" running &&
                state_is bob "$job2" running
}
# The output goes on: there is a line that was not there.
goes_on() {
        local lines
        lines=$(wc -l <$state/looked-on)
        await sh -c "[ \$(wc -l <$state/looked-on) -gt $lines ]"
}

for how in restart kill; do
        old=$(main_pid jobd.service)
        if [ $how = restart ]; then systemctl restart jobd.service; else kill -9 "$old"; fi
        check "$how: another jobd is there" await is_anew jobd.service "$old"
        check "$how: the jobs run on" survived
        check "$how: what they write arrives" goes_on
done

# Both threads stand still, as in a disk that does not answer. The watchdog's time is cut short.
mkdir -p /run/systemd/system/jobd.service.d
printf '[Service]\nWatchdogSec=5\n' >/run/systemd/system/jobd.service.d/scenes.conf
systemctl daemon-reload && systemctl restart jobd.service
old=$(main_pid jobd.service)
kill -STOP "$old"
check "watchdog: a jobd that hangs is replaced" await is_anew jobd.service "$old"
check "watchdog: the log says why" journal_says "watchdog timeout" -u jobd
check "watchdog: the jobs run on" survived
check "watchdog: what they write arrives" goes_on
rm /run/systemd/system/jobd.service.d/scenes.conf
systemctl daemon-reload && systemctl restart jobd.service

# Settings that are wrong.
old=$(main_pid jobd.service)
printf '[Jobs]\n# a comment\nGrace=soon\n' >/etc/jobd/jobd.conf.d/wrong.conf
check "a wrong setting is refused at a reload" status_is 2 saying jobctl reload
check "with its file and line" said "wrong.conf:3" Grace
check "by systemctl, too" status_is 1 saying systemctl reload jobd.service
check "the log names them, too" await journal_says "wrong.conf:3" -u jobd
check "the old settings stay" sh -c "jobctl config | grep -Eq 'Grace *= *10s|Grace +10s'"
check "and so does jobd" is "$(main_pid jobd.service)" "$old"
check "and the jobs" survived
rm /etc/jobd/jobd.conf.d/wrong.conf
check "what is right again is read again" saying jobctl reload

touch $state/end130
wait $looker
check "alice saw the exact status" is "$(cat $state/looked-on.status)" 7
as bob wait "$job2"
check "bob's is exact" is $? 8
lines=$(wc -l <$state/looked-on)
say "$lines lines were written meanwhile"
check "alice saw every line once and in order" is_without_gap $state/looked-on
check "the other stream apart" grep -qx error $state/looked-on.err
check "what is kept is the same" cmp $state/looked-on <(as alice logs --stdout "$job1")
as bob logs --stdout "$job2" >$state/kept
check "bob's is without a gap" is_without_gap $state/kept
