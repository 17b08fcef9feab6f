//! RTCP packets, and the compound packets in which they travel (RFC 3550, 6).
//!
//! Reading is lenient: a field that a sloppy peer leaves out or counts wrongly costs only that part.
//! Writing is strict: a report comes first, then the canonical name (see [`CompoundRepr`]).
pub mod bye;
mod report;
pub mod rr;
pub mod sdes;
pub mod sr;

use crate::time::Duration;
use bye::Bye;
use core::fmt;
use rr::ReceiverReport;
use sdes::SourceDescription;
use sr::{SenderInfo, SenderReport};

pub use report::{ReportBlock, ReportBlocks};

const VERSION: u8 = 2;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

/// One received RTCP packet of a compound packet, as [`Compound`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Packet<'a> {
    /// A sender report (SR): what a sender has sent, and how it receives other sources.
    SenderReport(SenderReport<'a>),
    /// A receiver report (RR): how a receiver receives other sources.
    ReceiverReport(ReceiverReport<'a>),
    /// A source description (SDES): the canonical names and other descriptions of sources.
    SourceDescription(SourceDescription<'a>),
    /// A goodbye (BYE): the sources that leave. Expect no more packets of these sources.
    Bye(Bye<'a>),
    /// A packet of a type that this library does not read, such as an application-defined packet, feedback,
    /// or an extended report. Ignore the packet, or read `body` yourself.
    Other {
        /// The packet type, from the second byte of the header (RFC 3550, 12.1). It is never 200 to 203,
        /// because those types have variants of their own.
        packet_type: u8,
        /// The bytes after the 4-byte header, without padding.
        body: &'a [u8],
    },
}

/// Iterates over the packets of one RTCP datagram or interleaved message, in order. Each item is a packet or
/// an [`Error`].
///
/// After the first error, the iterator ends, because the start of the next packet cannot be found. The
/// packets before the error are valid. A compound packet that does not start with a report is read as well,
/// because cameras send such packets and RFC 5506 allows them. All other checks are those of RFC 3550, A.2.
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Compound<'a> {
    /// Makes the iterator over `bytes`, which must be one whole datagram, or the data of one interleaved
    /// message without its 4-byte `$` prefix. If `bytes` is empty, the iterator has no items.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    fn split_first(&mut self) -> Result<Packet<'a>, Error> {
        let at = self.at;
        let Raw { count, packet_type, body } = self.split_raw()?;
        let packet = match packet_type {
            SENDER_REPORT => SenderReport::parse(count, body).map(Packet::SenderReport),
            RECEIVER_REPORT => ReceiverReport::parse(count, body).map(Packet::ReceiverReport),
            SOURCE_DESCRIPTION => Some(Packet::SourceDescription(SourceDescription::new(count, body))),
            BYE => Some(Packet::Bye(Bye::new(count, body))),
            _ => Some(Packet::Other { packet_type, body }),
        };
        packet.ok_or(Error::Truncated { at })
    }

    fn split_raw(&mut self) -> Result<Raw<'a>, Error> {
        let (header, rest) = self.rest.split_first_chunk::<4>().ok_or(Error::Truncated { at: self.at })?;
        let &[first, packet_type, a, b] = header;
        if first >> 6 != VERSION {
            return Err(Error::Version { at: self.at, found: first >> 6 });
        }
        let len = 4 * usize::from(u16::from_be_bytes([a, b]));
        let (body, rest) = rest.split_at_checked(len).ok_or(Error::Truncated { at: self.at })?;
        let body = if first & 0x20 != 0 { unpadded(body) } else { body };
        self.at = self.at.saturating_add(4).saturating_add(len);
        self.rest = rest;
        Ok(Raw { count: usize::from(first & 0x1F), packet_type, body })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = self.split_first();
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl core::iter::FusedIterator for Compound<'_> {}

/// One packet of any type.
struct Raw<'a> {
    /// The count field: how many of its parts the packet has.
    count: usize,
    packet_type: u8,
    /// The bytes after the header, without padding.
    body: &'a [u8],
}

/// Returns the reception report blocks of all sender and receiver reports in a compound packet, in order.
/// `compound` is one whole datagram, or the data of one interleaved message without its 4-byte `$` prefix. If
/// a packet in `compound` cannot be read, the iterator ends before that packet, without an error. Blocks can
/// be about any source: compare [`ReportBlock::ssrc`] with your own SSRC.
pub fn reports(compound: &[u8]) -> impl Iterator<Item = ReportBlock> {
    Reports { packets: Compound::new(compound), blocks: ReportBlocks::new(0, &[]) }
}

/// The iterator that [`reports`] returns.
struct Reports<'a> {
    packets: Compound<'a>,
    blocks: ReportBlocks<'a>,
}

