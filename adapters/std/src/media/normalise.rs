//! Normalises frames: whatever is done to a frame before it is sent, be it recorded, live or prepared.
use super::memory::{self, NoMemory};
use super::transcode::{self, TranscodeError};
use pinhole::codec::jpeg::{self, Inspected, JpegError, JpegErrorKind, JpegInfo, McuShape};
use pinhole::codec::jpeg::{RecodeError, RecodeErrorKind, RecodeOptions};
use pinhole::rtp::SenderConfig;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The most bytes of a frame: RFC 2435 counts them in 24 bits.
pub(super) const MAX_FRAME: u32 = 1 << 24;
/// Bytes of a packet for the headers of RTP and of RTP/JPEG (RFC 3550, 5.1; RFC 2435, 3.1).
const HEADERS: u16 = 12 + 8 + 4;

/// Bytes that a picture is filled up with whose data end early.
const FILLED: usize = 256;

/// How frames are normalised before they are sent. The default adds restart markers for packets of
/// [`SenderConfig::DEFAULT_MAX_PACKET`] bytes, and does not transcode.
///
/// If RFC 2435 can carry a frame only after the frame was re-coded without loss, the frame is re-coded,
/// whatever the options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormaliseOptions {
    /// Is true if restart markers are added to frames that have none, and to frames whose restart intervals
    /// are longer than about one packet. With the added markers, a packet holds about two restart intervals,
    /// so that a lost packet costs a few intervals and not the whole picture. The decoded picture stays the
    /// same, bit for bit.
    ///
    /// Frames that fit into one packet stay as they are. With `false`, all frames keep the restart markers
    /// that they have.
    pub restart_intervals: bool,
    /// The length of the RTP packets that restart intervals are made for, in bytes, with the RTP header. Set
    /// this to the [`SenderConfig::max_packet`] of the server's senders. If the two differ, a lost packet
    /// costs more restart intervals, or more bytes are spent on restart markers.
    pub max_packet: u16,
    /// Is true if pictures that RFC 2435 cannot carry at all, such as progressive ones, are decoded and
    /// encoded anew as 4:2:0, with a slight loss. If this is false, or without the crate feature `transcode`,
    /// such pictures are left out, and [`Problem::transcode`](super::Problem::transcode) tells whether this
    /// option would help.
    pub transcode: bool,
}

impl Default for NormaliseOptions {
    fn default() -> Self {
        Self { restart_intervals: true, max_packet: SenderConfig::DEFAULT_MAX_PACKET, transcode: false }
    }
}

/// What normalising does to a frame, as far as its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It is sent as it is.
    Nothing(JpegInfo),
    /// It is re-coded without loss.
    Recoding(JpegInfo),
    /// It is decoded and encoded.
    Transcoding,
}

impl NormaliseOptions {
    /// Returns what the frame at the start of `head` needs. `len` is the length of the whole frame, of
    /// which `head` may be a part.
    ///
    /// # Errors
    /// Why the frame cannot be sent. If `head` is a part of it, the whole may show otherwise.
    pub(super) fn need(self, head: &[u8], len: usize) -> Result<Need, JpegError> {
        let mut inspected = match jpeg::inspect(head) {
            Ok(inspected) => inspected,
            Err(error) if error.is_of_intervals() => return Ok(Need::Transcoding),
            Err(error) if self.transcode && transcode::may_help(error.reason) => {
                return Ok(Need::Transcoding);
            }
            Err(error) => return Err(error),
        };
        if head.len() < len {
            let scan = inspected.info.scan;
            inspected.info.scan_len = u32::try_from(len).unwrap_or(u32::MAX).saturating_sub(scan);
            inspected.eoi = true;
        }
        Ok(match self.recoding(&inspected) {
            None if JpegInfo::locate(head).is_some() => Need::Nothing(inspected.info),
            _ => Need::Recoding(inspected.info),
        })
    }

    /// Returns how to re-code a frame; `None` if that is not necessary.
    fn recoding(self, inspected: &Inspected) -> Option<RecodeOptions> {
        let restart_interval = self.restart_interval(&inspected.info, inspected.mcu);
        // Without EOI, the frame may be cut short, which re-coding finds out.
        let as_is = restart_interval.is_none() && !inspected.needs_recode() && inspected.eoi;
        (!as_is).then_some(RecodeOptions { restart_interval })
    }

