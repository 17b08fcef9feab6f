#!/usr/bin/env bash
# What the camera takes of flash and RAM, for each number of sessions, and with logins; fails where a budget is exceeded. The
# clip is left out: any other has another size. For the stack, what it may take is counted: the running
# firmware's command `stack` tells what it took, and the firmware's test holds it to that.
#
# Debian: apt-get install rustc-web cargo-web rust-web-src lld-14 llvm-14
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tools/llvm.sh

flash_limit=$((63 * 1024))
# Of logins, above that.
login_limit=$((7 * 1024))
# Of a firmware for one session, stack and all.
ram_limit=$((32 * 1024))
stack=$((8 * 1024))
# Of each further session, without the buffers of its TCP socket: those of the camera's ServerResources.
session_limit=990
socket=$((512 + 3 * (4 + 1400)))

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

# build SESSIONS PASSWORD: everybody may watch if the password is empty.
build() {
    PINHOLE_SESSIONS=$1 PINHOLE_PASSWORD=$2 ./cargo.sh build --quiet --locked --release -p pinhole-camera
}

# flash: bytes of the image without the clip.
flash() {
    echo $(($(size .vector_table .text .rodata .data) - $(symbol pinhole_camera::clip::BYTES)))
}

failed=0
# exceeds WHAT MEASURED LIMIT
exceeds() {
    if [ "$2" -gt "$3" ]; then
        printf 'FAILED: %s is %d bytes, %d more than its limit of %d\n' "$1" "$2" $(($2 - $3)) "$3" >&2
        failed=1
    fi
}

before=
printf '| Sessions | Flash without the clip | Static RAM |\n|-|-|-|\n'
for sessions in 1 2 3 4; do
    build $sessions ""
    flash=$(flash)
    static=$(size .data .bss .uninit)
    printf '| %d | %d | %d |\n' "$sessions" "$flash" "$static"
    exceeds "the flash for $sessions sessions" "$flash" "$flash_limit"
    if [ -z "$before" ]; then
        exceeds "the RAM for one session, with the stack," $((static + stack)) "$ram_limit"
    else
        exceeds "the RAM of session $sessions, without its socket's buffers," \
            $((static - before - socket)) "$session_limit"
    fi
    before=$static
done
build $sessions password
login=$(($(flash) - flash))
printf '| %d, logins | %d | %d |\n' "$sessions" $((flash + login)) "$(size .data .bss .uninit)"
exceeds "the flash of logins" "$login" "$login_limit"
printf '\nOf that, with %d:\n' "$sessions"
"$(llvm_tool llvm-nm)" --demangle --print-size --size-sort --radix=d "$image" |
    awk 'tolower($3) == "b" && /main/ { sub(/.*::/, "", $4); printf "%6d %s\n", $2, $4 }'
exit $failed
