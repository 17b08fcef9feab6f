//! PCM audio: samples without compression, or with logarithmic companding (RFC 3551, 4.5.11 and 4.5.14).

/// The form of PCM audio: how samples are coded, and how many channels there are.
///
/// The form of PCM audio: how samples are coded, and how many channels there are.
///
/// A frame is a run of whole sampling instants; their number is not fixed. At each instant, the samples
/// of the channels follow one another. With two channels, the left one is first (RFC 3551, 4.1). The
/// clock of the track has one tick per sampling instant, so its rate is the sampling rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pcm {
    /// How one sample is coded.
    pub sample: Sample,
    /// The number of channels, 1 or more. With 0, no frame can be sent or received.
    pub channels: u8,
}

/// How one sample of PCM audio is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Sample {
    /// Linear PCM: a sample has 16 bits, is signed, and has its most significant byte first (RFC 3551,
    /// 4.5.11).
    L16,
    /// A sample has 8 bits with mu-law companding (ITU-T G.711; RFC 3551, 4.5.14).
    Pcmu,
}

impl Pcm {
    /// Returns the length in bytes of one sampling instant: one sample of each channel. The result is 0 if
    /// there are no channels.
    pub const fn instant_len(self) -> usize {
        let sample = match self.sample {
            Sample::L16 => 2,
            Sample::Pcmu => 1,
        };
        sample * self.channels as usize
    }
}
