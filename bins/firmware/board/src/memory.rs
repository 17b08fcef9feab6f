//! How much of the memory is used.
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

/// A word of the stack.
fn word(at: usize) -> u32 {
    // SAFETY: the callers stay between the stack's ends. The word is read as it is, whosever it is.
    unsafe { ptr::read_volatile(ptr::with_exposed_provenance(at)) }
}

fn bounds() -> (usize, usize) {
    ((&raw const _stack_end).addr(), (&raw const _stack_start).addr())
}
