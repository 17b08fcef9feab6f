//! Frames to pictures, on a thread of their own.
//!
//! [`run`] takes coded frames from one queue and puts pictures into another. Each codec is a module and
//! a variant of [`Decoder`]. Each track has a decoder of its own, which may remember what came before.
mod jpeg;

use crate::handoff::{Choice, CloseOnDrop, Handoff};
use crate::model::{ErrorLog, FrameBuffer, Picture, Presentation, Published};
use crate::playback::clock::PlayerClock;
use pinhole::codec::Codec;
use pinhole::frame::Frame;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of pixels that may wait for the screen, unless two pictures take more.
const PIXELS_AHEAD: usize = 128 << 20;

/// How long the decoder sleeps while there is nothing to do. A new frame wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// A frame that waits for its decoder.
#[derive(Debug, Default)]
pub(crate) struct CodedFrame {
    /// The frame's track.
    pub(crate) track: u8,
    /// The frame itself.
    pub(crate) frame: FrameBuffer,
    /// Which frame it is, and when its picture is shown.
    pub(crate) presentation: Presentation,
    /// When the frame arrived, if that is known.
    pub(crate) arrived: Option<Instant>,
}

/// What the decoder's thread shares with the others.
pub(crate) struct Context<'a> {
    /// Where frames come from.
    pub(crate) frames: &'a Handoff<CodedFrame>,
    /// Where pictures go.
    pub(crate) pictures: &'a Handoff<Picture>,
    pub(crate) clock: &'a PlayerClock,
    /// Frames of an older generation are not decoded.
    pub(crate) generation: &'a AtomicU64,
    pub(crate) model: &'a Published,
    pub(crate) errors: &'a ErrorLog,
}

/// Decodes frames until their queue is closed and empty. Closes the queue of pictures then, or if a
/// decoder panics.
///
/// A frame is skipped if the next is due already. So a decoder that is too slow shows fewer pictures,
/// but each at its time.
pub(crate) fn run(context: &Context<'_>) {
    let Context { frames, pictures, clock, generation, model, errors } = context;
    let _close = CloseOnDrop(pictures);
    let mut decoders = Decoders::default();
    let is_outdated = |frame: &CodedFrame| frame.presentation.generation < generation.load(Ordering::Acquire);
    let choose = |queue: &VecDeque<CodedFrame>| {
        let now = clock.now();
        let due = queue.iter().skip(1).take_while(|frame| frame.presentation.due <= now).count();
        Choice { count: queue.len().min(1) + due, again: None }
    };
    let skip = |skipped: &CodedFrame| {
        model.update(|model| model.presented.count_dropped(&skipped.presentation));
    };
    loop {
        let taken = frames.take(IDLE, choose, skip);
        if taken.finished {
            return;
        }
        let Some(frame) = taken.item else { continue };
        let mut picture = pictures.spare().unwrap_or_default();
        (picture.presentation, picture.arrived) = (frame.presentation, frame.arrived);
        let started = Instant::now();
        let decoded = if is_outdated(&frame) { Ok(()) } else { decoders.decode(&frame, &mut picture) };
        match decoded {
            Ok(()) if is_outdated(&frame) => pictures.give_back(picture),
            Ok(()) => {
                model.update(|model| model.presented.count_decoded(started.elapsed()));
                pictures.limit((PIXELS_AHEAD / (size_of::<u32>() * picture.pixels.len().max(1))).max(2));
                pictures.push(picture);
            }
            Err(reason) => {
                let number = frame.presentation.id.0;
                tracing::info!(frame = number, reason, "a frame does not decode");
                errors.push(format!("frame {number}: {reason}"));
                pictures.give_back(picture);
            }
        }
        frames.give_back(frame);
    }
}

/// The decoder of one track, as its codec needs it.
#[derive(Debug)]
enum Decoder {
    Jpeg(jpeg::Decoder),
}

impl Decoder {
    /// Makes a decoder; `None` if there is none for this codec.
    fn new(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Jpeg => Some(Self::Jpeg(jpeg::Decoder::default())),
            _ => None,
        }
    }

    /// Decodes a frame into `picture`, whose buffer is used again.
    ///
    /// # Errors
    /// The frame cannot be decoded; the message says why.
    fn decode(&mut self, frame: &Frame<'_>, picture: &mut Picture) -> Result<(), String> {
        match self {
            Self::Jpeg(decoder) => decoder.decode(frame, picture),
        }
    }
}

/// The decoders of all tracks. Each is made for the first frame of its track, and again if the codec
/// changes.
#[derive(Debug, Default)]
struct Decoders(HashMap<u8, (Codec, Decoder)>);

impl Decoders {
    /// Decodes a frame with its track's decoder.
    ///
    /// # Errors
    /// The frame cannot be decoded; the message says why.
    fn decode(&mut self, coded: &CodedFrame, picture: &mut Picture) -> Result<(), String> {
        let (frame, codec) = coded.frame.frame().ok_or("there is no frame")?;
        let decoder = match self.0.entry(coded.track) {
            Entry::Occupied(entry) if entry.get().0 == codec => &mut entry.into_mut().1,
            entry => {
                let decoder = Decoder::new(codec).ok_or("there is no decoder for its codec")?;
                &mut entry.insert_entry((codec, decoder)).into_mut().1
            }
        };
        decoder.decode(&frame, picture)
    }
}
