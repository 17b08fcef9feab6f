//! Frames to pictures, on a thread of their own.
//!
//! [`run`] takes coded frames from one queue and puts pictures into another. Each codec is a module and
//! a variant of [`Decoder`]. Each track has a decoder of its own, which may remember what came before.
mod jpeg;

use crate::handoff::{Choice, CloseOnDrop, Handoff};
use crate::model::{ErrorLog, FrameBuffer, Picture, Presentation, Published};
use crate::output::messages::print_message;
use crate::pixels::{PixelPool, TooLarge};
use crate::playback::clock::PlayerClock;
use pinhole::codec::Codec;
use pinhole::frame::Frame;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    /// The memory that pictures take.
    pub(crate) pixels: &'a PixelPool,
    pub(crate) clock: &'a PlayerClock,
    /// Frames of an older generation are not decoded.
    pub(crate) generation: &'a AtomicU64,
    pub(crate) model: &'a Published,
    pub(crate) errors: &'a ErrorLog,
}

/// Why a frame cannot be decoded.
#[derive(Debug)]
enum Error {
    /// Its picture takes more memory than there is for pictures.
    TooLarge { width: u32, height: u32, why: TooLarge },
    /// It is not what its codec says, or its codec is not known.
    Broken(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { width, height, why } => {
                write!(f, "a picture of {width}x{height} is too large: {why}")
            }
            Self::Broken(reason) => f.write_str(reason),
        }
    }
}

/// Decodes frames until their queue is closed and empty. Closes the queue of pictures then, or if a
/// decoder panics.
///
/// A frame is skipped if the next is due already. So a decoder that is too slow shows fewer pictures,
/// but each at its time. That a picture is too large is printed once.
pub(crate) fn run(context: &Context<'_>) {
    let Context { frames, pictures, pixels, clock, generation, model, errors } = context;
    let _close = CloseOnDrop(pictures);
    let (mut decoders, mut told) = (Decoders::default(), false);
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
        let (presentation, arrived) = (frame.presentation, frame.arrived);
        let mut picture = Picture { presentation, arrived, ..Picture::default() };
        let started = Instant::now();
        let decoded =
            if is_outdated(&frame) { Ok(()) } else { decoders.decode(&frame, pixels, &mut picture) };
        match decoded {
            Ok(()) if is_outdated(&frame) => {}
            Ok(()) => {
                model.update(|model| {
                    model.presented.count_decoded(started.elapsed());
                    model.undecodable = None;
                });
                let since_arrival = arrived.map(|at| at.elapsed().as_micros() as u64);
                tracing::trace!(frame = presentation.id.0, since_arrival, "a frame is decoded");
                pictures.push(picture);
            }
            Err(reason) => {
                if matches!(reason, Error::TooLarge { .. }) && !std::mem::replace(&mut told, true) {
                    print_message(&reason.to_string());
                }
                let number = frame.presentation.id.0;
                tracing::info!(frame = number, %reason, "a frame does not decode");
                let reason = format!("frame {number}: {reason}");
                model.update(|model| model.undecodable = Some(reason.clone()));
                errors.push(reason);
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

    /// Decodes a frame into `picture`, whose pixels are replaced by others from the pool.
    ///
    /// # Errors
    /// The frame cannot be decoded; the message says why.
    fn decode(&mut self, frame: &Frame<'_>, pool: &PixelPool, picture: &mut Picture) -> Result<(), Error> {
        match self {
            Self::Jpeg(decoder) => decoder.decode(frame, pool, picture),
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
    fn decode(&mut self, coded: &CodedFrame, pool: &PixelPool, picture: &mut Picture) -> Result<(), Error> {
        let absent = |what: &str| Error::Broken(what.to_owned());
        let (frame, codec) = coded.frame.frame().ok_or_else(|| absent("there is no frame"))?;
        let decoder = match self.0.entry(coded.track) {
            Entry::Occupied(entry) if entry.get().0 == codec => &mut entry.into_mut().1,
            entry => {
                let decoder =
                    Decoder::new(codec).ok_or_else(|| absent("there is no decoder for its codec"))?;
                &mut entry.insert_entry((codec, decoder)).into_mut().1
            }
        };
        decoder.decode(&frame, pool, picture)
    }
}
