//! tshark dissects the RTP packets of PCM audio.
#[cfg(feature = "pcm")]
mod sound;

#[test]
#[cfg_attr(not(feature = "pcm"), ignore = "needs --features pinhole-tests/pcm")]
fn sound_is_well_formed() {
    #[cfg(feature = "pcm")]
    sound::is_well_formed("sound_is_well_formed");
}
