#!/usr/bin/env bash
# What the camera takes of flash and RAM, for each number of sessions. The clip is left out: any other
# has another size. The stack is not in it: the running firmware's command `stack` tells that.
#
# Debian: apt-get install rustc-web cargo-web rust-web-src lld-14 llvm-14
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tools/llvm.sh

image=target/thumbv7m-none-eabi/release/camera

# size SECTION...: bytes of the image's sections.
size() {
    "$(llvm_tool llvm-size)" -A "$image" |
        awk -v names=" $* " 'index(names, " " $1 " ") { sum += $2 } END { print sum + 0 }'
}

# symbol NAME: bytes of a variable.
symbol() {
    "$(llvm_tool llvm-nm)" --demangle --print-size --radix=d "$image" |
        awk -v name="$1" '$4 == name { sum += $2 } END { print sum + 0 }'
}

printf '| Sessions | Flash without the clip | Static RAM |\n|-|-|-|\n'
for sessions in 1 2 3 4; do
    PINHOLE_SESSIONS=$sessions ./cargo.sh build --quiet --locked --release -p pinhole-camera
    printf '| %d | %d | %d |\n' "$sessions" \
        "$(($(size .vector_table .text .rodata .data) - $(symbol pinhole_camera::clip::BYTES)))" \
        "$(size .data .bss .uninit)"
done
printf '\nOf that, with %d:\n' "$sessions"
"$(llvm_tool llvm-nm)" --demangle --print-size --size-sort --radix=d "$image" |
    awk 'tolower($3) == "b" && /main/ { sub(/.*::/, "", $4); printf "%6d %s\n", $2, $4 }'
