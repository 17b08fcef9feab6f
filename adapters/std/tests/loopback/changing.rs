//! Media that come and go while a server runs.
use super::common::{Serving, connect, library, until};
use pinhole::client::TransportChoice;
use pinhole_std::client::Event;
use pinhole_std::media::Playback;
use pinhole_std::server::{self, Options, RevokeReason};
use std::net::Ipv4Addr;
use std::path::Path;

#[test]
fn sessions_of_a_medium_that_is_removed_end_and_no_others() {
    let mut options = Options::new((Ipv4Addr::LOCALHOST, 0).into());
    options.threads = 2.try_into().unwrap();
    let serving = Serving::with(&options, library());
    let mut stays = connect(&serving.url(), TransportChoice::Udp);
    until(&mut stays, |event| matches!(event, Event::Playing { .. }));
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../video/bunny288.mjpeg");
    for round in 0..3 {
        let added = serving.handle.change_media(|library| {
            library.set_playback(Playback { repeat: true, ..Playback::default() });
            library.add_path_with(&clip, Some("more"), |_| ());
            (library.problems().len(), library.mounted().count())
        });
        assert_eq!(added, Some((0, 2)), "round {round}");
        let transport = [TransportChoice::Tcp, TransportChoice::Udp][round % 2];
        let mut leaves = connect(&format!("rtsp://{}/more", serving.address), transport);
        until(&mut leaves, |event| matches!(event, Event::Playing { .. }));
        while leaves.cached(0).is_empty() {
            leaves.turn(std::time::Duration::from_millis(50)).expect("the session holds");
        }
        let removed = serving.handle.change_media(|library| (library.remove("more"), library.remove("more")));
        assert_eq!(removed, Some((true, false)));
        // Without the BYE it would be the loss of the connection, an error.
        until(&mut leaves, |event| *event == Event::Ended);
        let (reason, mount) = serving.wait(|event| match event {
            server::Event::Revoked { reason, .. } => Some((reason, None)),
            server::Event::Closed { mount, .. } => Some((RevokeReason::Users, Some(mount))),
            _ => None,
        });
        assert_eq!((reason, mount), (RevokeReason::Media, None));
        let mount = serving.wait(|event| match event {
            server::Event::Closed { mount, .. } => Some(mount),
            _ => None,
        });
        assert_eq!(mount, "more");
    }
    until(&mut stays, |event| *event == Event::Ended);
    let track = stays.track_statistics(0);
    assert_eq!((track.frames_complete, track.frames_missing), (60, 0));
    let handle = serving.handle.clone();
    drop(serving);
    assert_eq!(handle.change_media(|_| ()), None, "there is no server any more");
}
