#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# jobd in two minutes, without installing it:  sh packaging/try.sh
#
# Installs the packages that a build needs (packaging/deps.sh), builds, then runs real commands through a
# daemon of its own in a temporary folder, kills that daemon while they run, and checks every answer.
# Leaves nothing behind but build/release: the folder and every process go away, also after Ctrl-C.
# Status 0: everything came out as it says.
# shellcheck disable=SC2016 # lines for other shells stand in single quotes
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

say() {
        printf '\n== %s\n' "$*"
}

wrong() {
        printf '\ntry.sh: %s\n' "$*" >&2
        exit 1
}

# Prints a command as one would type it, and runs it.
show() {
        printf '$ %s\n' "$*"
        "$@"
}

jobctl() {
        "$top/build/release/bin/jobctl" --state-dir "$home/state" "$@"
}

# The number behind a key in one line of JSON:  number KEY
number() {
        sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" | head -n 1
}

# Runs jobctl and checks its status:  expect STATUS WORD...
expect() {
        wanted=$1
        shift
        status=0
        printf '$ jobctl %s\n' "$*"
        jobctl "$@" || status=$?
        [ "$status" -eq 0 ] || printf '(it ended with %s)\n' "$status"
        [ "$status" -eq "$wanted" ] || wrong "jobctl $* ended with $status, not with $wanted"
}

home=
# shellcheck disable=SC2317 # called by the trap
clean_up() {
        status=$?
        trap - EXIT INT TERM HUP
        [ -n "$home" ] || exit "$status"
        if [ -d "$home/state" ]; then
                # A daemon that was killed is started once more, so that it can stop what is left.
                jobctl status >/dev/null 2>&1 || :
                jobctl shutdown --now >/dev/null 2>&1 || :
                while read -r pid; do
                        # Gone in an orderly way within ten seconds, or else killed.
                        timeout 10 tail -f /dev/null --pid "$pid" -s 0.1 2>/dev/null || kill -9 "$pid" 2>/dev/null || :
                done <"$home/pids"
        fi
        rm -rf "$home"
        exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

say 'Installing what a build needs, if anything is missing'
sh packaging/deps.sh build

say 'Building (build/release)'
mkdir -p build
{ cmake --preset release && cmake --build --preset release; } >build/try.log 2>&1 || {
        { grep -A 12 '^FAILED' build/try.log || cat build/try.log; } | tail -n 30 >&2
        wrong 'the build failed (all of it: build/try.log)'
}
ls -l build/release/bin/jobctl build/release/bin/jobd build/release/bin/jobd-worker

home=$(mktemp -d "${TMPDIR:-/tmp}/jobd-try.XXXXXX")
: >"$home/pids"

say "The first command starts a daemon of its own, in $home; four workers"
expect 0 pool resize 4
jobctl status --json | number pid >"$home/pids"
jobctl pool --json | tr '{' '\n' | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' >>"$home/pids"

say 'run: as if there were no daemon. Output comes while it happens, streams stay apart, the status is the command'\''s'
expect 3 run sh -c 'for part in one two three; do echo "part $part"; sleep 0.3; done; echo "and an error" >&2; exit 3'
printf 'words through a pipe\n' >"$home/words"
expect 0 run tr a-z A-Z <"$home/words"

say 'submit: four scripts that take 1, 2, 3 and 4 seconds, at once on four workers'
started=$(date +%s)
ids=
for n in 1 2 3 4; do
        id=$(jobctl submit --name "script-$n" sh -c "sleep $n; echo script $n is done; exit $((n - 1))")
        ids="$ids $id"
done
echo "submitted:$ids"

say 'kill -9 of the daemon, while they run'
show kill -9 "$(head -n 1 "$home/pids")"

say 'wait starts it again and gets every exit code'
code=0
for id in $ids; do
        expect "$code" wait "$id"
        expect 0 logs "$id"
        code=$((code + 1))
done
took=$(($(date +%s) - started))
jobctl status --json | number pid >>"$home/pids"
echo "all four in $took seconds"
[ "$took" -le 8 ] || wrong "four scripts at once took $took seconds"

say 'Real input: the words of this project, its archive compressed, a missing program, a job that is killed'
words=$(jobctl submit --name words --shell "find . -path ./build -prune -o -name '*.[ch]' -print0 | xargs -0 cat | wc -w")
archive=$(jobctl submit --name archive --shell "tar --exclude=./build --exclude=./.git -cf - . | gzip -1 | wc -c")
absent=$(jobctl submit --name absent no-such-program)
killed=$(jobctl submit --name killed sh -c 'kill -9 $$')
expect 0 wait "$words" "$archive"
expect 0 logs "$words"
expect 0 logs "$archive"
[ "$(jobctl logs "$words")" -gt 1000 ] || wrong 'the words were not counted'
expect 127 wait "$absent"
expect 137 wait "$killed"

say 'What happened'
expect 0 list
[ "$(jobctl list --json | wc -l)" -eq 10 ] || wrong 'the list has not all ten jobs'

say 'Everything came out as it should. Cleaning up.'
