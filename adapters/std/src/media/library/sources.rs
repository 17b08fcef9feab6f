//! Sources of the network among the media.
use super::super::live::{Demand, Live, Supply};
use super::super::medium::Medium;
#[cfg(feature = "pull")]
use super::super::problem::Problem;
#[cfg(feature = "pull")]
use super::super::pull::{SourceOptions, SourceUrl};
use super::Library;
use pinhole::time::Instant;
#[cfg(feature = "pull")]
use std::path::Path;
use std::sync::Arc;

impl Library {
    /// Adds a source of the network as a live input: the URL of a camera or of another server, by RTSP or HTTP. `mount` is
    /// the path in the URL by which it is served, without the leading slash.
    ///
    /// The source is connected to when somebody asks for it, and let go a while after the last one has left, as
    /// `options` say. If it cannot be reached, or fails, it is tried again, at most every 30 seconds, for as long as
    /// somebody watches; those who do stay, and go on when it is back. Few threads pull all sources. They end with the
    /// last library that shares them, and take leave of the sources.
    ///
    /// The pictures of an RTSP source are passed on as they are. Those of an HTTP source are normalised as those of any
    /// live input. It sends a stream of them, such as `multipart/x-mixed-replace`, or one picture, which is asked for
    /// again as often as it changes, up to 25 times a second.
    ///
    /// If `mount` is taken, or if the system refuses a thread, the source is not served, and the reason is added to
    /// [`Self::problems`].
    #[cfg(feature = "pull")]
    pub fn add_source(&mut self, mount: &str, url: &SourceUrl, options: SourceOptions) {
        let path = Path::new(mount);
        if let Some(problem) = self.obstacle(path, mount) {
            return self.problems.push(problem);
        }
        match self.pullers.add(url, options, (self.playback.frame_rate, self.normalising), &self.wakers) {
            Ok(live) => drop(self.mount(path, mount.to_owned(), Medium::Live(Box::new(live)))),
            Err(error) => self.problems.push(Problem::file(path, error)),
        }
    }

    /// Returns whether a medium can be described, for a request that came at `since`. Asks its source for pictures, if
    /// it has one.
    pub(crate) fn ask(&self, media: u16, now: Instant, since: Instant) -> Supply {
        let Some(live) = self.live(media) else { return Supply::Ready };
        if let Some(demand) = live.demand().filter(|_| now == since) {
            demand.ask(now);
        }
        live.supply(now, since)
    }

    fn live(&self, media: u16) -> Option<&Live> {
        match self.medium(media)? {
            Medium::Live(live) => Some(live),
            _ => None,
        }
    }

    pub(super) fn demand(&self, media: u16) -> Option<&Arc<Demand>> {
        self.live(media)?.demand()
    }

    /// Takes note of what connection `peer` plays from now on, among the sources.
    pub(super) fn watch(&mut self, now: Instant, peer: usize, played: Vec<u16>) {
        let before = self.watched.end(peer, played);
        for &media in before.iter().filter(|media| !self.watched.has(peer, **media)) {
            self.demand(media).into_iter().for_each(|demand| demand.leave(now));
        }
        for &media in self.watched.of(peer).iter().filter(|media| !before.contains(media)) {
            self.demand(media).into_iter().for_each(|demand| demand.join());
        }
        self.watched.keep(before);
    }
}
