//! Media that are added and removed while event loops play others.
//!
//! A library that belongs to no loop is changed. What it has then is published, and each loop takes it over between two
//! turns. The number of a medium never stands for another one, as frames in the cache and sessions have it.
use super::super::medium::Medium;
use super::Library;
#[cfg(feature = "server")]
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The media of a library, as they are handed to event loops.
#[cfg(feature = "server")]
#[derive(Clone, Debug)]
pub(crate) struct PublishedMedia(Arc<Mutex<Media>>);

/// The paths of media.
#[cfg(feature = "metrics")]
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaNames {
    /// By the numbers of the media, also of those that are gone.
    pub(crate) all: Vec<String>,
    /// Those of live inputs and sources of the network.
    pub(crate) live: Vec<String>,
}

pub(super) type Media = Vec<(String, Option<Medium>)>;

#[cfg(feature = "server")]
impl PublishedMedia {
    /// Returns whether both are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the paths of the media.
    #[cfg(feature = "metrics")]
    pub(crate) fn names(&self) -> MediaNames {
        // Held for a few steps for each medium.
        let media = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_live = |medium: &Option<Medium>| matches!(medium, Some(Medium::Live(_)));
        let live = media.iter().filter(|(_, medium)| is_live(medium));
        MediaNames {
            live: live.map(|(mount, _)| mount.clone()).collect(),
            all: media.iter().map(|(mount, _)| mount.clone()).collect(),
        }
    }
}

impl Library {
    /// Removes a medium. Another one can be added with its path. Returns whether there was one.
    ///
    /// In a server that runs, this has an effect by
    /// [`Handle::change_media`](crate::server::Handle::change_media).
    pub fn remove(&mut self, mount: &str) -> bool {
        let found = self.media.iter_mut().find(|(other, medium)| other == mount && medium.is_some());
        let Some((_, medium)) = found else { return false };
        if let Some(Medium::Live(live)) = &medium
            && let Some(demand) = live.demand()
        {
            demand.end();
        }
        // The same file may be added in another way.
        self.added.clear();
        close(vec![(String::new(), medium.take())]);
        true
    }

    /// Forgets all problems that were found so far.
    #[cfg(feature = "server")]
    pub(crate) fn forget_problems(&mut self) {
        self.problems.clear();
        self.ignored.clear();
    }

    /// Returns the media for the event loops.
    #[cfg(feature = "server")]
    pub(crate) fn publish(&self) -> PublishedMedia {
        PublishedMedia(Arc::new(Mutex::new(self.shared_media())))
    }

    /// Returns whether a medium is there that is not among those that were published.
    #[cfg(feature = "server")]
    pub(crate) fn will_lose(&self, media: u16, published: &PublishedMedia) -> bool {
        let published = published.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = published.get(usize::from(media)).is_some_and(|(_, medium)| medium.is_some());
        self.medium(media).is_some() && !is_there
    }

    /// Takes over the media that were published by a library of which this one was shared.
    #[cfg(feature = "server")]
    pub(crate) fn take_over(&mut self, published: &PublishedMedia) {
        // Held for a few steps for each medium.
        let published = published.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut removed = Media::new();
        for ((_, own), (_, other)) in self.media.iter_mut().zip(published.iter()) {
            if other.is_none() {
                removed.extend(own.take().map(|own| (String::new(), Some(own))));
            }
        }
        self.media.extend(shared(published.get(self.media.len()..).unwrap_or_default()));
        drop(published);
        if !removed.is_empty() {
            close(removed);
        }
        // Live media may have had something for this loop before.
        self.over = false;
    }

    pub(super) fn shared_media(&self) -> Media {
        shared(&self.media)
    }
}

fn shared(media: &[(String, Option<Medium>)]) -> Media {
    media.iter().map(|(mount, medium)| (mount.clone(), medium.as_ref().map(Medium::share))).collect()
}

/// Closes media on another thread, for which nobody waits: a disk may hang.
pub(super) fn close(media: Media) {
    let closing = thread::Builder::new().name("closing".into()).spawn(move || drop(media));
    // Without another thread, they were closed on this one.
    drop(closing);
}
