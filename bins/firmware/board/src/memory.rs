//! How much of the memory is used.
use core::arch::global_asm;
use core::ptr;

/// What the start-up code fills the stack with (the feature `paint-stack` of cortex-m-rt).
const PAINT: u32 = 0xCCCC_CCCC;

unsafe extern "C" {
    /// The stack's ends, by the linker: it begins at the higher address.
    safe static _stack_start: u32;
    safe static _stack_end: u32;
    /// The program's ends, by the linker.
    safe static __stext: u32;
    safe static __etext: u32;
}

/// Bytes that the stack can have: all RAM that no variable takes.
pub fn stack_len() -> usize {
    let (low, high) = bounds();
    high - low
}

/// The most bytes of the stack that were in use at once.
pub fn stack_used() -> usize {
    let (low, high) = bounds();
    let is_used = |at: &usize| word(*at) != PAINT;
    high - (low..high).step_by(4).find(is_used).unwrap_or(high)
}

/// Where functions that are under way were called, the last one first, by what on the stack looks like
/// it: some may have returned.
pub fn callers() -> impl Iterator<Item = u32> {
    let (_, high) = bounds();
    let program = (&raw const __stext).addr() as u32..(&raw const __etext).addr() as u32;
    // A return address has its lowest bit set: the code is Thumb.
    let calls = move |word: &u32| word % 2 == 1 && program.contains(word);
    (cortex_m::register::msp::read() as usize..high).step_by(4).map(word).filter(calls)
}

// The compiler's own `memmove` takes 600 bytes of flash to be fast. Only one place calls it, which moves an entry of
// 24 bytes in the network's table of neighbours. This one moves byte by byte, from the end where the destination is
// the higher address. The names are those that the compiler calls (Arm's run-time ABI, 4.3.4).
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

/// A word of the stack.
fn word(at: usize) -> u32 {
    // SAFETY: the callers stay between the stack's ends. The word is read as it is, whosever it is.
    unsafe { ptr::read_volatile(ptr::with_exposed_provenance(at)) }
}

fn bounds() -> (usize, usize) {
    ((&raw const _stack_end).addr(), (&raw const _stack_start).addr())
}
