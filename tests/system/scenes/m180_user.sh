# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2086 # variables of scene.sh, which are one word each
#
# carol's own service, run by her manager: she has a session without being logged in.

run=/run/user/1003
hers() { # WORDS...: a command in her session
        runuser -u carol -- env XDG_RUNTIME_DIR=$run DBUS_SESSION_BUS_ADDRESS=unix:path=$run/bus "$@"
}
check "carol may linger" loginctl enable-linger carol
check "her manager is there" await hers systemctl --user is-active -q basic.target
check "she enables her service" hers systemctl --user -q enable jobd.socket jobd.service jobd-workers.service
check "and starts its socket" hers systemctl --user start jobd.socket
check "her jobd is not there yet" is "$(hers systemctl --user is-active jobd.service)" inactive
check "the first command starts it" is "$(hers jobctl --user run id -un)" carol
for unit in jobd.service jobd-workers.service; do
        check "$unit of hers is active" await hers systemctl --user is-active -q $unit
done
place=$(hers jobctl --user run cat /proc/self/cgroup)
check "her jobs are in groups of her manager's" is "$(echo "$place" | sed -n 's!.*/\(user@1003.service\)/.*/\(jobd-workers.service\)/u.*!\1 \2!p')" \
        "user@1003.service jobd-workers.service"
check "her queue is her own" is "$(hers jobctl --user list --ids | sort | tr '\n' ' ')" "1 2 "
check "that of the machine is asked without --user" is "$(hers jobctl list --ids)" "$(as carol list --ids)"
mkfifo -m 666 $state/gate180
job=$(hers jobctl --user submit sh -c "echo before; read x <$state/gate180; echo after; exit 9")
runs() {
        [ "$(hers jobctl --user info --json "$job" | sed -n 's/.*"state": *"\([^"]*\).*/\1/p' | head -n 1)" = running ]
}
check "a job of hers runs" await runs
old=$(hers systemctl --user show -P MainPID jobd.service)
check "her jobd is restarted" hers systemctl --user restart jobd.service
check "it is another" [ "$(hers systemctl --user show -P MainPID jobd.service)" != "$old" ]
hers systemctl --user kill -s KILL jobd.service
check "and killed, and there again" await saying hers jobctl --user ping
check "her job runs on" runs
echo >$state/gate180
hers jobctl --user wait "$job"
check "its status is exact" is $? 9
check "its output whole" is "$(hers jobctl --user logs "$job" | tr '\n' ' ')" "before after "
check "her reload works" hers systemctl --user reload jobd.service
check "her service can be stopped" hers systemctl --user stop jobd.socket jobd.service jobd-workers.service
check "and leaves no process" is "$(pgrep -u carol -c jobd)" 0
check "the machine's queue never noticed" saying as carol ping
loginctl disable-linger carol
