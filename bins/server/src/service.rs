//! The manager of services that starts this program, such as systemd: it may open the sockets, and is told when the
//! server can be used and when it ends. Without such a manager, nothing here has an effect.
use pinhole_std::server::Listeners;
use std::io;

/// Takes the sockets that the manager has opened (`LISTEN_FDS`): the first is for RTSP, and the second for browsers.
///
/// # Errors
/// A socket does not listen for TCP, or there are more than two.
#[cfg(target_os = "linux")]
pub(crate) fn listeners() -> io::Result<Listeners> {
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() > 2 {
        return Err(io::Error::other(format!(
            "{} sockets were passed (LISTEN_FDS): the first is for RTSP, the second for browsers, and there are no others",
            sockets.len()
        )));
    }
    let mut take = |index| if index < sockets.len() { sockets.take_tcp_listener(index) } else { Ok(None) };
    Ok(Listeners { rtsp: take(0)?, http: take(1)? })
}

/// No manager is known to open sockets here.
///
/// # Errors
/// There are none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn listeners() -> io::Result<Listeners> {
    Ok(Listeners::default())
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
