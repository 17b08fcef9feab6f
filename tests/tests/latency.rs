//! How late the viewer shows live media: over a quiet path, one with jitter, and as the user says.
use pinhole_tests::clip::Clip;
use pinhole_tests::network::{Link, in_own_namespaces};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::{Running, binary};
use pinhole_tests::relay::Relay;
use pinhole_tests::server::Server;
use pinhole_tests::viewer::Report;
use pinhole_tests::{Transport, viewer};
use std::time::Duration;

/// A stream whose frames have one packet each: several tests at once hardly take a part of a core.
const SMALL: [&str; 2] = ["--pattern", "32x32@25"];
const NO_MEDIA: [&str; 0] = [];
/// How often to try anew what a busy machine may spoil.
const TRIES: usize = 6;
const LIMIT: Duration = Duration::from_secs(60);

/// Watches until the report is as it should be: a busy machine is a path with jitter.
#[track_caller]
fn until(watch: impl Fn() -> Report, is_right: impl Fn(&Report) -> bool) {
    let mut reports = Vec::new();
    while reports.len() < TRIES {
        let report = watch();
        if is_right(&report) {
            return;
        }
        reports.push(report);
    }
    panic!("not one of {reports:#?}");
}

/// The share of the frames that came which were late, in thousandths.
fn late(report: &Report) -> u64 {
    report.number("frames_late") * 1000 / report.number("frames_complete").max(1)
}

/// Waits until the viewer logs a target latency, in milliseconds, that is as it should be, after so many
/// lines. Returns how many lines there are then.
fn wait_target(viewer: &Running, after: usize, is_right: impl Fn(u64) -> bool) -> usize {
    viewer.wait_stderr(LIMIT, |lines| {
        let target = |line: &String| line.split_once("target_ms=")?.1.split(' ').next()?.parse().ok();
        let found = lines.iter().skip(after).position(|line| target(line).is_some_and(&is_right))?;
        Some(after + found + 1)
    })
}

#[test]
fn over_a_quiet_path_live_pictures_come_at_once() {
    let server = Server::with(&SMALL, &NO_MEDIA);
    for transport in Transport::ALL {
        let watch = || viewer::watch(&server.url("pattern"), transport, &["--duration", "5s"]);
        // It is a millisecond or two where nothing else runs.
        until(watch, |report| {
            ["latency_target_ms", "latency_ms"].iter().all(|name| report.fraction(name) < 40.0)
                && late(report) <= 10
        });
    }
}

#[test]
fn the_latency_follows_jitter_up_and_down() {
    let server = Server::with(&SMALL, &NO_MEDIA);
    let relay = Relay::start(server.address(), 0);
    let url = relay.url(&server.url("pattern"));
    let viewer = viewer::start_with(&url, Transport::Udp, &["-v"]);
    server.wait_events("opened", 1, LIMIT);
    relay.delay_by_up_to(Duration::from_millis(30));
    let grown = wait_target(&viewer, 0, |target| target >= 25);
    relay.delay_by_up_to(Duration::ZERO);
    let shrunk = wait_target(&viewer, grown, |target| target < 20);
    relay.delay_by_up_to(Duration::from_millis(30));
    wait_target(&viewer, shrunk, |target| target >= 25);
    viewer.signal("TERM");
    viewer::report(&viewer.finish(LIMIT));
}

#[test]
fn with_jitter_hardly_a_frame_is_late() {
    let server = Server::with(&SMALL, &NO_MEDIA);
    let relay = Relay::start(server.address(), 0);
    relay.delay_by_up_to(Duration::from_millis(30));
    let url = relay.url(&server.url("pattern"));
    let watch = || viewer::watch(&url, Transport::Udp, &["--duration", "20s"]);
    until(watch, |report| {
        // The jitter is not known before the first late frames.
        let target = report.fraction("latency_target_ms");
        (25.0..100.0).contains(&target) && report.number("frames_late") <= 3
    });
}

#[test]
fn losses_are_no_jitter() {
    let server = Server::with(&SMALL, &NO_MEDIA);
    // A lost packet is waited for for 50 ms, and holds the next frame up.
    let relay = Relay::start(server.address(), 50_000);
    let url = relay.url(&server.url("pattern"));
    let watch = || viewer::watch(&url, Transport::Udp, &["--duration", "8s"]);
    until(watch, |report| {
        report.number("frames_missing") >= 3 && report.fraction("latency_target_ms") < 40.0
    });
}

#[test]
fn damaged_frames_are_shown_in_time() {
    // Each frame has four packets.
    let server = Server::with(&["--pattern", "512x288@25"], &NO_MEDIA);
    let relay = Relay::start(server.address(), 20_000);
    let url = relay.url(&server.url("pattern"));
    let watch = || viewer::watch(&url, Transport::Udp, &["--duration", "20s"]);
    until(watch, |report| {
        // The packets that a frame lacks are waited for for 50 ms. That is learned from the first such frames.
        let target = report.fraction("latency_target_ms");
        report.number("frames_damaged") >= 15
            && (40.0..120.0).contains(&target)
            && report.number("frames_late") * 50 <= report.number("frames_complete")
    });
}

#[test]
fn a_link_with_jitter_is_buffered_for() {
    if !available(&[Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("a_link_with_jitter_is_buffered_for", || {
        let link = Link::start(["near", "far"], &["--delay", "20ms", "--jitter", "30ms"]);
        let listen = format!("{}:8554", Link::NEAR);
        let server = Server::within(&link.near, &listen, &SMALL, &NO_MEDIA);
        for transport in Transport::ALL {
            let watch = || {
                let mut command = link.far.command(binary("pinhole-viewer"));
                command.args(["--headless", "--json", "--duration", "15s", "--transport"]);
                command.arg(transport.to_string()).arg(server.url("pattern"));
                viewer::report(&Running::start(&mut command).finish(LIMIT))
            };
            until(watch, |report| report.fraction("latency_target_ms") > 20.0 && late(report) <= 10);
        }
    });
}

#[test]
fn a_set_latency_is_kept() {
    let server = Server::with(&SMALL, &NO_MEDIA);
    for (latency, from, to) in [("300ms", 300.0, 310.0), ("0", 0.0, 50.0)] {
        let options = ["--duration", "6s", "--latency", latency];
        let watch = || viewer::watch(&server.url("pattern"), Transport::Udp, &options);
        until(watch, |report| {
            let [target, seen] = ["latency_target_ms", "latency_ms"].map(|name| report.fraction(name));
            (from..to).contains(&target) && seen > from * 0.7 && seen < to + 20.0
        });
    }
}

#[test]
fn a_recorded_medium_has_no_latency() {
    let clip = Clip::sample();
    let server = Server::start(&[&clip.path]);
    let done = viewer::run_viewer(&["--json", "--latency", "10ms", &server.url(clip.mount())]);
    viewer::report(&done).assert_whole(clip.frames);
    let line = done.stdout.lines().last().unwrap_or_default();
    assert!(line.contains(r#""latency_ms":null"#) && line.contains(r#""latency_target_ms":null"#), "{line}");
}
