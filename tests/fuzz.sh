#!/usr/bin/env bash
# Runs fuzz targets, each for a bounded time. Stops at the first input that breaks one, and says where it is.
#
#     tests/fuzz.sh                     every target
#     tests/fuzz.sh TARGET...           those
#
# FUZZ_SECONDS is how long each runs: 6 by default. The inputs that reached something new are kept in
# target/fuzz/corpus/, and the next run begins with them. FUZZ_SEED is where random inputs begin: 1 by default.
#
# This needs nothing but stable Rust and a compiler of C++: the compiler's own flags are what cargo-fuzz would pass.
# There is no address sanitizer, which finds faults of unsafe code only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-6} seed=${FUZZ_SEED:-1}
host=$(rustc -vV | sed -n 's/^host: //p')
work=$PWD/target/fuzz
# With a target, build scripts and macros are built without these flags.
export CARGO_TARGET_DIR=$work/target
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg fuzzing"

targets=()
for crate in core/fuzz adapters/std/fuzz; do
    names=()
    for file in "$crate"/fuzz_targets/*.rs; do
        name=$(basename "$file" .rs)
        if [ $# -eq 0 ] || [[ " $* " = *" $name "* ]]; then
            names+=("$name")
        fi
    done
    [ ${#names[@]} -gt 0 ] || continue
    cargo build --locked --quiet --release --target "$host" --manifest-path "$crate/Cargo.toml" \
        "${names[@]/#/--bin=}"
    targets+=("${names[@]}")
done
[ ${#targets[@]} -ge $# ] && [ ${#targets[@]} -gt 0 ] || { echo "there is no such target: $*" >&2; exit 2; }

for target in "${targets[@]}"; do
    mkdir -p "$work/corpus/$target" "$work/found"
    if ! "$CARGO_TARGET_DIR/$host/release/$target" -seed="$seed" -max_total_time="$seconds" -timeout=20 \
        -rss_limit_mb=2048 -max_len=8192 -len_control=0 -artifact_prefix="$work/found/$target-" "$work/corpus/$target" \
        >"$work/log" 2>&1; then
        cat "$work/log"
        echo "$target fails; the input is in $work/found/" >&2
        exit 1
    fi
    printf '%-20s %s\n' "$target" "$(sed -n 's/^#\([0-9]*\)\tDONE *\(cov: [0-9]* ft: [0-9]*\).*/\1 inputs, \2/p' "$work/log")"
done
