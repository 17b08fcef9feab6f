//! Asks a server for its sessions.
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long the server may take, each time that it is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest response that is read: a server lists 1,000 sessions.
const MAX_RESPONSE: u64 = 4 << 20;

/// What a server has told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sessions {
    /// Those that are sent the most first.
    pub(super) listed: Vec<Session>,
    /// How many there are that are not listed.
    pub(super) more: u64,
}

/// One session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Session {
    /// Empty if the client is a browser.
    pub(super) id: String,
    pub(super) peer: String,
    /// Empty if nobody has to log in.
    pub(super) user: String,
    pub(super) medium: String,
    pub(super) transport: String,
    pub(super) frames: u64,
    pub(super) skipped: u64,
    pub(super) bytes_per_second: u64,
    pub(super) packets: u64,
    /// `None` if the client does not report about packets.
    pub(super) lost: Option<i64>,
    pub(super) jitter_ms: Option<f64>,
    pub(super) seconds: f64,
}

/// Asks the admin port at `address` for its sessions.
///
/// # Errors
/// Why there are none, and what to do, in one line.
pub(super) fn sessions(address: SocketAddr) -> Result<Sessions, String> {
    let response = get(address).map_err(|error| {
        format!(
            "no admin port of pinhole-server answers at {address}: {error}; start the server with --admin {address}"
        )
    })?;
    let strange = || format!("what answers at {address} is no admin port of pinhole-server");
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(strange)?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(strange());
    }
    serde_json::from_str(body).ok().and_then(|list| Sessions::of(&list)).ok_or_else(strange)
}

fn get(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece, or what answers after the first one would reset the connection.
    let request = format!("GET /sessions HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE).read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

impl Sessions {
    fn of(list: &Value) -> Option<Self> {
        let listed = list["sessions"].as_array()?.iter().map(Session::of).collect();
        Some(Self { listed, more: list["more"].as_u64()? })
    }
}

impl Session {
    fn of(session: &Value) -> Self {
        let text =
            |name: &str| session[name].as_str().map(pinhole_log::escaped).unwrap_or_default().into_owned();
        let number = |name: &str| session[name].as_u64().unwrap_or_default();
        Self {
            id: text("session"),
            peer: text("peer"),
            user: text("user"),
            medium: text("medium"),
            transport: text("transport"),
            frames: number("frames"),
            skipped: number("skipped"),
            bytes_per_second: number("bytes_per_second"),
            packets: number("packets"),
            lost: session["lost"].as_i64(),
            jitter_ms: session["jitter_ms"].as_f64(),
            seconds: session["seconds"].as_f64().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    /// Answers one request with a text.
    fn answering(text: String) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(text.as_bytes());
        });
        address
    }

    #[test]
    fn sessions_are_read_and_nothing_in_them_reaches_the_terminal_as_it_is() {
        let body = r#"{"sessions":[{"session":"00AB","peer":"10.0.0.1:5","user":null,"medium":"a\u001b[2J",
            "transport":"udp","frames":3,"skipped":1,"bytes_per_second":7,"packets":9,"lost":-1,"jitter_ms":0.5,
            "seconds":2.5}],"more":4}"#;
        let found = sessions(answering(format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{body}"))).unwrap();
        let session = &found.listed[0];
        assert_eq!((found.more, &*session.medium, &*session.user), (4, r"a\u001b[2J", ""));
        assert_eq!((session.lost, session.jitter_ms, session.frames), (Some(-1), Some(0.5), 3));
    }

    #[test]
    fn what_is_no_admin_port_is_told() {
        for text in ["", "SSH-2.0-x\r\n", "HTTP/1.1 404 Not Found\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n<html>"]
        {
            let error = sessions(answering(text.into())).unwrap_err();
            assert!(error.contains("is no admin port"), "{text}: {error}");
        }
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let error = sessions(nobody).unwrap_err();
        assert!(error.contains(&format!("--admin {nobody}")), "{error}");
    }
}
