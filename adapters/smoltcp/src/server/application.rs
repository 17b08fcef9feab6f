//! The program, as one connection of a server on smoltcp calls it.
use core::net::SocketAddr;
use pinhole::server::{Answered, Application, Notice, Request};

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
