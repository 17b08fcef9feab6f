//! Where a packet is in its source's sequence (RFC 3550, A.1).

/// A jump ahead by this much or more is no loss, but another sequence.
const MAX_DROPOUT: u16 = 3_000;

/// A packet this much behind, or more, belongs to another sequence.
const MAX_MISORDER: u16 = 100;

/// Where in the sequence a packet is.
///
/// `sequence` is the extended sequence number: its upper 16 bits count the wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Arrival {
    /// The one after the highest so far, or the first of all.
    InOrder {
        /// Its extended sequence number.
        sequence: u32,
    },
    /// Beyond the one after the highest.
    Ahead {
        /// Its extended sequence number.
        sequence: u32,
        /// How many between have not come, or not yet.
        gap: u16,
    },
    /// Behind the highest, and new.
    Late {
        /// Its extended sequence number.
        sequence: u32,
    },
    /// It came before.
    Duplicate,
    /// Too far from the highest to be believed: to be dropped. If the next packet follows it, that
    /// one is a [`Self::Restart`].
    Suspect,
    /// The second of a new sequence: the sender has started again. What is held of the old one has
    /// to be let go before this packet is used.
    Restart {
        /// Its extended sequence number, in the new sequence.
        sequence: u32,
    },
}

impl Arrival {
    /// The extended sequence number of a packet that is to be used; `None` for one to be dropped.
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
/// There is no probation (RFC 3550, A.1, `MIN_SEQUENTIAL`): the source was named in SETUP or has
/// come from its address, and waiting would cost the first packet of the first frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sequence {
    /// The first extended sequence number.
    pub(super) base: u32,
    /// The highest extended sequence number.
    pub(super) highest: u32,
    /// Bit n: the packet n before the highest has come.
    recent: u128,
    /// What would follow the last packet that was too far off.
    suspect: Option<u16>,
}

impl Sequence {
    pub(super) fn starting_at(sequence_number: u16) -> Self {
        let first = u32::from(sequence_number);
        Self { base: first, highest: first, recent: 1, suspect: None }
    }

    /// Takes in any packet but the first.
    pub(super) fn on_packet(&mut self, sequence_number: u16) -> Arrival {
        let ahead = sequence_number.wrapping_sub(self.highest as u16);
        let behind = ahead.wrapping_neg();
        if (1..MAX_DROPOUT).contains(&ahead) {
            self.suspect = None;
            self.highest = self.highest.wrapping_add(u32::from(ahead));
            self.recent = self.recent.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            let sequence = self.highest;
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
            return Arrival::Late { sequence: self.highest.wrapping_sub(u32::from(behind)) };
        }
        if self.suspect == Some(sequence_number) {
            *self = Self::starting_at(sequence_number);
            return Arrival::Restart { sequence: self.highest };
        }
        self.suspect = Some(sequence_number.wrapping_add(1));
        Arrival::Suspect
    }

    /// How many packets there were from the first to the highest.
    pub(super) fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::vec::Vec;

    #[test]
    fn a_wrap_goes_on_counting() {
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
    fn a_packet_from_before_the_first_is_late() {
        let mut sequence = Sequence::starting_at(0);
        assert_eq!(sequence.on_packet(65_535), Arrival::Late { sequence: u32::MAX });
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
