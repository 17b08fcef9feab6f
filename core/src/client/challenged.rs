//! What a client does when it is asked to log in.
use super::conn::ClientState;
use super::event::ClientError;
use super::login::LoginError;
use super::phase::{Command, Kind, Outstanding};
use crate::auth::{Challenge, Quoted};
use crate::rtsp::{Response, Status};
use crate::text::{Emit, TextWriter};
use embedded_io::Write;

impl ClientState {
    /// Takes in what a response says of the login. Returns true if that is all that it says: the request is asked again, or
    /// the session has failed.
    pub(super) fn on_login(&mut self, asked: Outstanding, response: &Response<'_>, texts: &mut [u8]) -> bool {
        if response.status != Status::UNAUTHORIZED {
            if let Some(login) = self.login.as_mut().filter(|_| asked.signed) {
                login.on_accepted();
            }
            return false;
        }
        let (random, values) = (self.draw(), || response.headers.get_all("WWW-Authenticate"));
        let error = match &mut self.login {
            Some(login) => match login.on_challenge(values(), random, asked.signed) {
                Ok(()) => {
                    self.ask_again(asked.kind);
                    return true;
                }
                Err(error) => error,
            },
            // A server that asks for a login here asks again, at DESCRIBE.
            None if asked.kind == Kind::Options => return false,
            None => LoginError::without_credentials(values()),
        };
        // The session goes on, or ends, as after any other refusal of these.
        if matches!(asked.kind, Kind::Keepalive | Kind::Leave | Kind::Teardown) {
            return false;
        }
        if let Some(challenge) = Challenge::best(values()) {
            self.realm = self.texts.write(texts, &Plain(challenge.realm())).unwrap_or_default();
        }
        self.fail(ClientError::Login(error));
        true
    }

    /// Has a request asked again that was not let in.
    fn ask_again(&mut self, kind: Kind) {
        match kind {
            Kind::Play { options, .. } => drop(self.want.get_or_insert(Command::Play(options))),
            Kind::Pause => drop(self.want.get_or_insert(Command::Pause)),
            Kind::Keepalive => self.keepalive.due = true,
            // The phase, or the caller's wish, asks for the others again.
            Kind::Options | Kind::Describe | Kind::Setup(_) | Kind::Leave | Kind::Teardown => {}
        }
    }
}

/// A realm for people: without backslashes and line ends.
struct Plain<'a>(Quoted<'a>);

impl Emit for Plain<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        for byte in self.0.bytes() {
            out.text([if byte.is_ascii_control() { b' ' } else { byte }]);
        }
    }
}
