#!/usr/bin/env bash
# Builds the probe's images and holds what they show against the budgets; fails where one is exceeded.
#
#     check.sh             the table
#     check.sh --symbols   and what the server's flash goes to, the largest functions first
#     check.sh --features  what each feature of the core adds to the server's flash, and nothing else
#
# Debian: apt-get install rustc-web cargo-web rust-web-src lld-14 llvm-14 qemu-system-arm
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tools/llvm.sh

# Bytes of code and constants, above those of an image that does nothing. What they go to, and why they
# are more than the 28 KiB that were hoped for, stands in docs/boards.md.
flash_limit=$((37 * 1024))
# The same without the features that a server can be without.
lean_limit=$((34 * 1024))
# Of logins, above that. docs/boards.md says why they take more than the 4 KiB that were hoped for.
login_limit=$((7 * 1024 + 256))
# Instructions for a packet, in hundredths of those of the bare copy.
instructions_limit=140
# Instructions of a login: 20 ms at 25 MHz, if each takes a cycle.
login_instructions_limit=500000
login_difference_limit=200
targets=(thumbv6m-none-eabi thumbv7em-none-eabihf thumbv8m.main-none-eabihf)

format='| %-60s | %18s | %12s | %-8s |\n'
images=target/thumbv7m-none-eabi/release
failed=0

case "${1-}" in
    "" | --symbols | --features) ;;
    *) echo "usage: check.sh [--symbols | --features]" >&2; exit 2 ;;
esac

build() {
    ./cargo.sh build --quiet --locked --release -p pinhole-probe "$@"
}

# row WHAT MEASURED LIMIT OK
row() {
    local verdict=ok
    if [ "$4" -ne 1 ]; then
        verdict=EXCEEDED
        failed=1
    fi
    printf "$format" "$1" "$2" "$3" "$verdict"
}

hundredths() {
    printf '%d.%02d' $(($1 / 100)) $(($1 % 100))
}

# size IMAGE SECTION...: bytes of an image's sections.
size() {
    local image=$1
    shift
    "$(llvm_tool llvm-size)" -A "$images/$image" |
        awk -v names=" $* " 'index(names, " " $1 " ") { sum += $2 } END { print sum + 0 }'
}

# flash_with FEATURES: the server's flash with these features alone.
flash_with() {
    build --no-default-features --features "$1" --bin server --bin empty >&2
    echo $(($(size server .text .rodata .data) - $(size empty .text .rodata .data)))
}

if [ "${1-}" = --features ]; then
    lean=$(flash_with "")
    printf '| Feature | Bytes |\n|-|-|\n| none | %d |\n' "$lean"
    for feature in adapt phrases scale pinhole/timestamp pinhole/rtsps pinhole/pcm pinhole/log; do
        printf '| `%s` | %d |\n' "${feature#*/}" $(($(flash_with "$feature") - lean))
    done
    exit
fi

# Prints which functions of a disassembly call a panic.
panics() {
    awk '
        /^[0-9a-f]+ </ && !/<\$/ { name = $0; sub(/^[^<]*</, "", name); sub(/>:$/, "", name) }
        /\tb[a-z.]*\t.*<(core::panicking::|[^<]*(_fail|_failed)>|.*rust_begin_unwind)/ && name !~ /^core.*(panicking|_fail)|rust_begin_unwind/ {
            print substr(name, 1, 150)
        }' | sort -u
}

# Says which functions call a panic, when an image does not link.
tell_panics() {
    local image=$1 elf features=""
    elf=target/panics/thumbv7m-none-eabi/release/$image
    case $image in *login) features=login ;; esac
    ./cargo.sh rustc --quiet --locked --release -p pinhole-probe --features "$features" --bin "$image" --target-dir target/panics \
        -- -Clink-arg=--unresolved-symbols=ignore-all 2>/dev/null || return 0
    echo "$image: a panic can be reached from" >&2
    "$(llvm_tool llvm-objdump)" -d --demangle --no-show-raw-insn "$elf" | panics | sed 's/^/    /' >&2
}

# Before the images that are left for others to look at.
lean=$(flash_with "")
if ! log=$(build 2>&1 && build --features login --bin login --bin count_login 2>&1); then
    printf '%s\n' "$log" >&2
    for image in server all count login count_login; do
        case $log in *"(bin \"$image\")"*) tell_panics "$image" ;; esac
    done
    exit 1
fi
if log=$(build --bin panics --features panics 2>&1); then
    echo "error: an image that panics links: the others prove nothing" >&2
    exit 1
fi
case $log in
    *"undefined symbol: a_panic_is_reachable"*) ;;
    *) printf '%s\nerror: the image that panics fails for another reason than its panic\n' "$log" >&2; exit 1 ;;
esac

flash=$(($(size server .text .rodata .data) - $(size empty .text .rodata .data)))
static=$(($(size server .data .bss) + $(size all .data .bss)))
login=$(($(size login .text .rodata .data) - $(size server .text .rodata .data)))
# count IMAGE: what an image counts, line by line.
count() {
    timeout -k 2 60 qemu-system-arm -M mps2-an385 -display none -monitor none -serial none \
        -semihosting-config enable=on,target=native -icount shift=3 -kernel "$images/$1" </dev/null ||
        { echo "error: QEMU does not run the image that counts instructions ($images/$1)" >&2; exit 1; }
}
# Lines of the alignment of the frame, instructions for a packet, and for the copy alone.
counts=$(count count)
# Lines of the algorithm, and instructions for a user and for nobody.
login_counts=$(count count_login)

printf "$format" "Cortex-M3, opt-level z" measured limit ""
printf '|-|-|-|-|\n'
row "flash of RTSP, RTP/JPEG and RTCP, by UDP and TCP, bytes" $flash $flash_limit $((flash <= flash_limit))
row "the same without adapt, phrases and scale" $lean $lean_limit $((lean <= lean_limit))
row "panics within reach of the core's public interface" none none 1
row "flash of logins by Digest, bytes" $login $login_limit $((login <= login_limit))
row "panics within reach of logins" none none 1
row "static memory, bytes" $static 0 $((static == 0))
# Nothing but `core` is built for the target: there is no allocator.
row "heap" none none 1
while read -r alignment packet copy; do
    row "instructions for a packet of 1400 bytes, $alignment: copies" "$packet/$copy = $(hundredths $((packet * 100 / copy)))" \
        "$(hundredths $instructions_limit)" $((packet * 100 <= copy * instructions_limit))
done <<<"$counts"
while read -r algorithm instructions unknown; do
    row "instructions of a login by $algorithm" "$instructions" $login_instructions_limit \
        $((instructions <= login_instructions_limit))
    # Or it could be told by its time who there is.
    differs=$((unknown > instructions ? unknown - instructions : instructions - unknown))
    row "by how many a name that is not known differs" $differs $login_difference_limit \
        $((differs <= login_difference_limit))
done <<<"$login_counts"
for target in "${targets[@]}"; do
    if log=$(build --target "$target" --bin all --bin server 2>&1 &&
        build --target "$target" --features login --bin login 2>&1); then ok=1; else ok=0; fi
    row "panics on ${target%%-*}" "$([ $ok -eq 1 ] && echo none || echo some)" none $ok
done

if [ "${1-}" = --symbols ]; then
    "$(llvm_tool llvm-nm)" --size-sort --reverse-sort --print-size --radix=d --demangle $images/server |
        awk '{ size = $2 + 0; $1 = $2 = $3 = ""; printf "%6d %s\n", size, substr($0, 4, 150) }'
fi
if [ $failed -ne 0 ]; then
    echo "FAILED: a budget is exceeded" >&2
    exit 1
fi