impl Iterator for Reports<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        loop {
            if let Some(block) = self.blocks.next() {
                return Some(block);
            }
            let Raw { count, packet_type, body } = self.packets.split_raw().ok()?;
            let blocks_at = match packet_type {
                SENDER_REPORT => sr::BLOCKS_AT,
                RECEIVER_REPORT => rr::BLOCKS_AT,
                _ => continue,
            };
            self.blocks = ReportBlocks::new(count, body.get(blocks_at..)?);
        }
    }
}

/// A compound RTCP packet to be sent (RFC 3550, 6.1). It is made of a sender or receiver report, an SDES
/// packet with the canonical name of the sending source, and a BYE if that source leaves. Set the fields, and
/// write the packet with [`Self::emit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CompoundRepr<'a> {
    /// The SSRC of the source that sends the packet.
    pub ssrc: u32,
    /// What the source has sent so far. If this is set, the report is a sender report. If this is `None`, the
    /// report is a receiver report: use `None` for a source that sends no RTP.
    pub sender: Option<SenderInfo>,
    /// How the source receives other sources, one block for each of those. The slice may be empty. Only its
    /// first 31 blocks are sent.
    pub reports: &'a [ReportBlock],
    /// The canonical name (CNAME) of the source (RFC 3550, 6.5.1). It should be UTF-8; this is not
    /// checked. Only the first 255 bytes are sent.
    pub cname: &'a [u8],
    /// Is true if the source leaves. A BYE is then appended. Send nothing more of this source afterwards.
    pub bye: bool,
}

impl CompoundRepr<'_> {
    /// Returns the length of the compound packet in bytes. The slice `out` that you pass to [`Self::emit`]
    /// must have at least this length.
    pub fn buffer_len(&self) -> usize {
        let report = match self.sender {
            Some(info) => self.sender_report(info).buffer_len(),
            None => self.receiver_report().buffer_len(),
        };
        let bye = if self.bye { self.goodbye().buffer_len() } else { 0 };
        report + self.description().buffer_len() + bye
    }

    /// Writes the compound packet to the front of `out`. Returns its length in bytes. Returns `None` if `out`
    /// is shorter than [`Self::buffer_len`]. Part of the packet may have been written to `out` then: do not
    /// send the bytes in `out`.
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let report = match self.sender {
            Some(info) => self.sender_report(info).emit(out)?,
            None => self.receiver_report().emit(out)?,
        };
        let rest = out.get_mut(report..)?;
        let description = self.description().emit(rest)?;
        let bye = match self.bye {
            true => self.goodbye().emit(rest.get_mut(description..)?)?,
            false => 0,
        };
        Some(report + description + bye)
    }

    fn sender_report(&self, info: SenderInfo) -> sr::Repr<'_> {
        sr::Repr { ssrc: self.ssrc, info, reports: self.reports }
    }

    fn receiver_report(&self) -> rr::Repr<'_> {
        rr::Repr { ssrc: self.ssrc, reports: self.reports }
    }

    fn description(&self) -> sdes::Repr<'_> {
        sdes::Repr { ssrc: self.ssrc, cname: self.cname }
    }

    fn goodbye(&self) -> bye::Repr {
        bye::Repr { ssrc: self.ssrc }
    }
}

/// Returns how long to wait before the next compound packet: `base` times a factor from 0.5 to 1.5, which
/// `random` selects. Pass a new random number in each call, evenly distributed over all values. `base` is the
/// mean interval, usually 5 seconds (RFC 3550, 6.2).
///
/// The random factor keeps the reports of many sessions from being sent at the same times. This is RFC 3550,
/// 6.3.1, for two parties. The rules of RFC 3550 for many parties, the share of the bandwidth and
/// reconsideration, are left out.
pub fn interval(random: u32, base: Duration) -> Duration {
    base.times(1, 2) + base.scaled(u64::from(random), 1 << 32)
}

