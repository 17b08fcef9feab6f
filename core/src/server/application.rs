//! What a server asks of the program that it is part of.
use super::event::Notice;
use super::request::{Action, Answered, Request};
use crate::frame::FrameStore;
use crate::rtsp::Url;
use crate::sdp::Presentation;
use crate::time::MediaTime;
use core::net::SocketAddr;

/// The program that a server is part of: it answers requests and provides frames.
///
/// [`Turn::serve`](super::Turn::serve) calls it, and so do the adapters. One value may serve any number of
/// connections. [`CatalogApp`] implements it for programs that only have to name their media.
pub trait Application {
    /// The store of the frames that are sent.
    type Store: FrameStore + ?Sized;

    /// Returns the store of the frames that are sent.
    fn store(&self) -> &Self::Store;

    /// Answers a request. [`Answered`] is only made by answering, or by [`Request::later`].
    fn request(&mut self, request: Request<'_>) -> Answered;

    /// Takes note of what happened on the connection with `peer`.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// The media that a program serves to everybody who asks. [`CatalogApp`] makes an [`Application`] of
/// it.
pub trait Catalog {
    /// Returns the number of the medium at `url`, which becomes
    /// [`TrackId::media`](crate::frame::TrackId::media). With `None` the request is refused with 404.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Describes a medium that [`Self::find`] returned. A medium without a duration is live, and is played
    /// from its newest frame on. [`Presentation::address_type`] is filled in by the server.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Takes note of what happened on the connection with `peer`.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// An [`Application`] that serves the media of a catalog, with the frames of a store.
#[derive(Debug)]
pub struct CatalogApp<'a, C: ?Sized, S: ?Sized> {
    /// The catalog, which names and describes the media.
    pub catalog: &'a mut C,
    /// The store with the frames of these media.
    pub store: &'a S,
}

impl<C: Catalog + ?Sized, S: FrameStore + ?Sized> Application for CatalogApp<'_, C, S> {
    type Store = S;

    fn store(&self) -> &S {
        self.store
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        let catalog = &*self.catalog;
        match request.action() {
            Action::Describe(describe) => match catalog.find(&describe.url()) {
                Some(media) => describe.accept(&catalog.describe(media)),
                None => describe.into_request().proceed(),
            },
            Action::Setup(setup) => match catalog.find(&setup.url()) {
                Some(media) if usize::from(setup.track()) < catalog.describe(media).tracks.len() => {
                    setup.accept(media)
                }
                _ => setup.into_request().proceed(),
            },
            Action::Play(play) => match catalog.describe(play.media()).duration {
                Some(duration) => play.accept(self.store, Some(MediaTime::ZERO + duration)),
                None => play.accept_live(self.store),
            },
            Action::Other(request) => request.proceed(),
        }
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        self.catalog.notice(peer, notice);
    }
}
