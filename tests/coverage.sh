#!/usr/bin/env bash
# Measures how many lines of the core its own tests execute, with cargo-llvm-cov. Prints the files of which less
# than 95 % are, and the whole. Fails if the whole is below the floor. Lines of tests do not count.
#
# This needs llvm-cov and llvm-profdata as old as the compiler's LLVM or newer: of rustup's component llvm-tools,
# or of Debian's package llvm-N, where N is what `rustc -vV` says. cargo-llvm-cov is installed to target/tools/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

floor=95
version=0.9.1
tools=$PWD/target/tools
report=$PWD/target/coverage/core.lcov

host=$(rustc -vV | sed -n 's/^host: //p')
if [ ! -x "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-cov" ]; then
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    export LLVM_COV=/usr/bin/llvm-cov-$llvm LLVM_PROFDATA=/usr/bin/llvm-profdata-$llvm
    if [ ! -x "$LLVM_COV" ]; then
        echo "there is no $LLVM_COV: install llvm-$llvm, or run 'rustup component add llvm-tools'" >&2
        exit 1
    fi
fi
export PATH=$tools/bin:$PATH
if [ "$(cargo llvm-cov --version 2>/dev/null)" != "cargo-llvm-cov $version" ]; then
    # It runs for a second, so that it need not be fast.
    CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        cargo install --quiet --locked --version "$version" --root "$tools" cargo-llvm-cov
fi

mkdir -p "${report%/*}"
# They are the core's tests with all payload formats, too.
cargo llvm-cov --no-cfg-coverage --locked --quiet -p pinhole --features pcm --lcov --output-path "$report" \
    >"$report.log" || { cat "$report.log"; exit 1; }
awk -v floor="$floor" -v root="$PWD/core/src/" '
    # The tests are at the end of a file.
    function tests_of(file,    line, n, marked, at) {
        at = 1e9
        while ((getline line <file) > 0) {
            n++
            if (line == "#[cfg(test)]") marked = n
            else if (marked == n - 1 && line ~ /^mod [a-z_]+ \{$/) { at = marked; break }
        }
        close(file)
        return at
    }
    function percent(part, whole) { return whole ? 100 * part / whole : 100 }
    /^SF:/ { file = substr($0, 4); tests = tests_of(file); lines = hit = 0 }
    /^DA:/ {
        split(substr($0, 4), part, ",")
        if (part[1] + 0 < tests) { lines++; hit += part[2] > 0 }
    }
    /^end_of_record/ {
        all += lines; all_hit += hit
        if (percent(hit, lines) < 95)
            printf "%6.1f %%  %4d of %4d lines  %s\n", percent(hit, lines), hit, lines, substr(file, length(root) + 1) | "sort -n"
    }
    END {
        close("sort -n")
        printf "%6.2f %%  %d of %d lines of the core; the floor is %s %%\n", percent(all_hit, all), all_hit, all, floor
        exit percent(all_hit, all) < floor
    }' "$report"
