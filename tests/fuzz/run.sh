#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [SECONDS] [TARGET...]: builds the preset `fuzz` and runs each target for so long (60), one
# after the other, with the seeds of corpus/ and what earlier runs found (build/fuzz/found/). A
# crash leaves its input in build/fuzz/crashes/ and makes this fail. To keep an input as a test,
# copy it to corpus/<target>/.
set -eu

seconds=${1:-60}
[ $# -gt 0 ] && shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${JOBD_FUZZ_BUILD:-$root/build/fuzz}

if [ -z "${JOBD_FUZZ_BUILD:-}" ]; then
        (cd "$root" && cmake --preset fuzz >/dev/null)
fi
targets=${*:-$(ls "$here/corpus")}
failed=
for target in $targets; do
        cmake --build "$build" --target "fuzz_$target" >/dev/null
        mkdir -p "$build/found/$target" "$build/crashes"
        echo "== fuzz_$target, $seconds s"
        "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
                -max_len=65536 -print_final_stats=1 -artifact_prefix="$build/crashes/$target-" \
                "$build/found/$target" "$here/corpus/$target" 2>"$build/crashes/$target.log" ||
                failed="$failed $target"
        grep -E 'DONE|ERROR|SUMMARY|peak_rss|executed_units' "$build/crashes/$target.log" || :
done
[ -z "$failed" ] || { echo "failed:$failed (inputs in $build/crashes)" >&2; exit 1; }
