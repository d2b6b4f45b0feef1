#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How fast and how small, beside the peers:  sh tests/bench/run.sh [--quick] [--json] [--only GROUP] ...
#
# Installs the peers (xargs, GNU parallel, task-spooler, Python) and what a build needs, builds as for a
# release into build/bench, and measures (bench.py). Nothing else should run on the machine meanwhile.
# The rows of the system mode need root.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
sh packaging/deps.sh build test bench
mkdir -p build
{
        cmake --preset release -B build/bench -DBUILD_TESTING=ON -DJOBD_BENCH=ON &&
                cmake --build build/bench --target jobd jobd-worker jobctl bench_spawn bench_run bench_submit bench_choose
} >build/bench.log 2>&1 || {
        { grep -A 12 '^FAILED' build/bench.log || cat build/bench.log; } | tail -n 30 >&2
        echo 'bench: the build failed (all of it: build/bench.log)' >&2
        exit 1
}
# System mode runs as the user jobd; one that is made for this is taken away again.
made=
if [ "$(id -u)" = 0 ] && ! id jobd >/dev/null 2>&1; then
        useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin jobd
        made=yes
fi
status=0
JOBD_BIN=$top/build/bench/bin python3 -B tests/bench/bench.py "$@" || status=$?
[ -z "$made" ] || userdel jobd
exit "$status"
