//! The manager of services that starts this program, such as systemd: it may open the sockets, and is told when the
//! server can be used and when it ends. Without such a manager, nothing here has an effect.
use pinhole_std::server::Listeners;
use std::io;
use std::net::TcpListener;

/// The names of the sockets that a manager opens (`FileDescriptorName=`), in the order in which they are passed without names.
const NAMES: [&str; 3] = ["rtsp", "http", "tls"];

/// Sockets that listen already.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) listeners: Listeners,
    /// The socket for TLS, in place of one at `--tls-listen`.
    pub(crate) tls: Option<TcpListener>,
}

/// Takes the sockets that the manager has opened (`LISTEN_FDS`, `LISTEN_FDNAMES`).
///
/// # Errors
/// A socket does not listen for TCP, or it is not known what it is for.
#[cfg(target_os = "linux")]
pub(crate) fn sockets() -> io::Result<Sockets> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut sockets = listenfd::ListenFd::from_env();
    let places = places(sockets.len(), &names).map_err(io::Error::other)?;
    let mut take = |place: Option<usize>| match place {
        Some(index) => sockets.take_tcp_listener(index),
        None => Ok(None),
    };
    let [rtsp, http, tls] = places;
    Ok(Sockets { listeners: Listeners { rtsp: take(rtsp)?, http: take(http)? }, tls: take(tls)? })
}

/// No manager is known to open sockets here.
///
/// # Errors
/// There are none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn sockets() -> io::Result<Sockets> {
    Ok(Sockets::default())
}

/// Returns which of `count` sockets is for each of [`NAMES`]. `names` are those of the sockets, with colons between them.
///
/// # Errors
/// It is not known what a socket is for.
#[cfg(target_os = "linux")]
fn places(count: usize, names: &str) -> Result<[Option<usize>; NAMES.len()], String> {
    let names: Vec<_> = names.split(':').take(count).collect();
    let mut places = [None; NAMES.len()];
    // A socket of which nobody has said a name has that of its unit.
    if !names.iter().any(|name| NAMES.contains(name)) {
        if count > NAMES.len() {
            return Err(format!(
                "{count} sockets were passed (LISTEN_FDS): without names, the first is for RTSP, the second for browsers, \
                 the third for TLS, and there are no others"
            ));
        }
        places.iter_mut().zip(0..count).for_each(|(place, index)| *place = Some(index));
        return Ok(places);
    }
    for index in 0..count {
        let name = names.get(index).copied().unwrap_or_default();
        let place =
            NAMES.iter().zip(&mut places).find_map(|(known, place)| (*known == name).then_some(place));
        match place {
            None => {
                return Err(format!(
                    "a socket was passed as {name:?} (FileDescriptorName=), and it is not known what for; the names are \
                     rtsp, http and tls"
                ));
            }
            Some(place) if place.is_some() => {
                return Err(format!(
                    "two sockets were passed as {name} (FileDescriptorName=); there is one of each"
                ));
            }
            Some(place) => *place = Some(index),
        }
    }
    Ok(places)
}

/// Tells the manager that the configuration is read anew, until [`ready`] says that this is done.
pub(crate) fn reloading() {
    #[cfg(target_os = "linux")]
    match sd_notify::NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[sd_notify::NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the manager of services cannot be told"),
    }
}

/// Tells the manager that clients can connect.
pub(crate) fn ready() {
    #[cfg(target_os = "linux")]
    tell(&[sd_notify::NotifyState::Ready]);
}

/// Tells the manager that the server ends.
pub(crate) fn stopping() {
    #[cfg(target_os = "linux")]
    tell(&[sd_notify::NotifyState::Stopping]);
}

#[cfg(target_os = "linux")]
fn tell(states: &[sd_notify::NotifyState<'_>]) {
    // It waits in vain then, and says so itself.
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the manager of services cannot be told");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sockets_have_names_or_an_order() {
        for (count, names, expected) in [
            (0, "", [None, None, None]),
            (1, "", [Some(0), None, None]),
            (2, "pinhole-server.socket:pinhole-server.socket", [Some(0), Some(1), None]),
            (3, "unknown:unknown:unknown", [Some(0), Some(1), Some(2)]),
            (1, "tls", [None, None, Some(0)]),
            (2, "tls:rtsp", [Some(1), None, Some(0)]),
            (3, "http:tls:rtsp", [Some(2), Some(0), Some(1)]),
            // A name of no socket says nothing.
            (1, "unknown:tls", [Some(0), None, None]),
        ] {
            assert_eq!(places(count, names), Ok(expected), "{count} {names}");
        }
        for (count, names, word) in [
            (4, "", "4 sockets"),
            (2, "rtsp:rtsp", "two sockets"),
            (2, "tls:tsl", "tsl"),
            (2, "tls", "it is not known what for"),
        ] {
            let error = places(count, names).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
