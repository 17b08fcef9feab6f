//! An application for users alone, with a store of logins that is smaller than an attacker likes it.
use super::login::{DESCRIBE, REALM, Sent, Table, USERS, answer, is_stale};
use super::*;
use crate::auth::NonceKey;

/// Answers everything, and remembers what it was told.
struct Inner {
    store: Clip,
    requests: usize,
    refused: Vec<Option<u16>>,
}

impl Application for Inner {
    type Store = Clip;

    fn store(&self) -> &Clip {
        &self.store
    }

    fn request(&mut self, request: Request<'_>) -> Answered {
        self.requests += 1;
        request.refuse(Status::OK, &[])
    }

    fn notice(&mut self, _: SocketAddr, notice: Notice) {
        if let Notice::LoginRefused { user } = notice {
            self.refused.push(user);
        }
    }
}

/// A server for two connections.
struct Door {
    bench: Bench,
    inner: Inner,
    logins: Logins<2>,
}

impl Door {
    fn new() -> Self {
        let inner = Inner { store: Clip::live(), requests: 0, refused: Vec::new() };
        Self { bench: Bench::new(), inner, logins: Logins::new(NonceKey::new([9; 32])) }
    }

    /// Goes on as another client.
    fn at(&mut self, peer: SocketAddr) {
        self.bench.conn = ServerConn::new(Config::DEFAULT, self.bench.now(), peer);
    }

    fn wait(&mut self, time: Duration) {
        self.bench.at = self.bench.at + time;
    }

    fn send(&mut self, method: &str, authorization: Option<&str>) -> Reply {
        let field = authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
        let bytes = format!("{method} {URL} RTSP/1.0\r\nCSeq: 1\r\n{field}\r\n");
        let now = self.bench.now();
        let mut turn = self.bench.conn.turn(now, &mut self.bench.storage);
        assert_eq!(turn.handle_stream(bytes.as_bytes()), Ok(bytes.len()));
        let app = &mut self.inner;
        turn.serve(&mut LoginApp { app, users: &Table, realm: REALM, logins: &mut self.logins });
        self.bench.turn();
        self.bench.reply()
    }

    /// Sends the answer of a user to the challenges of a reply.
    fn log_in(&mut self, asked: &Reply, user: (&str, &str), count: u32) -> Reply {
        self.send("DESCRIBE", Some(&answer(asked, user, Sent { count, ..DESCRIBE })))
    }
}

#[test]
fn users_alone_reach_the_application() {
    let mut door = Door::new();
    assert_eq!((door.send("OPTIONS", None).status, door.inner.requests), (200, 1));
    let asked = door.send("DESCRIBE", None);
    assert_eq!((asked.status, door.inner.requests), (401, 1));
    assert!(asked.headers.iter().all(|(_, value)| !value.starts_with("Basic")));
    assert_eq!(door.log_in(&asked, USERS[0], 1).status, 200);
    // Another user is not let into the sessions of the first one, and a request without credentials is nobody's.
    assert_eq!(door.log_in(&asked, USERS[1], 2).status, 403);
    assert_eq!(door.send("DESCRIBE", None).status, 401);
    assert_eq!(door.log_in(&asked, USERS[0], 2).status, 200);
    // A count comes once.
    assert!(is_stale(&door.log_in(&asked, USERS[0], 2)));
    assert_eq!((door.inner.requests, door.inner.refused.len()), (3, 0));
}

#[test]
fn wrong_passwords_take_ever_longer() {
    let mut door = Door::new();
    let wrong = ("anna", "guess");
    for pause in [1, 2, 4, 8, 8] {
        door.at(CLIENT);
        let asked = door.send("DESCRIBE", None);
        assert_eq!(door.log_in(&asked, wrong, 1).status, 401);
        door.wait(Duration::from_millis(pause * 1000 - 1));
        door.at(CLIENT);
        let asked = door.send("DESCRIBE", None);
        // The right password is not looked at either.
        for user in [wrong, USERS[0]] {
            let reply = door.log_in(&asked, user, 1);
            assert_eq!((reply.status, reply.get("Retry-After")), (503, "8"));
        }
        door.wait(Duration::from_millis(1));
    }
    assert_eq!(door.inner.refused, [Some(0); 5]);
    // Another address does not wait.
    door.at(SocketAddr::new(Ipv4Addr::new(10, 0, 0, 8).into(), 1));
    let asked = door.send("DESCRIBE", None);
    assert_eq!(door.log_in(&asked, USERS[0], 1).status, 200);
    // After ten minutes all is forgotten.
    door.wait(Duration::from_secs(601));
    door.at(CLIENT);
    let asked = door.send("DESCRIBE", None);
    assert_eq!(door.log_in(&asked, ("nobody", "guess"), 1).status, 401);
    assert_eq!(door.inner.refused.last(), Some(&None));
    door.wait(Duration::from_secs(1));
    door.at(CLIENT);
    let asked = door.send("DESCRIBE", None);
    assert_eq!(door.log_in(&asked, USERS[0], 1).status, 200);
}

#[test]
fn who_is_in_is_not_held_up_by_others_of_the_address() {
    let mut door = Door::new();
    let asked = door.send("DESCRIBE", None);
    assert_eq!(door.log_in(&asked, USERS[0], 1).status, 200);
    door.at(SocketAddr::new(PEER, 9));
    let other = door.send("DESCRIBE", None);
    assert_eq!(door.log_in(&other, ("anna", "guess"), 1).status, 401);
    assert_eq!(door.log_in(&other, USERS[0], 1).status, 503);
    door.at(CLIENT);
    assert_eq!(door.log_in(&asked, USERS[0], 2).status, 200);
}

/// The store has two places: the third login takes that of the one that was used least lately.
#[test]
fn what_is_remembered_is_bounded() {
    let mut door = Door::new();
    let mut clients = Vec::new();
    for port in 1..=3 {
        let peer = SocketAddr::new(PEER, port);
        door.at(peer);
        let asked = door.send("DESCRIBE", None);
        assert_eq!(door.log_in(&asked, USERS[0], 1).status, 200);
        clients.push((peer, asked));
    }
    // Nonces are good for a day to whoever is remembered, and for a minute to others.
    door.wait(Duration::from_secs(100));
    for ((peer, asked), status) in clients.iter().zip([401, 200, 200]) {
        door.at(*peer);
        let reply = door.log_in(asked, USERS[0], 2);
        assert_eq!(reply.status, status, "{peer}");
        assert!(status == 200 || is_stale(&reply));
    }
    assert!(door.inner.refused.is_empty());
}