    /// Returns the restart interval that a frame is to have instead of its own; `None` if it keeps its own.
    fn restart_interval(self, info: &JpegInfo, mcu: McuShape) -> Option<u16> {
        let wanted = jpeg::restart_interval_for(info, usize::from(self.max_packet.saturating_sub(HEADERS)));
        let has = match mcu {
            McuShape::Standard | McuShape::Grey => info.restart_interval,
            // A tall MCU counts as two.
            McuShape::Tall => info.restart_interval.saturating_mul(2),
        };
        // Twice the interval is good enough: else a frame that was re-coded once could be re-coded again,
        // because it has become a few bytes longer or shorter.
        (self.restart_intervals && wanted > 0 && (has == 0 || has > wanted.saturating_mul(2)))
            .then_some(wanted)
    }
}

/// A normalised frame in memory of its own.
#[derive(Clone, Debug)]
pub(super) struct NormalisedFrame {
    pub(super) data: Vec<u8>,
    pub(super) info: JpegInfo,
}

/// A normalised frame, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normalised<'a> {
    /// A JPEG file, which ends with EOI.
    pub(super) data: &'a [u8],
    pub(super) info: JpegInfo,
    /// Whether `data` lies in the source's own bytes.
    pub(super) as_is: bool,
}

impl Normalised<'_> {
    /// Copies the frame.
    ///
    /// # Errors
    /// There is not enough memory.
    pub(super) fn to_frame(self) -> Result<NormalisedFrame, Fault> {
        Ok(NormalisedFrame { data: memory::copy(self.data)?.into_vec(), info: self.info })
    }
}

/// Normalises frames one after the other, in memory that is used again.
#[derive(Debug)]
pub(super) struct Normaliser {
    how: NormaliseOptions,
    transcode: fn(&[u8]) -> Result<Vec<u8>, TranscodeError>,
    out: Vec<u8>,
}

impl Normaliser {
    pub(super) const fn new(how: NormaliseOptions) -> Self {
        Self { how, transcode: transcode::transcode, out: Vec::new() }
    }

    /// Frees the memory beyond `len` bytes that normalised frames took.
    pub(super) fn shrink_to(&mut self, len: usize) {
        self.out.clear();
        self.out.shrink_to(len);
    }

    pub(super) const fn set_how(&mut self, how: NormaliseOptions) {
        self.how = how;
    }

    pub(super) const fn how(&self) -> NormaliseOptions {
        self.how
    }

    /// Normalises a frame. A panic is an error of the frame: decoders are large, and read what anybody may
    /// have written.
    ///
    /// # Errors
    /// Why the frame cannot be sent, and where in it that was found.
    pub(super) fn normalise<'a>(&'a mut self, data: &'a [u8]) -> Result<Normalised<'a>, Fault> {
        let panicked = Fault { at: 0, reason: FaultKind::Panic };
        caught(move || self.normalise_frame(data)).unwrap_or(Err(panicked))
    }

    fn normalise_frame<'a>(&'a mut self, data: &'a [u8]) -> Result<Normalised<'a>, Fault> {
        let inspected = match jpeg::inspect(data) {
            Ok(inspected) => inspected,
            Err(error) => return self.replace(data, error),
        };
        match self.how.recoding(&inspected) {
            None => {
                let file = data.get(..inspected.len).unwrap_or(data);
                match JpegInfo::locate(file) == Some(inspected.info) {
                    true => Ok(Normalised { data: file, info: inspected.info, as_is: true }),
                    // Packetizers would not find their way through its segments.
                    false => self.recode(data, RecodeOptions::default()),
                }
            }
            Some(options) => self.recode(data, options),
        }
    }

