#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every test, from nothing:  sh tests/run.sh [STAGE...]
#
# Installs what is missing, builds three times (dev with failpoints, address and undefined-behaviour
# sanitizers, thread sanitizer for jobd and its journal) and runs the stages: lint, unit, integration,
# threads, crash, fuzz, system, packages and machine (which boots one and installs the packages). What
# computes comes first, the packages' builds too; the machine then runs beside those that mostly wait, and
# is told of last. A stage that fails does not stop the next ones. Logs are in build/logs.
# The last line counts tests, "N passed, N failed[, N skipped]"; a build that fails counts as one failed
# test. The status is 0 only when nothing failed.
set -u

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
logs=$top/build/logs
jobs=$(nproc 2>/dev/null || echo 2)
# Tests mostly wait for programs to start, commit and end: more than one for each core.
at_once=$((jobs * 2))

# Where useradd is; the path of an ordinary user may leave it out.
PATH=$PATH:/usr/sbin:/sbin
made_user=
# What ctest is started by, and the process that runs beside the stages.
under=
beside=
passed=0
failed=0
skipped=0

# seconds since 1970
now() {
        date +%s
}

# The number in an attribute of the summary that ctest writes:  attribute FILE NAME
attribute() {
        sed -n "s/.*<testsuite .*$2=\"\([0-9]*\)\".*/\1/p;/<testsuite/,/>/s/^[[:space:]]*$2=\"\([0-9]*\)\".*/\1/p" "$1" |
                head -n 1
}

