//! [`Arrival`]: where a received packet stands in its source's sequence (RFC 3550, A.1).

/// A jump ahead by this many packets or more is another sequence, not loss.
const MAX_DROPOUT: u16 = 3_000;

/// A packet this many places or more before the highest one belongs to another sequence.
const MAX_MISORDER: u16 = 100;

/// Where a received packet stands in the sequence of its source. From this follows what to do with the
/// packet. [`Statistics::on_packet`](super::Statistics::on_packet) returns this.
///
/// Fields named `sequence` hold the packet's extended sequence number. Its lower 16 bits are the packet's own
/// number. Its upper 16 bits count how often the packet numbers have wrapped since the first packet of the
/// sequence. The extended number wraps at 2^32. Pass it to [`Reorder::offer`](super::Reorder::offer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Arrival {
    /// The packet has the number right after the highest number so far, or is the first packet of the source.
    /// Use the packet.
    InOrder {
        /// The packet's extended sequence number: the packet's own number in the lower 16 bits, and the
        /// number of wraps in the upper 16 bits.
        sequence: u32,
    },
    /// The packet's number is 2 to 2,999 after the highest number so far: the packets between have not come.
    /// Use the packet, or hold it until the packets between have come.
    Ahead {
        /// The packet's extended sequence number: the packet's own number in the lower 16 bits, and the
        /// number of wraps in the upper 16 bits.
        sequence: u32,
        /// The number of packets whose numbers are between the highest number before this packet and the
        /// number of this packet, at least 1. These packets are lost, or come later as [`Arrival::Late`].
        gap: u16,
    },
    /// The packet's number is 1 to 99 before the highest number so far, and the packet has not come before.
    /// Use the packet if you have not given it up as lost yet; otherwise drop it.
    Late {
        /// The packet's extended sequence number: the packet's own number in the lower 16 bits, and the
        /// number of wraps in the upper 16 bits. A packet from before the first one can have 65,535 in
        /// the upper 16 bits.
        sequence: u32,
    },
    /// The packet has come before. Drop this copy.
    Duplicate,
    /// The packet's number is 3,000 or more after the highest number so far, or 100 or more before that
    /// number: too far to be believed. Drop the packet. If the very next packet has the number after this
    /// packet's number, that next packet is a [`Self::Restart`].
    Suspect,
    /// The packet is the second one of a new sequence of numbers: the sender has started again. Before you
    /// use this packet, release the packets of the old sequence that are held
    /// ([`Reorder::flush`](super::Reorder::flush)). The first packet of the new sequence was a
    /// [`Self::Suspect`].
    Restart {
        /// The packet's extended sequence number in the new sequence, whose upper 16 bits start from 0
        /// again.
        sequence: u32,
    },
}

impl Arrival {
    /// Returns the extended sequence number of the packet if the packet is to be used. Returns `None` for
    /// [`Self::Duplicate`] and [`Self::Suspect`]: drop the packet.
    pub const fn sequence(self) -> Option<u32> {
        match self {
            Self::InOrder { sequence }
            | Self::Ahead { sequence, .. }
            | Self::Late { sequence }
            | Self::Restart { sequence } => Some(sequence),
            Self::Duplicate | Self::Suspect => None,
        }
    }
}

/// Follows the sequence numbers of one source.
///
/// There is no probation (RFC 3550, A.1, `MIN_SEQUENTIAL`): the source was named in advance or has
/// come from its address, and waiting would cost the first packet of the first frame.
///
/// Numbers are extended to 64 bits, so that their differences do not wrap. The lower 32 bits are
/// what RTCP and [`Arrival`] call the extended sequence number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    /// The lowest number of all packets that came. A packet that was overtaken by the first one
    /// lowers it.
    base: u64,
    highest: u64,
    /// Bit n says that the packet n before the highest one has come.
    recent: u128,
    /// The number that would follow the last packet that was too far off.
    suspect: Option<u16>,
}

impl Sequence {
    pub(super) const fn starting_at(sequence_number: u16) -> Self {
        // Late packets can be before the first one: there is room below it.
        let first = 1 << 32 | sequence_number as u64;
        Self { base: first, highest: first, recent: 1, suspect: None }
    }

