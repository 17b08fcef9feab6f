//! A small `memmove`, which moves byte by byte, from the end where the destination is the higher address. The compiler's
//! own is fast and takes 600 bytes of flash. Only one place calls it, which moves an entry of 24 bytes in the network's
//! table of neighbours. The names are those that the compiler calls (Arm's run-time ABI, 4.3.4).
use core::arch::global_asm;

global_asm!(
    ".pushsection .text.__aeabi_memmove, \"ax\", %progbits",
    ".global __aeabi_memmove8, __aeabi_memmove4, __aeabi_memmove",
    ".thumb_func",
    "__aeabi_memmove8:",
    ".thumb_func",
    "__aeabi_memmove4:",
    ".thumb_func",
    "__aeabi_memmove:",
    "cmp r0, r1",
    "bls 2f",
    "1: subs r2, #1",
    "bmi 3f",
    "ldrb r3, [r1, r2]",
    "strb r3, [r0, r2]",
    "b 1b",
    "2: subs r2, #1",
    "bmi 3f",
    "ldrb r3, [r1], #1",
    "strb r3, [r0], #1",
    "b 2b",
    "3: bx lr",
    ".popsection",
);
