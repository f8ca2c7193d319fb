#!/usr/bin/env bash
# Every fuzz target for a few seconds, on stable Rust: how many executions each reached, and none may
# crash. Called by `.ci/run fuzz`; by hand: bash .ci/fuzz.sh
#
# Builds into $CARGO_TARGET_DIR/fuzz, writes new inputs to a scratch directory only. A crashing input
# is printed as base64, so that a log is enough to replay it: see crates/fuzz/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

SECONDS_EACH=${KITBAG_FUZZ_SECONDS:-13}
EXECUTIONS_MIN=${KITBAG_FUZZ_MIN:-2000} # of each target; a slow machine under load still has more
MEMORY_MIB_MAX=2048
INPUT_BYTES_MAX=16384
INPUT_SECONDS_MAX=20

target=${CARGO_TARGET_DIR:-target}/fuzz
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kbfuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

cargo fuzz build --sanitizer none --fuzz-dir crates/fuzz --target-dir "$target"
binaries=$target/$(rustc -vV | sed -n 's/^host: //p')/release

names=$(cargo fuzz list --fuzz-dir crates/fuzz)
failed=0
for name in $names; do
    mkdir -p "$scratch/$name/new" "$scratch/$name/found"
    code=0
    "$binaries/$name" "$scratch/$name/new" "crates/fuzz/corpus/$name" \
        -max_total_time="$SECONDS_EACH" -print_final_stats=1 -verbosity=0 \
        -rss_limit_mb="$MEMORY_MIB_MAX" -max_len="$INPUT_BYTES_MAX" -timeout="$INPUT_SECONDS_MAX" \
        -artifact_prefix="$scratch/$name/found/" >"$scratch/$name/log" 2>&1 || code=$?
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$name/log" | tail -n 1)
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$scratch/$name/log" | tail -n 1)
    printf '%-14s %8s executions, at most %5s MiB\n' "$name" "${executions:-0}" "${peak:-?}"
    if ((code != 0)); then
        failed=1
        echo "error: $name ended with $code" >&2
        tail -n 40 "$scratch/$name/log" >&2
        for input in "$scratch/$name/found"/*; do
            [[ -f $input ]] || continue
            echo "$name: $(basename "$input"), in base64:" >&2
            base64 -w 0 "$input" >&2
            echo >&2
        done
    elif ((${executions:-0} < EXECUTIONS_MIN)); then
        failed=1
        echo "error: $name reached fewer than $EXECUTIONS_MIN executions" >&2
    fi
done
((failed == 0)) || exit 1
echo "fuzz: $(wc -w <<<"$names") targets, no crash"