finish() {
        [ -z "$made_user" ] || userdel jobd >/dev/null 2>&1
        printf '\n%s passed, %s failed' "$passed" "$failed"
        [ "$skipped" -eq 0 ] || printf ', %s skipped' "$skipped"
        printf '\n'
        [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
        exit
}

# shellcheck disable=SC2317 # called by the trap
interrupted() {
        printf '\ninterrupted\n'
        [ -z "$beside" ] || kill -TERM "-$beside" 2>/dev/null || kill -TERM "$beside" 2>/dev/null
        failed=$((failed + 1))
        trap - EXIT
        finish
}
trap interrupted INT TERM

# Configures and builds a preset, once:  build PRESET [TARGET...]
build() {
        preset=$1
        shift
        log=$logs/build-$preset.log
        started=$(now)
        printf '%-24s' "build ($preset)"
        if cmake --preset "$preset" >"$log" 2>&1 && cmake --build --preset "$preset" -j "$jobs" "$@" >>"$log" 2>&1; then
                printf ' %s s\n' $(($(now) - started))
                return 0
        fi
        printf ' FAILED: from %s:\n' "$log"
        # ninja goes on with others for a while: the first that failed says more than the last line.
        { grep -A 12 '^FAILED' "$log" || cat "$log"; } | tail -n 25
        failed=$((failed + 1))
        return 1
}

# jobd and the journal's tests under the thread sanitizer. The other programs have one thread and create
# processes with vfork, which that sanitizer does not survive: they are those of the dev build.
build_threads() {
        cmake --preset tsan >"$logs/build-tsan.log" 2>&1 # a failure is told by the build
        tests=$(ctest --test-dir build/tsan -N -L '^unit$' -R '^test_journal' | sed -n 's/.*: \(test_journal[a-z_]*\)$/\1/p')
        # shellcheck disable=SC2086 # a list of words
        build tsan --target jobd $tests &&
                cp build/dev/bin/jobctl build/dev/bin/jobd-worker build/tsan/bin/
}

# Turns ctest's lines into a dot for each test, and names what fails or is skipped.
progress() {
        awk '
                / Passed / { printf "."; fflush(); next }
                /\*\*\*Skipped/ { printf "s"; skips[++s] = $4; fflush(); next }
                /\*\*\*/ { printf "F"; fails[++f] = $4; fflush(); next }
                END {
                        for (i = 1; i <= s; i++) printf "\n        skipped: %s", skips[i]
                        for (i = 1; i <= f; i++) printf "\n        FAILED: %s", fails[i]
                }'
}

# Becomes ctest, for a stage whose files in build/logs have this name:  tests NAME FOLDER OPTION...
tests() {
        summary=$logs/$1.xml
        rm -f "$summary"
        folder=build/$2
        shift 2
        # shellcheck disable=SC2086 # words or none
        exec $under ctest --test-dir "$folder" -j "$at_once" --output-on-failure --no-tests=error --timeout 240 \
                --output-junit "$summary" "$@" </dev/null 2>&1
}

# Adds up what ctest has written:  count NAME
count() {
        log=$logs/$1.log
        summary=$logs/$1.xml
        if [ ! -s "$summary" ]; then
                printf ' FAILED: ctest could not run, see %s\n' "$log"
                failed=$((failed + 1))
                return
        fi
        n=$(attribute "$summary" tests)
        f=$(attribute "$summary" failures)
        s=$(($(attribute "$summary" skipped) + $(attribute "$summary" disabled)))
        passed=$((passed + n - f - s))
        failed=$((failed + f))
        skipped=$((skipped + s))
        printf ' %s of %s, %s s\n' $((n - f - s)) "$n" "$(attribute "$summary" time)"
        [ "$f" -eq 0 ] || show_failures "$log"
}

# Runs the tests of a preset that ctest's further options choose:  stage NAME PRESET OPTION...
stage() {
        name=$1-$2
        printf '%-24s ' "$1 ($2)"
        shift
        tests "$name" "$@" | tee "$logs/$name.log" | progress
        count "$name"
}

# The machine beside what follows, in a group of processes of its own. Not niced: a machine that is starved to a fifth
# of its speed loses those who wait in it for a restart. Nor beside the conversations: each takes twice as long then.
begin_machine() {
        under=setsid
        tests machine-dev dev/tests/system -R '^machine$' -FA . >"$logs/machine-dev.log" &
        beside=$!
        under=
}

end_machine() {
        [ -n "$beside" ] || return
        printf '%-24s ' 'machine (dev)'
        wait "$beside"
        beside=
        progress <"$logs/machine-dev.log"
        count machine-dev
}

# What the tests that failed said, as far as a person wants to read it here.
show_failures() {
        sed -n '/^ *[0-9]*\/[0-9]* Test .*\*\*\*Failed\|\*\*\*Timeout\|\*\*\*Exception/,/^ *[0-9]*\/[0-9]* Test .*Passed/p' "$1" |
                grep -v '^ *\^*$' | tail -n 40 | cut -c1-200 | sed 's/^/    | /'
        printf '    (all of it: %s)\n' "$1"
}

sh packaging/deps.sh build test || {
        failed=1
        finish
}
mkdir -p "$logs" || exit 1

# System mode runs as the user jobd; one that is made for the tests is taken away again.
if [ "$(id -u)" -eq 0 ] && ! id jobd >/dev/null 2>&1; then
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jobd &&
                made_user=yes
fi

wanted=" ${*:-lint unit integration threads crash fuzz system packages machine} "
is_wanted() {
        case $wanted in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
        esac
}

# A build that is wanted by several stages says whether it is there.
has_asan=
has_tsan=
# Those packages tests which build what others look into, or boot.
made=
is_wanted packages && made='p100_build|p110_newer|p190_base'
is_wanted machine && made="${made:-p100_build|p110_newer}|machine_disk"

started_all=$(now)
if build dev; then
        is_wanted lint && stage lint dev -L '^lint$'
        is_wanted unit && stage unit dev -L '^unit$'
fi
if is_wanted unit || is_wanted integration || is_wanted fuzz; then
        build asan && has_asan=yes
        [ -n "$has_asan" ] && is_wanted unit && stage unit asan -L '^unit$'
fi
is_wanted threads && build_threads && has_tsan=yes
[ -z "$made" ] || stage made dev -R "^($made)\$"
[ -n "$has_asan" ] && is_wanted integration && stage integration asan -L '^integration$'
is_wanted machine && begin_machine
[ -n "$has_tsan" ] &&
        stage threads tsan -L '^(unit|integration)$' -R '^(test_journal.*|t100_.*|t110_.*|t400_.*)$'
is_wanted crash && stage crash dev -L '^crash$'
[ -n "$has_asan" ] && is_wanted fuzz && stage fuzz asan -L '^fuzz$'
is_wanted system && stage system dev -L '^system$'
if is_wanted packages; then
        under='nice -n 10'
        stage packages dev -L '^package$' -E "^($made)\$" -FA .
        under=
fi
end_machine
printf '\n%s s in all' $(($(now) - started_all))
finish
