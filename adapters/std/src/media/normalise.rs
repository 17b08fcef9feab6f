//! What is done to each frame before it is sent, be it recorded, live or prepared.
use super::transcode::{self, TranscodeError};
use pinhole::codec::jpeg::{self, Inspected, JpegError, JpegErrorKind, JpegInfo, McuShape};
use pinhole::codec::jpeg::{RecodeError, RecodeErrorKind, RecodeOptions};
use pinhole::server::Config;
use std::fmt;

/// RFC 2435 counts a frame's bytes in 24 bits.
pub(super) const MAX_FRAME: u32 = 1 << 24;
/// What the headers of RTP and of RTP/JPEG take of a packet (RFC 3550, 5.1; RFC 2435, 3.1).
const HEADERS: u16 = 12 + 8 + 4;

/// What is done to each frame before it is sent.
///
/// Whatever RFC 2435 cannot carry as it is, but can once it is re-coded, is re-coded without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalising {
    /// Frames get restart markers where they have none or too few, so that a lost packet costs a
    /// strip of the picture and not all of it. The picture stays the same, bit for bit.
    pub strips: bool,
    /// The length of the RTP packets that the strips are made for: [`Config::max_packet`].
    pub max_packet: u16,
    /// What RFC 2435 cannot carry at all, such as a progressive picture, is decoded, and encoded
    /// anew as 4:2:0.
    pub transcode: bool,
}

impl Default for Normalising {
    fn default() -> Self {
        Self { strips: true, max_packet: Config::DEFAULT.max_packet, transcode: false }
    }
}

/// What a frame needs, as far as its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To be sent as it is.
    Nothing(JpegInfo),
    /// To be re-coded without loss.
    Recoding(JpegInfo),
    /// To be decoded and encoded.
    Transcoding,
}

impl Normalising {
    /// What the frame at the start of `head` needs. `len` is the whole frame's length, of which
    /// `head` may be less.
    ///
    /// # Errors
    /// Why it cannot be served; if `head` is not all, the rest may tell better.
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

    /// How to re-code a frame, if that has to be.
    fn recoding(self, inspected: &Inspected) -> Option<RecodeOptions> {
        let restart_interval = self.strips_of(&inspected.info, inspected.mcu);
        // Without EOI the frame may be cut short, which re-coding finds out.
        let as_is = restart_interval.is_none() && !inspected.needs_recode() && inspected.eoi;
        (!as_is).then_some(RecodeOptions { restart_interval })
    }

    /// The restart interval that a frame is to have in place of its own.
    fn strips_of(self, info: &JpegInfo, mcu: McuShape) -> Option<u16> {
        let wanted = jpeg::strip_interval(info, usize::from(self.max_packet.saturating_sub(HEADERS)));
        let has = match mcu {
            McuShape::Standard => info.restart_interval,
            // One tall MCU is two.
            McuShape::Tall => info.restart_interval.saturating_mul(2),
        };
        // Twice the interval is good enough: what was re-coded once is not re-coded again because
        // of the few bytes that it has grown or shrunk by.
        (self.strips && wanted > 0 && (has == 0 || has > wanted.saturating_mul(2))).then_some(wanted)
    }
}

/// A frame that is held in memory, as it is sent.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) data: Box<[u8]>,
    pub(super) info: JpegInfo,
}

/// A frame as it is sent, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normal<'a> {
    pub(super) data: &'a [u8],
    pub(super) info: JpegInfo,
    /// It is the source's own bytes.
    pub(super) as_is: bool,
}

impl Normal<'_> {
    pub(super) fn to_ready(self) -> Ready {
        Ready { data: self.data.into(), info: self.info }
    }
}

/// Normalises frames one after the other, with memory that it keeps.
#[derive(Debug)]
pub(super) struct Normaliser {
    how: Normalising,
    out: Vec<u8>,
}

impl Normaliser {
    pub(super) const fn new(how: Normalising) -> Self {
        Self { how, out: Vec::new() }
    }

    pub(super) fn how(&self) -> Normalising {
        self.how
    }

    /// Makes a frame ready to be sent.
    ///
    /// # Errors
    /// Why it cannot be, and where.
    pub(super) fn normalise<'a>(&'a mut self, data: &'a [u8]) -> Result<Normal<'a>, Fault> {
        let how = self.how;
        let changed = match jpeg::inspect(data) {
            Ok(inspected) => {
                return match how.recoding(&inspected) {
                    None if JpegInfo::locate(data) == Some(inspected.info) => {
                        Ok(Normal { data, info: inspected.info, as_is: true })
                    }
                    None => self.recode(data, RecodeOptions::default()),
                    Some(options) => self.recode(data, options),
                };
            }
            Err(error) if error.is_of_intervals() => {
                self.recode(data, RecodeOptions { restart_interval: Some(0) })?.data.to_vec()
            }
            Err(error) if how.transcode && transcode::may_help(error.reason) => transcode::transcode(data)?,
            Err(error) => return Err(error.into()),
        };
        let inspected = jpeg::inspect(&changed)?;
        self.recode(&changed, how.recoding(&inspected).unwrap_or_default())
    }

    fn recode(&mut self, data: &[u8], mut options: RecodeOptions) -> Result<Normal<'_>, Fault> {
        let mut recoded = recode_into(&mut self.out, data, options)?;
        // A picture that is flat, or coded with tables that fit it well, may grow so much that its
        // intervals are too large now.
        let interval = self.how.strips_of(&recoded.info, McuShape::Standard);
        if options.restart_interval.is_some_and(|asked| asked > 0) && interval.is_some() {
            options.restart_interval = interval;
            recoded = recode_into(&mut self.out, data, options)?;
        }
        let out = self.out.get(..recoded.len).unwrap_or_default();
        if out.len() > MAX_FRAME as usize {
            return Err(Fault { at: 0, reason: FaultKind::TooLarge });
        }
        Ok(Normal { data: out, info: recoded.info, as_is: false })
    }
}

fn recode_into(out: &mut Vec<u8>, data: &[u8], options: RecodeOptions) -> Result<jpeg::Recoded, RecodeError> {
    let guidance = jpeg::recode_max_len(data.len());
    if out.len() < guidance {
        out.resize(guidance, 0);
    }
    match jpeg::recode(data, out, options) {
        // The guidance is no bound: tables that fit one picture well can be far from the standard.
        Err(error) if error.reason == RecodeErrorKind::OutputFull && out.len() < 8 * guidance => {
            out.resize(8 * guidance, 0);
            jpeg::recode(data, out, options)
        }
        other => other,
    }
}

trait OfIntervals {
    /// Too many restart intervals: with fewer of them the frame can be carried.
    fn is_of_intervals(&self) -> bool;
}

impl OfIntervals for JpegError {
    fn is_of_intervals(&self) -> bool {
        matches!(self.reason, JpegErrorKind::TooManyIntervals(_))
    }
}

/// Why a frame cannot be sent.
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
}

impl Fault {
    /// Transcoding was not asked for, and might help.
    pub(super) fn transcoding_may_help(&self, how: Normalising) -> bool {
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
        Self { at: 0, reason: FaultKind::Transcode(error) }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recode(reason) => reason.fmt(f),
            Self::Transcode(error) => error.fmt(f),
            Self::TooLarge => f.write_str("the frame is too large once it is re-coded"),
        }
    }
}
