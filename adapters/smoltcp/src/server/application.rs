//! What a server on smoltcp asks of the program in addition to [`pinhole::server::Application`].
use core::net::SocketAddr;
use pinhole::server::{Answered, Application, CatalogApp, Notice, Request};

/// The application's source of random numbers. [`Server::poll`](super::Server::poll) needs it in addition
/// to an [`Application`]. If the application is a [`CatalogApp`], implement this trait for its catalog.
pub trait Random {
    /// Returns a random number that is hard to guess, a new number in each call. The server calls this once
    /// for each client that connects. Session identifiers and SSRCs are made from the number (RFC 2326,
    /// 3.4): somebody who guesses the number could control the client's sessions.
    fn random(&mut self) -> u64;
}

impl<C: Random + ?Sized, S: ?Sized> Random for CatalogApp<'_, C, S> {
    fn random(&mut self) -> u64 {
        self.catalog.random()
    }
}

/// The application as one connection calls it: the connection learns of its end.
pub(super) struct Observer<'p, A: ?Sized> {
    pub(super) app: &'p mut A,
    /// Whether the connection takes no more requests.
    pub(super) ended: bool,
    /// Whether the TCP connection is lost, which the application is not told of.
    pub(super) lost: bool,
}

impl<A: Application + ?Sized> Application for Observer<'_, A> {
    type Store = A::Store;

    fn store(&self) -> &A::Store {
        self.app.store()
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        self.app.request(request)
    }

    fn notice(&mut self, peer: SocketAddr, notice: Notice) {
        if let Notice::Disconnect(_) = notice {
            self.ended = true;
            if self.lost {
                return;
            }
        }
        self.app.notice(peer, notice);
    }
}
