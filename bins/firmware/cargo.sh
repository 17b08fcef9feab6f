#!/usr/bin/env bash
# Cargo, with a compiler that has the source of the core library, which is built for the board.
#
# That is rustup's where it has the component rust-src, and else Debian's rustc-web with rust-web-src.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

library=lib/rustlib/src/rust/library/Cargo.lock
export RUSTC_BOOTSTRAP=1
if [ -e "$(rustc --print sysroot 2>/dev/null)/$library" ]; then
    cargo=cargo RUSTC=rustc
elif [ -e "$(/usr/bin/rustc --print sysroot 2>/dev/null)/$library" ]; then
    # Named in full, or Debian's Cargo takes the first rustc in PATH.
    cargo=/usr/bin/cargo RUSTC=/usr/bin/rustc
else
    echo "error: no source of the core library; rustup component add rust-src, or on Debian:" \
        "apt-get install rustc-web cargo-web rust-web-src" >&2
    exit 1
fi
export RUSTC

# The board's target, as this compiler has it, but without frame pointers: they take a register and 4 % of
# the flash, and no flag turns them off. Backtraces do not need them (`callers` in board/src/memory.rs).
target=thumbv7m-none-eabi
spec=target/$target.json
mkdir -p target
"$RUSTC" -Zunstable-options --print target-spec-json --target $target |
    sed 's/"frame-pointer": "always"/"frame-pointer": "may-omit"/' >"$spec.$$"
mv "$spec.$$" "$spec"
exec "$cargo" "$@"
