# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2086 # used by others; one word each
#
# What the scenes share. They are parts of one play: run.sh boots a machine, and main.sh has every scene played
# in the order of its names, those of the first boot (m1*), of the second and of the third. Each runs in a
# shell of its own, in /tmp, as root; what one leaves behind (jobs, settings) it says at its end.
#
# A check is a line "ok - NAME" or "not ok - NAME"; $results has a letter for each, so that a scene's end and a
# boot's end count them. Nothing is ever waited for by time: "await" asks until it is so.

state=/var/lib/scenes
results=$state/results
service=/sys/fs/cgroup/system.slice/jobd-workers.service
deadline=60 # seconds, of every "await" that does not say

say() {
        printf '     %s\n' "$*"
}

check() { # NAME COMMAND...
        local name=$1
        shift
        if "$@"; then
                echo "ok - $name$(took)"
                printf . >>$results
                last_check=$SECONDS
        else
                echo "not ok - $name (line ${BASH_LINENO[0]}: $*)"
                printf x >>$results
        fi
}

# " (N s)" when the last check was a while ago.
last_check=$SECONDS
took() {
        [ $((SECONDS - last_check)) -lt 3 ] || echo " ($((SECONDS - last_check)) s)"
}

# Waits until a command succeeds: nothing tells us of what is awaited.
await() { # [SECONDS] COMMAND...
        local until=$deadline
        case $1 in
        [0-9]*) until=$1 && shift ;;
        esac
        until=$((SECONDS + until))
        until "$@" 2>/dev/null; do
                [ $SECONDS -lt $until ] || return 1
                read -r -t 0.1 -u 7 # nobody writes there: a pause
        done
        return 0
}

as() { # USER WORDS...: jobctl as that user; nothing is waited for without an end
        local user=$1
        shift
        timeout 150 setpriv --reuid "$user" --regid "$user" --init-groups --reset-env jobctl "$@"
}

# What a command prints on both streams goes to a file that "said" looks into; the status is the command's.
saying() { # COMMAND...
        "$@" >$state/said 2>&1
}

said() { # WORDS...: each of them, in what was said last
        local word
        for word; do
                grep -qiF -- "$word" $state/said || { sed 's/^/     | /' $state/said && return 1; }
        done
}

status_is() { # STATUS COMMAND...
        local wanted=$1 status
        shift
        "$@"
        status=$?
        [ $status -eq "$wanted" ] || { say "status $status" && return 1; }
}

is() { # WHAT IT-SHOULD-BE
        [ "$1" = "$2" ] || { say "it is '$1', not '$2'" && return 1; }
}

# A number or word of `info --json`, by its name.
field() { # USER ID NAME
        as "$1" info --json "$2" | sed -n "s/.*\"$3\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}

state_is() { # USER ID STATE
        [ "$(field "$1" "$2" state)" = "$3" ]
}

of_unit() { # UNIT PROPERTY
        systemctl show -P "$2" "$1"
}

main_pid() { # UNIT
        of_unit "$1" MainPID
}

# Another main process than the one that was there, and it has told that it is ready.
is_anew() { # UNIT OLD-PID
        [ "$(of_unit "$1" ActiveState)" = active ] && [ "$(main_pid "$1")" != "$2" ] && [ "$(main_pid "$1")" != 0 ]
}

journal() { # MATCHES AND OPTIONS...: of this boot
        journalctl --no-pager -q -b "$@"
}

journal_says() { # WORDS MATCHES...
        local words=$1
        shift
        journalctl --sync
        journal "$@" -o cat | grep -qiF -- "$words"
}

workers_connected() { # NUMBER
        [ "$(jobctl pool --json | grep -o '"connected": *true' | wc -l)" -ge "$1" ]
}

# For a job: "bash -c "$counting" - FILE STATUS" writes a line each 20 ms until FILE is there, then ends.
# shellcheck disable=SC2016 # for the inner shell
counting='n=0; exec 7<>/var/lib/scenes/silent
until [ -e "$1" ]; do n=$((n + 1)); echo "line $n"; read -r -t 0.02 -u 7; done; echo "error" >&2; exit $2'

is_without_gap() { # FILE: as such a job writes it
        cmp "$1" <(seq -f 'line %.0f' "$(wc -l <"$1")")
}
