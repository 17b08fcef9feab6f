#!/usr/bin/env bash
# The test command: installs the peers, then checks everything that a change must pass.
#
# Needs Rust and, where a peer is missing, apt-get with root or sudo, and PyPI. Stops at the first failure;
# the last line says which step it was, or that all passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=thumbv7em-none-eabihf
# Backtraces have lines. All that a debugger could use of 80 executables takes long to write.
export CARGO_PROFILE_DEV_DEBUG=line-tables-only
steps=0
current=start
# What runs beside the steps: its process group, and its output.
beside=
beside_log=$(mktemp)

on_exit() {
    local code=$?
    if [ -n "$beside" ]; then
        kill -- "-$beside" 2>/dev/null || true
        # It may have failed, too.
        printf '\n== what ran beside, as far as it came\n'
        cat "$beside_log"
    fi
    rm -f "$beside_log"
    [ $code -eq 0 ] || printf '\nFAILED: %s (exit code %d, after %d s in all)\n' "$current" $code $SECONDS
}
trap on_exit EXIT

# step TITLE COMMAND...
step() {
    local start=$SECONDS
    current=$1
    shift
    printf '\n== %s\n' "$current"
    "$@" </dev/null
    steps=$((steps + 1))
    printf -- '-- %s: %d s\n' "$current" $((SECONDS - start))
}

# Starts commands that use none of the directories that Cargo locks for the steps after them. The tests wait more than
# they compute, and a build often waits for one crate: these take what is left.
start_beside() {
    printf '\n== beside what follows: %s\n' "$*"
    # A process group can be ended as a whole.
    set -m
    {
        renice -n 10 "$BASHPID" >/dev/null
        local command
        for command in "$@"; do
            step "$command" "$command"
        done
    } >"$beside_log" 2>&1 &
    beside=$!
    set +m
    steps=$((steps + $#))
}

# Waits for what runs beside, and prints what it printed.
finish_beside() {
    current="what ran beside the steps"
    local code=0
    wait "$beside" || code=$?
    beside=
    cat "$beside_log"
    return $code
}

has_thumb_core() {
    ls "$(rustc --print target-libdir --target "$target" 2>/dev/null)"/libcore-*.rlib >/dev/null 2>&1
}

install_peers() {
    local llvm
    llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    local packages=(
        # clients, servers and referees
        ffmpeg
        gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-x
        gstreamer1.0-rtsp gir1.2-gst-rtsp-server-1.0 python3-gi python3-gst-1.0 glib-networking openssl
        python3-pil python3-venv
        chromium curl haproxy
        # what rates the unit of the service, and opens sockets for it
        systemd
        tshark ethtool iproute2 util-linux
        # the viewer's window: what minifb loads, and a display to open it on
        libx11-6 libxcursor1 xvfb xdotool imagemagick
        # what libFuzzer is compiled with, and what reads the counters of coverage
        g++ "llvm-$llvm"
        # the microcontroller, and its linker and core library
        qemu-system-arm qemu-system-data lld-14 llvm-14 rustc-web cargo-web rust-web-src
    )

    local missing=() package sudo=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "all ${#packages[@]} packages are installed"
        return
    fi
    echo "installing ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

install_cargo_deb() {
    cargo deb --version 2>/dev/null || cargo install --locked cargo-deb
}

# Libraries only: nothing is linked, so no linker is needed.
build_for_thumb() {
    if has_thumb_core; then
        cargo build --locked --target "$target" "$@"
    else
        # RUSTC names Debian's compiler in full, or its Cargo takes the first rustc in PATH.
        RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
            /usr/bin/cargo build --locked -Zbuild-std=core --target "$target" --target-dir target/thumb "$@"
    fi
}

build_features() {
    local features
    for features in jpeg pcm jpeg,client pcm,client jpeg,server jpeg,adapt jpeg,phrases jpeg,scale,server jpeg,auth \
        adapt,client,server,jpeg,pcm,auth,log,defmt,phrases,scale,timestamp; do
        echo "pinhole with features '$features'"
        cargo build --locked --quiet -p pinhole --no-default-features --features "$features"
    done
}

check_features_of_std() {
    local features
    for features in "" client server library record pattern transcode http metrics pull tls v4l2 simulation client,record http,pattern client,tls server,tls; do
        echo "pinhole-std with features '$features'"
        cargo check --locked --quiet -p pinhole-std --no-default-features --features "$features"
    done
}

# As the README's commands build them, which a test runs: one by one, or they would have each other's features.
release_programs() {
    local package
    for package in pinhole-viewer pinhole-server; do
        cargo build --locked --quiet --release -p "$package"
    done
}

# In the directory of the mutants, which are built of the same dependencies.
soak() {
    cargo run --locked --quiet --profile soak --target-dir target/mutants/target -p pinhole-sim -- soak --seeds 0..2000
}

step "peers" install_peers
step "peers of PyPI" tests/python.sh
step "cargo-deb" install_cargo_deb
step "format" cargo fmt --all --check
step "clippy" cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
# Programs for the README's test, faults that the soak must find, and the lines of the core that its tests execute.
start_beside release_programs soak tests/mutants.sh tests/fuzz.sh tests/coverage.sh
step "documentation" env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --all-features --no-deps
step "features of the core" build_features
step "features of the socket adapter" check_features_of_std
step "core for $target" build_for_thumb -p pinhole
step "core with defmt for $target" build_for_thumb -p pinhole --features defmt
step "smoltcp adapter for $target" build_for_thumb -p pinhole-smoltcp
step "smoltcp adapter, smallest, for $target" \
    build_for_thumb -p pinhole-smoltcp --no-default-features --features jpeg,medium-ip,proto-ipv4,defmt
step "format of the firmware" cargo fmt --manifest-path bins/firmware/Cargo.toml --all --check
step "budgets of the core on a microcontroller" bins/firmware/check.sh
step "budgets of the firmware" bins/firmware/size.sh
step "lint of the firmware" cargo clippy --locked --manifest-path bins/firmware/Cargo.toml -p mps2 -p pinhole-camera \
    --lib --bins -- -D warnings
step "tests of the firmware's parts" cargo test --locked --manifest-path bins/firmware/Cargo.toml -p pinhole-camera --lib
step "build of the tests" tests/streams.py --build
# The whole workspace is named, or dependencies would be built anew with fewer features.
step "payload formats that are off by default" env PINHOLE_PEERS=1 \
    cargo test --locked --workspace --features pinhole/pcm,pinhole-tests/pcm --test interop_pcm
# There is no camera: their choice and their pictures are tested with a stand-in for the device.
step "cameras, which are off by default" cargo test --locked -p pinhole-std --features v4l2 --lib camera
step "tests of the documentation" cargo test --locked --workspace --doc --no-fail-fast
# A test whose peer does not work fails instead of leaving itself out.
step "tests" env PINHOLE_PEERS=1 tests/streams.py
finish_beside

printf '\nPASSED: all %d steps, in %d min %d s\n' $steps $((SECONDS / 60)) $((SECONDS % 60))
