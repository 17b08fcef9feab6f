//! A source that is an RTSP client.
use super::scaled::Scaled;
use super::{CachedRange, Error, Event, Failure, LoginFailed, Source, Waker};
use crate::model::{CacheUsage, SessionFigures};
use pinhole::client::{PlayOptions, PrefetchOptions, TransportChoice};
use pinhole::codec::Codec;
use pinhole::frame::{Frame, FrameId, Miss, Seek};
use pinhole::rtsp::{Method, Position, Scale, Speed};
use pinhole::time::MediaTime;
use pinhole_log::redacted;
use pinhole_std::client::{self, Client, Credentials, LoginError};
use pinhole_std::tls::{Distrust, Fingerprint};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// How to play a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How RTP may travel.
    pub(crate) transport: TransportChoice,
    /// Whether RTSP is spoken over HTTP, as it is with `rtsph://` URLs in any case.
    pub(crate) tunnel: bool,
    /// By which certificate the server of an `rtsps://` URL is known; `None`: by those that the system trusts.
    pub(crate) tls_fingerprint: Option<Fingerprint>,
    /// Where playing starts, and with which Scale.
    pub(crate) play: PlayOptions,
    /// The Speed to ask the server for; `None` leaves the choice to the client.
    pub(crate) speed: Option<Speed>,
    /// Capacity of the cache in bytes.
    pub(crate) cache: usize,
}

/// Connects to the server of `url`, and asks it to play. If it asks for a login, `credentials` are sent.
///
/// # Errors
/// The address does not resolve, or no server answers there.
pub(crate) fn connect(
    url: &str,
    credentials: Option<Credentials>,
    options: &Options,
) -> Result<Box<dyn Source>, Error> {
    let &Options { transport, tunnel, tls_fingerprint, mut play, speed, cache } = options;
    let mut prefetch = PrefetchOptions::default();
    match speed {
        Some(speed) => (play.speed, prefetch.speed) = (speed, speed),
        None => play.speed = prefetch.speed,
    }
    let prefetch = Some(prefetch);
    // Many cameras know no other login.
    let allow_basic = true;
    let rest = client::Options::default();
    let options = client::Options {
        transport,
        tunnel,
        tls_fingerprint,
        play,
        cache,
        prefetch,
        credentials,
        allow_basic,
        ..rest
    };
    let client = Client::connect(url, &options).map_err(told)?;
    let from = match play.from {
        Some(Seek::To(from)) => Some(from),
        _ => None,
    };
    Ok(match play.scale {
        Scale::NORMAL => Box::new(client),
        scale => Box::new(Scaled::new(client, scale, from)),
    })
}

/// Returns an error as it may be told: servers may name URLs with a password in them.
fn told(error: client::Error) -> Error {
    let reason = redacted(&error.to_string()).into_owned();
    match error {
        client::Error::Login { reason: why, .. } => {
            let is_wrong = why == LoginError::Refused;
            Box::new(LoginFailed { reason, asks: is_wrong || why == LoginError::Needed, is_wrong })
        }
        client::Error::Tls(distrust) => match distrust.untrusted() {
            Some(offered) => format!(
                "{reason}; if whoever runs the server says the same, trust it with --tls-fingerprint {offered}"
            )
            .into(),
            None => reason.into(),
        },
        _ => reason.into(),
    }
}

impl Source for Client {
    fn turn(&mut self, at_most: Duration) -> Result<(), Failure> {
        self.turn(at_most).map_err(|error| match error {
            // To try the same password again and again may lock its user out.
            client::Error::CacheTooSmall { .. }
            | client::Error::Unusable(_)
            | client::Error::Login { .. }
            // Somebody may be between, who is to be told nothing.
            | client::Error::Tls(Distrust::Unknown { .. } | Distrust::Other { .. })
            | client::Error::Loop(_) => Failure::Final(told(error)),
            _ => Failure::Lost(told(error)),
        })
    }

    fn poll_event(&mut self) -> Option<Event> {
        while let Some(event) = self.poll_event() {
            tracing::debug!(?event);
            return Some(match event {
                client::Event::Playing { transport, .. } => Event::Playing(transport),
                client::Event::SwitchedToTcp => Event::SwitchedToTcp,
                client::Event::Paused => Event::Paused,
                client::Event::Refused { method: Method::Play, status } => Event::Refused(status),
                client::Event::Ended => Event::Ended,
                client::Event::Closed => Event::Closed,
                // The player has no use for the others.
                _ => continue,
            });
        }
        None
    }

    fn codec(&self, track: u8) -> Option<Codec> {
        self.track_info(track).map(|info| info.codec)
    }

    fn frame(&self, track: u8, id: FrameId) -> Result<Frame<'_>, Miss> {
        self.frame(track, id)
    }

    fn frame_time(&self, track: u8, id: FrameId) -> Result<Range<MediaTime>, Miss> {
        self.frame_time(track, id)
    }

    fn cached(&self, track: u8) -> Range<FrameId> {
        self.cached(track)
    }

    fn find(&self, track: u8, time: MediaTime) -> Option<FrameId> {
        self.find(track, time)
    }

    fn cached_ranges(&self, track: u8) -> Vec<CachedRange> {
        let ranges = self.time_ranges(track);
        ranges.map(|range| CachedRange { frames: range.frames, time: range.from..range.to }).collect()
    }

    fn usage(&self, track: u8) -> CacheUsage {
        let client::Usage { frames, bytes, capacity, span, .. } = self.usage(track);
        CacheUsage { frames: frames as u64, bytes, capacity, span }
    }

    fn duration(&self) -> Option<Duration> {
        self.duration()
    }

    fn is_live(&self) -> bool {
        self.is_live()
    }

    fn awaits_viewer(&self, track: u8) -> bool {
        self.awaits_viewer(track)
    }

    fn watch_from(&mut self, track: u8, id: FrameId) {
        self.watch_from(track, id);
    }

    fn seek(&mut self, track: u8, time: MediaTime) -> FrameId {
        let next = self.cached(track).end;
        self.seek(time);
        next
    }

    fn reconnect(&mut self) {
        self.reconnect();
    }

    fn teardown(&mut self) {
        self.teardown();
    }

    fn waker(&self) -> Waker {
        let waker = self.waker();
        Waker(Arc::new(move || waker.wake()))
    }

    fn refusal(&self, track: u8) -> Option<&str> {
        self.refusal(track)
    }

    fn figures(&self, track: u8) -> SessionFigures {
        let client::Statistics { transport, range, scale, speed, first_frame, .. } = self.statistics();
        let track = self.track_statistics(track);
        let start = range.start.and_then(|start| match start {
            Position::At(start) => Some(start),
            Position::Now => None,
        });
        SessionFigures {
            transport,
            start,
            end: range.end,
            scale,
            speed,
            frames_complete: track.frames_complete,
            frames_damaged: track.frames_damaged,
            frames_missing: track.frames_missing,
            packets: track.packets,
            packets_lost: track.lost,
            bytes: track.octets,
            jitter: track.jitter_time.into(),
            first_frame,
        }
    }
}