    /// Takes in the number of any packet but the first.
    pub(super) fn on_packet(&mut self, sequence_number: u16) -> Arrival {
        let ahead = sequence_number.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if (1..MAX_DROPOUT).contains(&ahead) {
            self.suspect = None;
            self.highest = self.highest.wrapping_add(u64::from(ahead));
            self.recent = self.recent.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            let sequence = self.highest();
            return match ahead {
                1 => Arrival::InOrder { sequence },
                _ => Arrival::Ahead { sequence, gap: ahead.wrapping_sub(1) },
            };
        }
        if behind < MAX_MISORDER {
            self.suspect = None;
            let bit = 1 << behind;
            if self.recent & bit != 0 {
                return Arrival::Duplicate;
            }
            self.recent |= bit;
            let number = self.highest.wrapping_sub(u64::from(behind));
            self.base = self.base.min(number);
            return Arrival::Late { sequence: number as u32 };
        }
        if self.suspect == Some(sequence_number) {
            *self = Self::starting_at(sequence_number);
            return Arrival::Restart { sequence: self.highest() };
        }
        self.suspect = Some(sequence_number.wrapping_add(1));
        Arrival::Suspect
    }

    /// The highest extended sequence number.
    pub(super) const fn highest(&self) -> u32 {
        self.highest as u32
    }

    /// How many packets were sent from the lowest that came to the highest.
    pub(super) const fn expected(&self) -> u64 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }

    /// Goes on as if `packets` more had come in order.
    #[cfg(test)]
    pub(super) fn advance(&mut self, packets: u64) {
        self.highest += packets;
        self.recent = u128::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::vec::Vec;

    #[test]
    fn numbers_count_on_after_a_wrap() {
        let mut sequence = Sequence::starting_at(65_534);
        assert_eq!(sequence.on_packet(65_535), Arrival::InOrder { sequence: 65_535 });
        assert_eq!(sequence.on_packet(1), Arrival::Ahead { sequence: 65_537, gap: 1 });
        assert_eq!(sequence.on_packet(0), Arrival::Late { sequence: 65_536 });
        assert_eq!(sequence.on_packet(0), Arrival::Duplicate);
        assert_eq!(sequence.on_packet(65_534), Arrival::Duplicate);
        assert_eq!(sequence.expected(), 4);
    }

    #[test]
    fn a_restart_takes_two_in_sequence() {
        let mut sequence = Sequence::starting_at(10);
        assert_eq!(sequence.on_packet(30_000), Arrival::Suspect);
        assert_eq!(sequence.on_packet(11), Arrival::InOrder { sequence: 11 });
        assert_eq!(sequence.on_packet(30_001), Arrival::Suspect);
        assert_eq!(sequence.on_packet(30_002), Arrival::Restart { sequence: 30_002 });
        assert_eq!(sequence.on_packet(30_003), Arrival::InOrder { sequence: 30_003 });
    }

    #[test]
    fn a_packet_before_the_first_is_late_and_expected() {
        let mut sequence = Sequence::starting_at(0);
        assert_eq!(sequence.on_packet(65_534), Arrival::Late { sequence: u32::MAX - 1 });
        assert_eq!(sequence.expected(), 3);
        assert_eq!(sequence.on_packet(65_535), Arrival::Late { sequence: u32::MAX });
        assert_eq!(sequence.expected(), 3);
    }

    #[test]
    fn the_extended_number_wraps_and_the_count_does_not() {
        let mut sequence = Sequence::starting_at(5);
        sequence.advance((1 << 32) - 7);
        assert_eq!(sequence.on_packet(65_535), Arrival::InOrder { sequence: u32::MAX });
        assert_eq!(sequence.on_packet(1), Arrival::Ahead { sequence: 1, gap: 1 });
        assert_eq!(sequence.on_packet(0), Arrival::Late { sequence: 0 });
        assert_eq!(sequence.expected(), (1 << 32) - 3);
    }

    #[test]
    fn the_limits_are_those_of_rfc_3550() {
        let at = |n: u16| Sequence::starting_at(200).on_packet(n);
        assert_eq!(at(3_199), Arrival::Ahead { sequence: 3_199, gap: 2_998 });
        assert_eq!(at(3_200), Arrival::Suspect);
        assert_eq!(at(101), Arrival::Late { sequence: 101 });
        assert_eq!(at(100), Arrival::Suspect);
    }

    proptest! {
        #[test]
        fn each_packet_is_used_once(start: u16, steps in prop::collection::vec(-20i32..40, 0..300)) {
            let mut sequence = Sequence::starting_at(start);
            let (mut seen, mut highest) = (HashSet::from([0i64]), 0i64);
            for step in steps {
                let at = highest + i64::from(step);
                highest = highest.max(at);
                let arrival = sequence.on_packet((i64::from(start) + at) as u16);
                let expected = (i64::from(start) + at) as u32;
                prop_assert_eq!(arrival.sequence(), seen.insert(at).then_some(expected));
            }
        }

        #[test]
        fn any_numbers_are_taken(start: u16, numbers: Vec<u16>) {
            let mut sequence = Sequence::starting_at(start);
            for number in numbers {
                let used = sequence.on_packet(number).sequence();
                prop_assert!(used.is_none_or(|used| used as u16 == number));
            }
        }
    }
}