/// The reason why bytes are not an RTCP packet. The rest of the compound packet cannot be read: drop the
/// rest. The RTCP packets before the error are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The compound packet ends before an RTCP packet in it does, or that RTCP packet is shorter than a
    /// packet of its type must be.
    Truncated {
        /// The offset of the first byte of the RTCP packet that is cut short, in bytes from the start of the
        /// compound packet.
        at: usize,
    },
    /// The version, in the first two bits of the packet, is not 2.
    Version {
        /// The offset of the first byte of the RTCP packet with the wrong version, in bytes from the start of
        /// the compound packet.
        at: usize,
        /// The version that was found, 0 to 3.
        found: u8,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { at } => write!(f, "RTCP packet at byte {at} is cut short"),
            Self::Version { at, found } => write!(f, "RTCP version {found} at byte {at}, not 2"),
        }
    }
}

impl core::error::Error for Error {}

/// Returns `body` without its padding, whose length is in the last byte. A length that cannot be true
/// is ignored, as no field is read from the end.
fn unpadded(body: &[u8]) -> &[u8] {
    let padding = body.last().map_or(0, |&n| usize::from(n));
    body.len().checked_sub(padding).and_then(|len| body.get(..len)).unwrap_or(body)
}

/// Returns the header, the 4 bytes before a body of `body_len` bytes, which is a multiple of 4.
fn header(count: usize, packet_type: u8, body_len: usize) -> [u8; 4] {
    let [_, _, _, _, _, _, a, b] = (body_len as u64 / 4).to_be_bytes();
    [VERSION << 6 | (count & 0x1F) as u8, packet_type, a, b]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::time::NtpTime;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// A camera's first report: nothing was received yet, and the name is padded to a word.
    const REPORT: [u8; 48] = [
        0x80, 200, 0, 6, 0, 0, 0, 1, 0xE0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 90, 0, 0, 0, 3, 0, 0, 16,
        0, //
        0x81, 202, 0, 4, 0, 0, 0, 1, 1, 8, b'c', b'a', b'm', b'@', b'h', b'o', b's', b't', 0, 0,
    ];

    fn packets(bytes: &[u8]) -> Vec<Result<Packet<'_>, Error>> {
        Compound::new(bytes).collect()
    }

    pub(crate) fn block() -> impl Strategy<Value = ReportBlock> {
        (any::<(u32, u8, u32, u32, u32, u32)>(), -0x80_0000i32..0x80_0000).prop_map(|(f, cumulative_lost)| {
            ReportBlock {
                ssrc: f.0,
                fraction_lost: f.1,
                cumulative_lost,
                highest_sequence: f.2,
                jitter: f.3,
                last_sr: f.4,
                delay_since_last_sr: f.5,
            }
        })
    }

    #[test]
    fn a_sender_report_and_a_name_are_read_and_written_alike() {
        let info =
            SenderInfo { ntp: NtpTime(0xE000_0000_8000_0000), rtp_timestamp: 90, packets: 3, octets: 4096 };
        let [Ok(Packet::SenderReport(report)), Ok(Packet::SourceDescription(description))] =
            packets(&REPORT)[..]
        else {
            panic!()
        };
        assert_eq!((report.ssrc(), report.info(), report.reports().count()), (1, info, 0));
        assert_eq!(description.cname(1), Some(&b"cam@host"[..]));
        let repr = CompoundRepr { ssrc: 1, sender: Some(info), reports: &[], cname: b"cam@host", bye: false };
        let mut out = [0; 48];
        assert_eq!((repr.buffer_len(), repr.emit(&mut out)), (48, Some(48)));
        assert_eq!(out, REPORT);
        assert_eq!(repr.emit(&mut [0; 47]), None);
    }

    #[test]
    fn what_stands_before_an_error_is_still_read() {
        let mut bytes = Vec::from(REPORT);
        bytes[28] = 0x41;
        let error = Error::Version { at: 28, found: 1 };
        assert!(matches!(packets(&bytes)[..], [Ok(Packet::SenderReport(_)), Err(e)] if e == error));
        bytes[28] = 0x81;
        bytes.pop();
        let error = Error::Truncated { at: 28 };
        assert!(matches!(packets(&bytes)[..], [Ok(Packet::SenderReport(_)), Err(e)] if e == error));
    }

    #[test]
    fn a_sender_report_without_sender_info_is_an_error() {
        assert_eq!(packets(&[0x80, 200, 0, 1, 0, 0, 0, 1]), [Err(Error::Truncated { at: 0 })]);
    }

    #[test]
    fn unknown_types_and_padding_are_passed_over() {
        let bytes = [0xA0, 207, 0, 2, 1, 2, 3, 4, 0, 0, 0, 4, 0x81, 203, 0, 1, 0, 0, 0, 9];
        let [Ok(Packet::Other { packet_type: 207, body }), Ok(Packet::Bye(bye))] = packets(&bytes)[..] else {
            panic!()
        };
        assert_eq!((body, bye.sources().collect::<Vec<_>>()), (&[1, 2, 3, 4][..], [9].into()));
    }

    #[test]
    fn intervals_are_half_to_one_and_a_half() {
        let base = Duration::from_secs(4);
        assert_eq!(interval(0, base), Duration::from_secs(2));
        assert_eq!(interval(1 << 31, base), Duration::from_secs(4));
        assert_eq!(interval(u32::MAX, base), Duration::from_micros(5_999_999));
    }

    proptest! {
        #[test]
        fn a_compound_reads_as_it_was_written(
            ssrc: u32,
            sender: Option<(u64, u32, u32, u32)>,
            reports in prop::collection::vec(block(), 0..40),
            cname in "[a-z@.:0-9]{0,300}",
            bye: bool,
        ) {
            let sender = sender.map(|(ntp, rtp_timestamp, packets, octets)| {
                SenderInfo { ntp: NtpTime(ntp), rtp_timestamp, packets, octets }
            });
            let repr = CompoundRepr { ssrc, sender, reports: &reports, cname: cname.as_bytes(), bye };
            let mut out = [0xEE; 2048];
            let len = repr.emit(&mut out).unwrap();
            prop_assert_eq!(len, repr.buffer_len());
            prop_assert_eq!(len % 4, 0);
            prop_assert!(out[len..].iter().all(|&b| b == 0xEE));
            let mut read = Compound::new(&out[..len]);
            let blocks = match read.next().unwrap().unwrap() {
                Packet::SenderReport(report) => {
                    prop_assert_eq!((Some(report.info()), report.ssrc()), (sender, ssrc));
                    report.reports()
                }
                Packet::ReceiverReport(report) => {
                    prop_assert_eq!((None, report.ssrc()), (sender, ssrc));
                    report.reports()
                }
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(blocks.collect::<Vec<_>>(), &reports[..reports.len().min(31)]);
            let Some(Ok(Packet::SourceDescription(description))) = read.next() else { panic!() };
            prop_assert_eq!(description.cname(ssrc).unwrap(), &cname.as_bytes()[..cname.len().min(255)]);
            match read.next() {
                Some(Ok(Packet::Bye(packet))) if bye => {
                    prop_assert_eq!(packet.sources().collect::<Vec<_>>(), [ssrc])
                }
                other => prop_assert!(other.is_none() && !bye),
            }
        }

        #[test]
        fn arbitrary_bytes_end(
            head in prop::sample::select(std::vec![200u8, 201, 202, 203, 204]),
            count: u8,
            mut bytes in prop::collection::vec(any::<u8>(), 4..200),
        ) {
            let words = (bytes.len() / 4 - 1) as u8;
            bytes[..4].copy_from_slice(&[0x80 | count & 0x3F, head, 0, words]);
            let mut items = 0;
            for packet in Compound::new(&bytes).flatten() {
                items += match packet {
                    Packet::SenderReport(p) => p.reports().count(),
                    Packet::ReceiverReport(p) => p.reports().count(),
                    Packet::SourceDescription(p) => p.items().count(),
                    Packet::Bye(p) => p.sources().count() + p.reason().map_or(0, <[u8]>::len),
                    Packet::Other { body, .. } => body.len(),
                };
            }
            prop_assert!(items <= bytes.len());
        }
    }
}