    /// Normalises a frame that RFC 2435 cannot carry for the reason that `error` has, by way of another
    /// frame of the same picture.
    fn replace(&mut self, data: &[u8], error: JpegError) -> Result<Normalised<'_>, Fault> {
        let replacement = if error.is_of_intervals() {
            memory::copy(self.recode(data, RecodeOptions { restart_interval: Some(0) })?.data)?
        } else if self.how.transcode && transcode::may_help(error.reason) {
            (self.transcode)(data)?.into_boxed_slice()
        } else {
            return Err(error.into());
        };
        let inspected = jpeg::inspect(&replacement)?;
        self.recode(&replacement, self.how.recoding(&inspected).unwrap_or_default())
    }

    fn recode(&mut self, data: &[u8], mut options: RecodeOptions) -> Result<Normalised<'_>, Fault> {
        let filled;
        let (mut recoded, data) = match recode_into(&mut self.out, data, options) {
            Err(Fault { reason: FaultKind::Recode(RecodeErrorKind::EndsEarly), at }) => {
                let early = || Fault { reason: FaultKind::Recode(RecodeErrorKind::EndsEarly), at };
                filled = filled_up(data)?.ok_or_else(early)?;
                let recoded = recode_into(&mut self.out, &filled, options).map_err(|_| early())?;
                (recoded, &*filled)
            }
            recoded => (recoded?, data),
        };
        // A picture that is flat, or coded with tables that fit it well, may become so much longer that its
        // intervals are too long.
        let interval = self.how.restart_interval(&recoded.info, McuShape::Standard);
        if options.restart_interval.is_some_and(|asked| asked > 0) && interval.is_some() {
            options.restart_interval = interval;
            recoded = recode_into(&mut self.out, data, options)?;
        }
        let out = self.out.get(..recoded.len).unwrap_or_default();
        if out.len() > MAX_FRAME as usize {
            return Err(Fault { at: 0, reason: FaultKind::TooLarge });
        }
        Ok(Normalised { data: out, info: recoded.info, as_is: false })
    }
}

/// Calls `run`. Returns `None` if it panics.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

/// Returns a frame with zeros before its EOI, which decoders read where data are missing. They are enough for a
/// part of the last MCU: OpenCV loses up to 31 bits of it. Returns `None` if the frame has no EOI.
///
/// # Errors
/// There is not enough memory.
fn filled_up(data: &[u8]) -> Result<Option<Vec<u8>>, NoMemory> {
    let inspected = jpeg::inspect(data).ok().filter(|inspected| inspected.eoi);
    let whole = inspected.and_then(|inspected| data.get(..inspected.len)?.split_last_chunk::<2>());
    let Some((scan, eoi)) = whole else { return Ok(None) };
    let mut filled = Vec::new();
    filled.try_reserve_exact(scan.len() + FILLED + eoi.len())?;
    [scan, &[0; FILLED], eoi].into_iter().try_for_each(|part| memory::extend(&mut filled, part))?;
    Ok(Some(filled))
}

fn recode_into(out: &mut Vec<u8>, data: &[u8], options: RecodeOptions) -> Result<jpeg::Recoded, Fault> {
    // A frame that becomes longer than this cannot be sent.
    let most = |len: usize| len.min(MAX_FRAME as usize + 1);
    let guidance = jpeg::recode_max_len(data.len());
    if out.len() < most(guidance) {
        memory::resize(out, most(guidance))?;
    }
    let is_full = |recoded: &Result<_, RecodeError>| {
        recoded.as_ref().is_err_and(|error| error.reason == RecodeErrorKind::OutputFull)
    };
    let mut recoded = jpeg::recode(data, out, options);
    // The guidance is no bound: tables that fit a picture well can be far from the standard ones.
    if is_full(&recoded) && out.len() < most(8 * guidance) {
        memory::resize(out, most(8 * guidance))?;
        recoded = jpeg::recode(data, out, options);
    }
    if is_full(&recoded) && out.len() > MAX_FRAME as usize {
        return Err(Fault { at: 0, reason: FaultKind::TooLarge });
    }
    Ok(recoded?)
}

trait OfIntervals {
    /// Returns whether the frame has too many restart intervals, and can be carried with fewer.
    fn is_of_intervals(&self) -> bool;
}

impl OfIntervals for JpegError {
    fn is_of_intervals(&self) -> bool {
        matches!(self.reason, JpegErrorKind::TooManyIntervals(_))
    }
}

/// Why a frame cannot be sent, and where that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes from the start of the frame.
    pub(super) at: usize,
    pub(super) reason: FaultKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Recode(RecodeErrorKind),
    Transcode(TranscodeError),
    TooLarge,
    /// There is not enough memory now. There may be later.
    NoMemory,
    Panic,
}

