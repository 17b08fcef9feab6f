//! PCM audio: samples without compression, or with logarithmic companding (RFC 3551, 4.5.11 and 4.5.14).

/// The form of PCM audio. A frame is any number of sampling instants; at each, the channels follow one
/// another from left to right (RFC 3551, 4.1). The clock of the track has one tick a sampling instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pcm {
    /// The form of one sample.
    pub sample: Sample,
    /// The number of channels, 1 or more.
    pub channels: u8,
}

/// The form of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Sample {
    /// 16 bits, signed, the most significant byte first (RFC 3551, 4.5.11).
    L16,
    /// 8 bits, mu-law (ITU-T G.711).
    Pcmu,
}

impl Pcm {
    /// Returns the bytes of one sampling instant: a sample of each channel.
    pub const fn instant_len(self) -> usize {
        let sample = match self.sample {
            Sample::L16 => 2,
            Sample::Pcmu => 1,
        };
        sample * self.channels as usize
    }
}
