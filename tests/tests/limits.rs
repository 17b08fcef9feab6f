//! The limits that options of the server set.
use pinhole_tests::clip::Clip;
use pinhole_tests::dialogue::Dialogue;
use pinhole_tests::process::poll;
use pinhole_tests::server::Server;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_client_too_many_is_told_when_to_come_again() {
    let clip = Clip::sample();
    for option in ["--max-connections", "--max-connections-per-ip"] {
        let server = Server::with(&[option, "2"], &[&clip.path]);
        let url = server.url(clip.mount());
        let ask = |client: &mut Dialogue| client.request("OPTIONS", &url, &[]);
        let connect = || Dialogue::connect(server.address());
        let mut served = [connect(), connect()];
        assert!(served.iter_mut().all(|client| ask(client).status == 200), "{option}");
        let mut refused = connect();
        let reply = ask(&mut refused);
        assert_eq!((reply.status, reply.header("Retry-After")), (503, Some("10")), "{option}: {reply:?}");
        assert!(refused.closes(LIMIT), "{option}");
        drop(served);
        poll(LIMIT, || (ask(&mut connect()).status == 200).then_some(())).expect("there is room again");
    }
}

#[test]
fn media_beyond_the_bit_rate_are_refused() {
    let clip = Clip::sample();
    let bytes = std::fs::metadata(&clip.path).unwrap().len();
    // One of them at 30 frames a second, and not two.
    let rate = (bytes * 8 * 30 / clip.frames as u64 * 3 / 2).to_string();
    for option in ["--max-bitrate", "--max-bitrate-per-ip"] {
        let server = Server::with(&["--loop", option, &rate], &[&clip.path]);
        let url = server.url(clip.mount());
        let play = || {
            let mut client = Dialogue::connect(server.address());
            client.set_up_tcp(&url);
            (client.request("PLAY", &url, &[]).status, client)
        };
        let (first, second) = (play(), play());
        assert_eq!((first.0, second.0), (200, 453), "{option}");
        drop(first);
        poll(LIMIT, || (play().0 == 200).then_some(())).expect("what was sent is given back");
    }
}