impl Fault {
    /// Returns whether transcoding may help, and is not enabled.
    pub(super) fn transcoding_may_help(&self, how: NormaliseOptions) -> bool {
        let FaultKind::Recode(RecodeErrorKind::Jpeg(reason)) = self.reason else { return false };
        !how.transcode && transcode::may_help(reason)
    }
}

impl From<JpegError> for Fault {
    fn from(error: JpegError) -> Self {
        Self { at: error.at, reason: FaultKind::Recode(RecodeErrorKind::Jpeg(error.reason)) }
    }
}

impl From<RecodeError> for Fault {
    fn from(error: RecodeError) -> Self {
        Self { at: error.at, reason: FaultKind::Recode(error.reason) }
    }
}

impl From<TranscodeError> for Fault {
    fn from(error: TranscodeError) -> Self {
        match error {
            TranscodeError::NoMemory => NoMemory.into(),
            error => Self { at: 0, reason: FaultKind::Transcode(error) },
        }
    }
}

impl From<NoMemory> for Fault {
    fn from(_: NoMemory) -> Self {
        Self { at: 0, reason: FaultKind::NoMemory }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recode(reason) => match sampling(*reason) {
                Some(name) => {
                    write!(f, "the chroma subsampling {name} cannot be carried, only 4:2:2 and 4:2:0")
                }
                None => reason.fmt(f),
            },
            Self::Transcode(error) => error.fmt(f),
            Self::Panic => f.write_str("it cannot be normalised: the program has failed at it"),
            Self::NoMemory => NoMemory.fmt(f),
            Self::TooLarge => f.write_str("the frame is too large once it is re-coded"),
        }
    }
}

/// Returns the name of the chroma subsampling, if it is the reason and has a name.
fn sampling(reason: RecodeErrorKind) -> Option<&'static str> {
    let RecodeErrorKind::Jpeg(JpegErrorKind::Sampling { y, cb, cr }) = reason else { return None };
    // The horizontal factor is in the upper four bits, the vertical one in the lower.
    let ratio = |shift: u8| {
        let [y, cb] = [y, cb].map(|factors| factors >> shift & 0xF);
        y.checked_rem(cb).filter(|rest| *rest == 0).map(|_| y / cb)
    };
    match (cb == cr, ratio(4)?, ratio(0)?) {
        (true, 1, 1) => Some("4:4:4"),
        (true, 1, 2) => Some("4:4:0"),
        (true, 4, 1) => Some("4:1:1"),
        (true, 4, 2) => Some("4:1:0"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_subsampling_is_named() {
        let told = |y, cb, cr| {
            let reason = JpegErrorKind::Sampling { y, cb, cr };
            Fault::from(JpegError { at: 0, reason }).reason.to_string()
        };
        for (y, cb, name) in [
            (0x11, 0x11, "4:4:4"),
            (0x12, 0x12, "4:4:4"),
            (0x22, 0x22, "4:4:4"),
            (0x12, 0x11, "4:4:0"),
            (0x41, 0x11, "4:1:1"),
            (0x42, 0x11, "4:1:0"),
        ] {
            assert!(told(y, cb, cb).starts_with(&format!("the chroma subsampling {name} ")), "{y:x} {cb:x}");
        }
        for (y, cb, cr) in [(0x31, 0x11, 0x11), (0x22, 0x11, 0x12), (0x11, 0x00, 0x00), (0x12, 0x21, 0x21)] {
            assert_eq!(told(y, cb, cr), JpegErrorKind::Sampling { y, cb, cr }.to_string());
        }
    }

    #[test]
    fn a_panic_of_the_decoder_costs_one_frame() {
        let baseline = include_bytes!("../../../../core/src/codec/jpeg/testdata/ffmpeg-420-default.jpg");
        let mut progressive = baseline.to_vec();
        let sof = baseline.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a frame header");
        progressive[sof + 1] = 0xC2;
        let how = NormaliseOptions { transcode: true, ..NormaliseOptions::default() };
        let mut normaliser = Normaliser { transcode: |_| panic!("a bug"), ..Normaliser::new(how) };
        let fault = normaliser.normalise(&progressive).unwrap_err();
        assert_eq!(fault.reason, FaultKind::Panic);
        assert!(normaliser.normalise(baseline).is_ok());
    }
}
