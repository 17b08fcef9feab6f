#!/usr/bin/env bash
# Cargo, with a compiler that has the source of the core library, which is built for the board.
#
# That is rustup's where it has the component rust-src, and else Debian's rustc-web with rust-web-src.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

library=lib/rustlib/src/rust/library/Cargo.lock
export RUSTC_BOOTSTRAP=1
if [ -e "$(rustc --print sysroot 2>/dev/null)/$library" ]; then
    exec cargo "$@"
elif [ -e "$(/usr/bin/rustc --print sysroot 2>/dev/null)/$library" ]; then
    # Named in full, or Debian's Cargo takes the first rustc in PATH.
    RUSTC=/usr/bin/rustc exec /usr/bin/cargo "$@"
fi
echo "error: no source of the core library; rustup component add rust-src, or on Debian:" \
    "apt-get install rustc-web cargo-web rust-web-src" >&2
exit 1
