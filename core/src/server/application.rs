//! What a server asks of the program that it is part of.
use super::event::Notice;
use super::request::{Action, Answered, Request};
use crate::frame::FrameStore;
use crate::random::Random;
use crate::rtsp::Url;
use crate::sdp::Presentation;
use crate::time::MediaTime;
use core::net::SocketAddr;

/// The program that a server is part of: it answers requests and provides frames.
///
/// Implement this trait for a type of your program. Pass a value of that type to
/// [`Turn::serve`](super::Turn::serve) or to an adapter, which call the methods of the value. One value may
/// serve any number of connections; [`Request::peer`] and the `peer` of [`Self::notice`] tell them apart. A
/// program that only has to name its media implements [`Catalog`] instead, and passes a [`CatalogApp`].
pub trait Application {
    /// The type of the store from which the frames of all media are sent.
    type Store: FrameStore + ?Sized;

    /// Returns the store from which the frames of all media are sent. This method is called several times in
    /// each turn. Always return the same store.
    fn store(&self) -> &Self::Store;

    /// Answers a request of a client. This method is called for each request, except those that the server
    /// answers itself, such as malformed ones.
    ///
    /// Return the [`Answered`] that the answering method of [`Request`], [`Describe`](super::Describe),
    /// [`Setup`](super::Setup) or [`Play`](super::Play) returned. For a request that the program does not
    /// care about, call [`Request::proceed`]. If the answer is not known yet, call [`Request::later`], and
    /// return its result. Once the answer is known, have the adapter begin another turn of the connection:
    /// this method is called with the same request again in that turn.
    fn request(&mut self, request: Request<'_>) -> Answered;

    /// Called once for each notice, which says that something has happened on a connection, for example that
    /// a track was set up or closed. `peer` is the address and the port of the client's end of the RTSP
    /// connection. The method only informs the program, for example for a log: the program need not act on a
    /// notice. Only the adapter must act: after [`Notice::Disconnect`], the adapter must close the transport
    /// once everything is sent. The provided method ignores the notice.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

impl<A: Application + ?Sized> Application for &mut A {
    type Store = A::Store;

    fn store(&self) -> &A::Store {
        (**self).store()
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        (**self).request(request)
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        (**self).notice(peer, notice);
    }
}

/// The media that a program serves to everybody who asks. Implement this trait for a type of your program,
/// put a value of that type into a [`CatalogApp`], and pass the [`CatalogApp`] on as an [`Application`].
///
/// The type must also implement [`Random`], which says what its numbers must be: session identifiers and the
/// numbers of packets are drawn from it.
pub trait Catalog: Random {
    /// Returns the number of the medium at `url`, which the program chooses. This method is called for each
    /// DESCRIBE and SETUP. [`Self::describe`] is called with that number, and the frame store gets the number
    /// as [`TrackId::media`](crate::frame::TrackId::media). `url` is the URL of the DESCRIBE, or the URL of
    /// the SETUP without the part that names the track.
    ///
    /// If there is no such medium, return `None`: the request is refused with 404.
    fn find(&self, url: &Url<'_>) -> Option<u16>;

    /// Describes the medium with the number `media`. This method is called for each DESCRIBE, SETUP and PLAY.
    /// [`Self::find`] has returned `media` for the same request or for an earlier one.
    ///
    /// If [`Presentation::duration`] is `None`, the medium is live: a PLAY that names no start begins at the
    /// newest frame. A SETUP of a track that is not in [`Presentation::tracks`] is refused with 404. Any
    /// [`Presentation::address_type`] will do: the server replaces it.
    fn describe(&self, media: u16) -> Presentation<'_>;

    /// Called once for each notice, which says that something has happened on a connection, for example that
    /// a track was set up or closed. `peer` is the address and the port of the client's end of the RTSP
    /// connection. The method only informs the program, for example for a log: nothing has to be done about a
    /// notice. The provided method ignores the notice.
    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        let _ = (peer, notice);
    }
}

/// An [`Application`] that serves the media of a [`Catalog`] with the frames of a store. Pass it to
/// [`Turn::serve`](super::Turn::serve). All requests other than DESCRIBE, SETUP and PLAY are answered by
/// [`Request::proceed`]. A `CatalogApp` only borrows the catalog and the store, so you can make a new one for
/// each turn.
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
        let catalog = &mut *self.catalog;
        match request.action() {
            Action::Describe(describe) => match catalog.find(&describe.url()) {
                Some(media) => describe.accept(&catalog.describe(media)),
                None => describe.into_request().proceed(),
            },
            Action::Setup(setup) => match catalog.find(&setup.url()) {
                Some(media) if usize::from(setup.track()) < catalog.describe(media).tracks.len() => {
                    setup.accept(media, catalog)
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
