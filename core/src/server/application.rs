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
/// connections; [`Request::peer`] and the `peer` of [`Self::notice`] tell them apart. A program that only has
/// to name its media implements [`Catalog`] instead, and passes a [`CatalogApp`].
pub trait Application {
    /// The type of the store from which the frames of all media are sent.
    type Store: FrameStore + ?Sized;

    /// Returns the store from which the frames of all media are sent. It is called several times in each
    /// turn, and must always return the same store.
    fn store(&self) -> &Self::Store;

    /// Answers a request.
    ///
    /// Return the [`Answered`] that the answering method of [`Request`], [`Describe`](super::Describe),
    /// [`Setup`](super::Setup) or [`Play`](super::Play) returned. Answer with [`Request::proceed`] whatever
    /// the program has no opinion on. If the answer is not known yet, return [`Request::later`], and have the
    /// adapter begin another turn of the connection once it is known: the request is offered again in that
    /// turn.
    fn request(&mut self, request: Request<'_>) -> Answered;

    /// Takes note of what happened on the connection with the client at `peer`, which is the address and the
    /// port of the client's end of the RTSP connection. Each notice is passed on once, and needs no answer.
    /// By default it is ignored.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// The media that a program serves to everybody who asks. A [`CatalogApp`] makes an [`Application`] of it.
pub trait Catalog {
    /// Returns the program's own number for the medium at `url`. [`Self::describe`] is called with that
    /// number, and the frame store gets it as [`TrackId::media`](crate::frame::TrackId::media). `url` is the
    /// URL of a DESCRIBE, or that of a SETUP without the part that names the track.
    ///
    /// Return `None` if there is no such medium: the request is refused with 404.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Describes the medium with the number `media`, which [`Self::find`] returned for this request or an
    /// earlier one.
    ///
    /// A medium whose [`Presentation::duration`] is `None` is live, and is played from its newest frame on. A
    /// SETUP of a track that is not in [`Presentation::tracks`] is refused with 404. Any
    /// [`Presentation::address_type`] will do: the server replaces it.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Takes note of what happened on the connection with the client at `peer`, which is the address and the
    /// port of the client's end of the RTSP connection. Each notice is passed on once, and needs no answer.
    /// By default it is ignored.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// An [`Application`] that serves the media of a [`Catalog`] with the frames of a store. All requests other
/// than DESCRIBE, SETUP and PLAY are answered by [`Request::proceed`]. It only borrows both, so it can be
/// made anew for each turn.
#[derive(Debug)]
pub struct CatalogApp<'a, C: ?Sized, S: ?Sized> {
    /// The catalog, which names and describes the media.
    pub catalog: &'a mut C,
    /// The store with the frames of the media that the catalog names.
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
