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

    /// Returns the store from which the frames of all media are sent. This method is called several times in
    /// each turn. Always return the same store.
    fn store(&self) -> &Self::Store;

    /// Called for each request of a client that the server does not refuse itself, as it refuses a malformed
    /// one. Answers the request.
    ///
    /// Return the [`Answered`] that the answering method of [`Request`], [`Describe`](super::Describe),
    /// [`Setup`](super::Setup) or [`Play`](super::Play) returned. Answer with [`Request::proceed`] whatever
    /// the program has no opinion on. If the answer is not known yet, return [`Request::later`]. Once the
    /// answer is known, have the adapter begin another turn of the connection: this method is called with the
    /// same request again in that turn.
    fn request(&mut self, request: Request<'_>) -> Answered;

    /// Called when something has happened on a connection, such as that a track was set up or closed: once
    /// for each notice. `peer` is the address and the port of the client's end of the RTSP connection. The
    /// method only informs the program, for example for a log. Nothing has to be done about a notice, except
    /// by an adapter: it must close the transport after [`Notice::Disconnect`], once everything is sent. The
    /// provided method ignores the notice.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// The media that a program serves to everybody who asks. A [`CatalogApp`] makes an [`Application`] of it.
pub trait Catalog {
    /// Called for each DESCRIBE and SETUP. Returns the program's own number for the medium at `url`.
    /// [`Self::describe`] is called with that number, and the frame store gets the number as
    /// [`TrackId::media`](crate::frame::TrackId::media). `url` is the URL of the DESCRIBE, or the URL of the
    /// SETUP without the part that names the track.
    ///
    /// If there is no such medium, return `None`: the request is refused with 404.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Called for each DESCRIBE, SETUP and PLAY. Describes the medium with the number `media`, which
    /// [`Self::find`] returned for this request or for an earlier one.
    ///
    /// If [`Presentation::duration`] is `None`, the medium is live, and is played from its newest frame on. A
    /// SETUP of a track that is not in [`Presentation::tracks`] is refused with 404. Any
    /// [`Presentation::address_type`] will do: the server replaces it.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Called when something has happened on a connection, such as that a track was set up or closed: once
    /// for each notice. `peer` is the address and the port of the client's end of the RTSP connection. The
    /// method only informs the program, for example for a log: nothing has to be done about a notice. The
    /// provided method ignores the notice.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// An [`Application`] that serves the media of a [`Catalog`] with the frames of a store. All requests other
/// than DESCRIBE, SETUP and PLAY are answered by [`Request::proceed`]. It only borrows the catalog and the
/// store, so it can be made anew for each turn.
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
