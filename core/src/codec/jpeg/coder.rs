//! The two ends of re-coding: the scan that is read, the scan that is written, and what goes on
//! between them for each MCU.
use super::bits::{BitReader, BitWriter, OutputFull};
use super::huffman::Encoder;
use super::recode_error::{RecodeError, RecodeErrorKind};
use super::segments::marker;

/// Re-codes the blocks of one MCU: [`Copier`](super::copy::Copier) by copying bits, and
/// [`Translator`](super::translate::Translator) symbol by symbol.
pub(super) trait Coder {
    /// Re-codes the blocks of one MCU. Blocks of the half `from` go to the first target, and blocks
    /// of the half below to the second. Blocks without a target are read and dropped.
    fn mcu(
        &self,
        layout: &Layout,
        source: &mut Source<'_>,
        from: Half,
        targets: &mut [Target<'_>],
    ) -> Result<(), RecodeError>;
}

/// The half of a tall MCU that a block is in. All blocks of a standard MCU are in the upper half.
#[derive(Clone, Copy)]
pub(super) enum Half {
    Upper,
    Lower,
}

/// The blocks of an MCU in their order. Each entry is the index of a component, a half, and the
/// number of blocks in a row that are of this component and half.
pub(super) type Layout = [(usize, Half, u8)];

/// Counts MCUs from one restart marker to the next. An interval of 0 means no markers.
#[derive(Clone, Copy)]
pub(super) struct Restarts {
    interval: u16,
    left: u16,
    next: u8,
}

impl Restarts {
    pub(super) const fn new(interval: u16) -> Self {
        Self { interval, left: interval, next: marker::RST0 }
    }

    /// Counts an MCU. Returns the code of the marker that must come before that MCU, if one must.
    pub(super) fn mcu(&mut self) -> Option<u8> {
        if self.interval == 0 {
            return None;
        }
        let due = (self.left == 0).then_some(self.next);
        if due.is_some() {
            self.left = self.interval;
            self.next = marker::RST0 | (self.next.wrapping_add(1) & 7);
        }
        self.left -= 1;
        due
    }
}

/// The scan that is read, and the last DC coefficient of each component.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) bits: BitReader<'a>,
    pub(super) dc: [i32; 3],
    pub(super) restarts: Restarts,
}

impl Source<'_> {
    /// Makes an error at the current place. Past the end of the data any fault is that the scan ends
    /// early, as the bits read there are made up.
    #[cold]
    pub(super) fn error(&self, reason: RecodeErrorKind) -> RecodeError {
        let reason = match reason {
            RecodeErrorKind::OutputFull => reason,
            _ if self.bits.is_past_end() => RecodeErrorKind::EndsEarly,
            _ => reason,
        };
        reason.at(self.bits.at())
    }

    /// Makes an error for a full output.
    #[cold]
    pub(super) fn full(&self, full: OutputFull) -> RecodeError {
        self.error(full.into())
    }

    /// Starts an MCU: reads the restart marker before it, if there must be one. Returns whether there was.
    #[inline]
    pub(super) fn mcu(&mut self) -> Result<bool, RecodeError> {
        let Some(expected) = self.restarts.mcu() else { return Ok(false) };
        let at = self.bits.at();
        match self.bits.marker() {
            Some((_, code)) if code == expected => {
                self.dc = [0; 3];
                Ok(true)
            }
            found => {
                let (at, found) = found.map_or((at, None), |(at, code)| (at, Some(code)));
                Err(RecodeErrorKind::RestartMarker { expected, found }.at(at))
            }
        }
    }
}

/// The scan that is written, and the last DC coefficient of each component.
pub(super) struct Target<'a> {
    pub(super) out: &'a mut [u8],
    pub(super) bits: BitWriter,
    pub(super) dc: [i32; 3],
    pub(super) restarts: Restarts,
    /// The offset of the first restart marker, and how many bits of padding are before it.
    pub(super) aligned: Option<(usize, u32)>,
}

impl Target<'_> {
    /// Starts an MCU: writes the restart marker before it, if there must be one.
    #[inline]
    pub(super) fn mcu(&mut self) -> Result<(), OutputFull> {
        let Some(code) = self.restarts.mcu() else { return Ok(()) };
        self.dc = [0; 3];
        let padding = self.bits.padding();
        self.bits.marker(self.out, code)?;
        self.aligned.get_or_insert((self.bits.pos().saturating_sub(2), padding));
        Ok(())
    }

    /// Writes a block that is like the one before: neither DC nor AC coefficients change it.
    pub(super) fn empty_block(&mut self, dc: &Encoder, ac: &Encoder) -> Result<(), OutputFull> {
        const END_OF_BLOCK: u8 = 0;
        // Both tables have these codes.
        let codes = [dc.difference(0), ac.code(END_OF_BLOCK)];
        for (bits, len) in codes.into_iter().flatten() {
            self.bits.put(bits.into(), len);
        }
        self.bits.flush(self.out)
    }

    /// Splits the free room. Returns the target as it is, with the first two thirds, and a second
    /// one in the last third, for what comes `ahead` MCUs later. `None` if there is no room.
    pub(super) fn split(&mut self, ahead: u32) -> Option<[Target<'_>; 2]> {
        let pos = self.bits.pos();
        let room = self.out.len().checked_sub(pos)?;
        let (out, kept) = self.out.split_at_mut_checked(pos + room - room / 3)?;
        let (dc, restarts, aligned) = (self.dc, self.restarts, None);
        let mut later = Target { out: kept, bits: BitWriter::new(0), dc, restarts, aligned };
        for _ in 0..ahead {
            later.restarts.mcu();
        }
        Some([Target { out, bits: self.bits, dc, restarts, aligned }, later])
    }
}
