#!/usr/bin/env bash
# Makes target/debian/pinhole_VERSION_ARCH.deb, a Debian package of the server and the viewer with their man pages and
# shell completions. Needs cargo-deb.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! cargo deb --version >/dev/null 2>&1; then
    echo "deb.sh: cargo-deb is missing; install it with: cargo install --locked cargo-deb" >&2
    exit 1
fi
# One by one, as `cargo install` does it: together, they would have each other's features.
for program in pinhole-server pinhole-viewer; do
    cargo build --locked --release -p "$program"
done

target=${CARGO_TARGET_DIR:-target}
# Assets are named by paths below target/release, wherever the build is.
pages=$target/release/deb
rm -rf "$pages"
mkdir -p "$pages/man" "$pages/bash" "$pages/zsh" "$pages/fish"
for program in pinhole-server pinhole-viewer; do
    "$target/release/$program" man "$pages/man"
    "$target/release/$program" completions bash >"$pages/bash/$program"
    "$target/release/$program" completions zsh >"$pages/zsh/_$program"
    "$target/release/$program" completions fish >"$pages/fish/$program.fish"
done
gzip -9 -n "$pages"/man/*.1

cargo deb --locked --no-build --no-strip -p pinhole-server --output "$target/debian/"
