//! The player over a source without a network.
use super::*;
use crate::output::recording::{Feed, Recording};
use crate::pixels::PixelPool;
use crate::playback::playout::Latency;
use crate::playback::selection::DecodePolicy;
use crate::stream::fake::{Fake, ORANGE};
use crate::stream::scaled::Scaled;
use pinhole::rtsp::Scale;
use pinhole::time::MediaTime;
use std::time::Instant;

const FRAME: Duration = Duration::from_millis(10);
const WAIT: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(20);

fn plain() -> Settings {
    Settings {
        url: String::new(),
        decode: DecodePolicy::All,
        at_end: AtEnd::Stop,
        prebuffer: Duration::ZERO,
        latency: Latency::Auto,
        pixels: PixelPool::for_cache(1 << 20),
        coded_ahead: 1 << 20,
        reconnect: false,
        insist: false,
        credentials: None,
        user: String::new(),
        asks: false,
        record: None,
        for_recorded: Vec::new(),
        start_recording: Recording::start,
    }
}

fn window() -> Settings {
    Settings { at_end: AtEnd::Stay, reconnect: true, ..plain() }
}

/// Returns what opens a source, once.
fn once(source: impl Source + 'static) -> impl FnMut(Option<Credentials>) -> Result<Box<dyn Source>, Error> {
    let mut source = Some(source);
    move |_| {
        source
            .take()
            .map(|source| Box::new(source) as Box<dyn Source>)
            .ok_or_else(|| "it was opened twice".into())
    }
}

fn start(fake: Fake, settings: Settings) -> Player {
    Player::start(once(fake), settings).unwrap()
}

fn clip(frames: usize) -> Fake {
    Fake::new(vec![ORANGE.to_vec(); frames], FRAME).at_speed(1)
}

/// Returns all pictures until the stream is over.
fn pictures(player: &Player) -> Vec<Picture> {
    let deadline = Instant::now() + LIMIT;
    let mut pictures = Vec::new();
    loop {
        let taken = player.picture(WAIT);
        assert!(Instant::now() < deadline, "it does not end: {:?}", player.model());
        pictures.extend(taken.item);
        if taken.finished {
            return pictures;
        }
    }
}

/// Waits until the model is as a test wants. Returns the last picture.
#[track_caller]
fn until(player: &Player, found: impl Fn(&Model) -> bool) -> Option<Picture> {
    let deadline = Instant::now() + LIMIT;
    let mut last = None;
    loop {
        last = player.picture(FRAME).item.or(last);
        let model = player.model();
        if found(&model) {
            return last;
        }
        assert!(Instant::now() < deadline, "it stays so: {model:?}");
    }
}

/// Returns the frame on the screen once it does not change any more.
fn settled(player: &Player) -> Option<u64> {
    let (mut last, mut since) = (None, Instant::now());
    while since.elapsed() < 3 * WAIT {
        if let Some(picture) = player.picture(WAIT).item {
            (last, since) = (Some(picture.presentation.id.0), Instant::now());
        }
    }
    last
}

fn at(frame: u64) -> MediaTime {
    MediaTime::ZERO + FRAME.saturating_mul(frame as u32).into()
}

#[test]
fn a_clip_plays_to_its_end() {
    let fake = clip(40);
    let asked = fake.asked();
    let player = start(fake, plain());
    let pictures = pictures(&player);
    // A busy machine may skip some frames, but not many.
    assert!(pictures.len() > 10, "{} of 40", pictures.len());
    assert!(pictures.iter().all(|p| (p.width, p.height) == (32, 16)));
    let model = player.model();
    assert_eq!(model.over, Some(Ok(())));
    assert_eq!((model.received.codec, model.received.size), (Some("JPEG"), (32, 16)));
    assert!((model.received.fps - 100.0).abs() < 0.01, "{}", model.received.fps);
    assert_eq!(model.presented.shown, pictures.len() as u64);
    // Frames that were shown late or dropped count as late.
    assert!(model.presented.shown + model.frames_late() >= 40 - 1, "{model:?}");
    assert_eq!(player.errors().messages(), [""; 0]);
    assert_eq!(*asked.lock().unwrap(), ["teardown"]);
}

#[test]
fn a_held_picture_stays() {
    let player = start(clip(60), plain());
    until(&player, |model| model.position > at(2));
    player.command(Command::Toggle);
    until(&player, |model| model.held && model.activity == Activity::Paused);
    // Pictures that were due before may still come.
    let _ = settled(&player);
    let held = player.shared.clock.now();
    until(&player, |model| model.cache.frames == 60);
    assert_eq!(player.picture(WAIT).item, None);
    player.command(Command::Toggle);
    let rest = pictures(&player);
    assert!(rest.iter().all(|picture| picture.presentation.due > held));
    assert!(rest.len() > 10, "{}", rest.len());
}

#[test]
fn a_repeated_clip_plays_from_the_cache() {
    let fake = clip(10);
    let asked = fake.asked();
    let player = start(fake, Settings { at_end: AtEnd::Repeat, ..plain() });
    let mut starts = 0;
    let mut before = u64::MAX;
    let deadline = Instant::now() + LIMIT;
    while starts < 4 {
        assert!(Instant::now() < deadline, "it is not played again");
        let Some(picture) = player.picture(WAIT).item else { continue };
        starts += usize::from(picture.presentation.id.0 < before);
        before = picture.presentation.id.0;
    }
    player.stop();
    pictures(&player);
    assert_eq!(player.model().over, Some(Ok(())));
    assert_eq!(*asked.lock().unwrap(), ["teardown"]);
}

#[test]
fn an_ended_clip_can_be_moved_in() {
    let fake = clip(30);
    let asked = fake.asked();
    let player = start(fake, window());
    let last = until(&player, |model| model.activity == Activity::Ended);
    assert_eq!(last.or(player.picture(WAIT).item).map(|picture| picture.presentation.id.0), Some(29));
    player.command(Command::StepBack);
    assert_eq!(settled(&player), Some(28));
    player.command(Command::StepBack);
    assert_eq!(settled(&player), Some(27));
    player.command(Command::StepForward);
    assert_eq!(settled(&player), Some(28));
    assert_eq!((player.model().activity, player.model().position), (Activity::Paused, at(28)));
    player.command(Command::Seek(at(5)));
    player.command(Command::Seek(at(12)));
    assert_eq!(settled(&player), Some(12), "only the frame that was asked for");
    player.command(Command::Toggle);
    until(&player, |model| model.activity == Activity::Ended);
    player.command(Command::Toggle);
    until(&player, |model| model.activity == Activity::Playing && model.position < at(20));
    assert_eq!(*asked.lock().unwrap(), [""; 0], "all of it is cached");
    assert_eq!(player.model().cached, [at(0)..at(30)]);
}

#[test]
fn a_seek_discards_decoded_pictures() {
    let player = start(clip(1000).at_speed(100), window());
    until(&player, |model| model.position > at(4) && model.cache.frames > 600);
    player.command(Command::Seek(at(500)));
    until(&player, |model| model.position >= at(500));
    for _ in 0..10 {
        if let Some(picture) = player.picture(WAIT).item {
            assert!(picture.presentation.id.0 >= 500, "{:?}", picture.presentation);
        }
    }
}

#[test]
fn a_stuck_screen_stalls_nothing() {
    let player = start(clip(30), plain());
    let deadline = Instant::now() + LIMIT;
    while player.model().over.is_none() {
        assert!(Instant::now() < deadline, "the network waits for the screen");
        thread::sleep(FRAME);
    }
    assert_eq!(player.model().session.frames_complete, 30);
}

#[test]
fn undecodable_frames_are_only_counted() {
    // There are many, because a busy machine may skip some.
    let bad = |n: usize| n % 3 == 1;
    let frame = |n| if bad(n) { b"no JPEG".to_vec() } else { ORANGE.to_vec() };
    let player = start(Fake::new((0..30).map(frame).collect(), FRAME).at_speed(1), plain());
    assert!(pictures(&player).len() > 5);
    assert_eq!(player.model().over, Some(Ok(())));
    let errors = player.errors().messages();
    assert!(!errors.is_empty());
    for error in errors {
        let n = error.strip_prefix("frame ").and_then(|rest| rest.split(':').next());
        assert!(n.and_then(|n| n.parse().ok()).is_some_and(bad), "{error}");
    }
}

#[test]
fn an_interval_limits_decoding() {
    let player =
        start(clip(30), Settings { decode: DecodePolicy::Every(Duration::from_secs(60)), ..plain() });
    assert_eq!(pictures(&player).len(), 2);
    assert!((player.model().received.fps - 100.0).abs() < 0.01);
}

#[test]
fn frames_count_without_a_decoder() {
    let player = start(clip(30), Settings { decode: DecodePolicy::Nothing, ..plain() });
    assert_eq!(pictures(&player), []);
    let model = player.model();
    assert_eq!((model.session.frames_complete, model.received.size), (30, (32, 16)));
}

#[test]
fn stopping_ends_the_session_at_once() {
    let fake = clip(100_000);
    let asked = fake.asked();
    let player = start(fake, window());
    until(&player, |model| model.position > at(2));
    player.command(Command::Toggle);
    player.stop();
    pictures(&player);
    assert_eq!(player.model().over, Some(Ok(())));
    assert_eq!(asked.lock().unwrap().last(), Some(&"teardown"));
}

#[test]
fn a_stream_that_cannot_be_had_at_first_is_tried_again() {
    let (mut refusals, mut source) = (1, once(clip(30)));
    let open = move |_| match refusals {
        0 => source(None),
        _ => {
            refusals -= 1;
            Err("refused".into())
        }
    };
    let player = Player::start(open, Settings { insist: true, ..plain() }).unwrap();
    until(
        &player,
        |model| matches!(&model.activity, Activity::Reconnecting { attempt: 1, reason, .. } if reason == "refused"),
    );
    assert_ne!(pictures(&player), []);
    assert_eq!(player.model().over, Some(Ok(())));
    assert_eq!(player.errors().messages(), ["refused"]);
    // Once it was there, it is not asked for anew, and whoever stops does not wait.
    let lost = Settings { insist: true, ..plain() };
    let lost = start(clip(30).lost_after(5, 0), lost);
    assert_ne!(pictures(&lost), []);
    assert_eq!(lost.model().over, Some(Err("the connection was lost".to_owned())));
    let never = Player::start(|_| Err("refused".into()), Settings { insist: true, ..plain() }).unwrap();
    until(&never, |model| matches!(model.activity, Activity::Reconnecting { .. }));
    never.stop();
    assert_eq!(pictures(&never), []);
    assert_eq!(never.model().over, Some(Err("refused".to_owned())));
}

#[test]
fn the_user_is_asked_until_the_password_is_right() {
    let failed = |asks| LoginFailed { reason: "wrong".to_owned(), asks, is_wrong: true };
    let serves = move |right: Option<Credentials>| {
        let mut source = once(clip(30));
        move |given: Option<Credentials>| match given == right {
            true => source(None),
            false => Err(Box::new(failed(true)) as Error),
        }
    };
    let asked_as = |name: &'static str| move |model: &Model| matches!(&model.activity, Activity::LoggingIn { user, reason, is_wrong: true } if user == name && reason == "wrong");
    let settings = Settings { asks: true, user: "me".to_owned(), ..plain() };
    let player = Player::start(serves(Some(Credentials::new("you", "b"))), settings.clone()).unwrap();
    until(&player, asked_as("me"));
    player.command(Command::LogIn(Some(Credentials::new("you", "a"))));
    until(&player, asked_as("you"));
    player.command(Command::LogIn(Some(Credentials::new("you", "b"))));
    assert_ne!(pictures(&player), []);
    assert_eq!(player.model().over, Some(Ok(())));
    // Whoever gives up, cannot be asked, or cannot help is told why there is nothing.
    let over = Some(Err("wrong".to_owned()));
    let nobody = Player::start(
        serves(None),
        Settings { asks: false, credentials: Some(Credentials::new("a", "b")), ..settings.clone() },
    );
    let nobody = nobody.unwrap();
    assert_eq!((pictures(&nobody), nobody.model().over), (vec![], over.clone()));
    let no_help = Player::start(move |_| Err(Box::new(failed(false)) as Error), settings.clone()).unwrap();
    assert_eq!((pictures(&no_help), no_help.model().over), (vec![], over.clone()));
    let gives_up = Player::start(serves(Some(Credentials::new("a", "b"))), settings).unwrap();
    until(&gives_up, asked_as("me"));
    gives_up.command(Command::LogIn(None));
    assert_eq!((pictures(&gives_up), gives_up.model().over), (vec![], over));
}

#[test]
fn a_lost_server_is_an_error() {
    let refused = Player::start(|_| Err("refused".into()), window()).unwrap();
    assert_eq!(pictures(&refused), []);
    assert_eq!(refused.model().over, Some(Err("refused".to_owned())));

    let lost = start(clip(30).lost_after(5, 0), plain());
    assert_ne!(pictures(&lost), []);
    assert_eq!(lost.model().over, Some(Err("the connection was lost".to_owned())));

    let never = start(clip(30).lost_after(0, 0), window());
    assert_eq!(pictures(&never), []);
    assert_eq!(never.model().over, Some(Err("the connection was lost".to_owned())));
}

#[test]
fn the_cache_plays_while_reconnecting() {
    let fake = clip(60).lost_after(30, 1);
    let asked = fake.asked();
    let player = start(fake, Settings { reconnect: true, ..plain() });
    until(
        &player,
        |model| matches!(&model.activity, Activity::Reconnecting { attempt: 1, reason, .. } if reason == "the connection was lost"),
    );
    player.command(Command::Seek(at(10)));
    until(&player, |model| model.activity == Activity::Playing && model.position < at(29));
    until(
        &player,
        |model| matches!(&model.activity, Activity::Reconnecting { attempt: 2, reason, .. } if reason == "refused"),
    );
    pictures(&player);
    let model = player.model();
    assert_eq!((model.over, model.reconnects), (Some(Ok(())), 1));
    assert_eq!(model.session.frames_complete, 60);
    assert_eq!(*asked.lock().unwrap(), ["reconnect", "reconnect", "teardown"]);
}

#[test]
fn who_quits_while_reconnecting_has_seen_all_that_was_to_be_seen() {
    for live in [false, true] {
        let fake = clip(60).lost_after(30, u32::MAX);
        let player = start(if live { fake.live() } else { fake }, window());
        until(&player, |model| matches!(model.activity, Activity::Reconnecting { attempt: 2.., .. }));
        player.stop();
        pictures(&player);
        assert_eq!(player.model().over, Some(Ok(())), "live: {live}");
    }
}

#[test]
fn a_live_stream_that_stands_is_told() {
    let player = start(clip(100_000).live().stalls_after(60), window());
    until(&player, |model| model.presented.shown > 20);
    until(
        &player,
        |model| matches!(model.activity, Activity::Silent { span } if span >= Duration::from_secs(1)),
    );
    let model = player.model();
    assert_eq!((model.rates(), model.silences.0), ((0.0, 0.0), 1));
    assert!(model.silences.1 >= Duration::from_secs(1), "{:?}", model.silences);
    // Somebody who looks at what is cached is not disturbed.
    player.command(Command::Seek(at(5)));
    until(&player, |model| model.activity == Activity::Playing);
    assert_eq!(player.model().rates(), (0.0, 0.0), "no more comes all the same");
    player.stop();
}

#[test]
fn a_recorded_medium_that_stands_is_buffered() {
    let player = start(clip(100).stalls_after(60), Settings { prebuffer: WAIT, ..window() });
    until(&player, |model| matches!(model.activity, Activity::Buffering { .. }) && model.position >= at(50));
    thread::sleep(Duration::from_secs(1));
    until(&player, |model| matches!(model.activity, Activity::Buffering { .. }));
    assert_eq!(player.model().silences, (0, Duration::ZERO));
    player.stop();
}

#[test]
fn a_live_medium_says_which_options_it_ignores() {
    let options = |fake| {
        let player = start(fake, Settings { for_recorded: vec!["--start", "--scale"], ..window() });
        until(&player, |model| model.presented.shown > 0);
        player.stop();
        pictures(&player);
        player.errors().messages()
    };
    assert_eq!(
        options(clip(100_000).live()),
        [": this is live, and --start and --scale are for recorded media"]
    );
    assert!(options(clip(30)).is_empty());
}

#[test]
fn a_refused_place_is_not_waited_for() {
    // A third of what is announced is not there.
    let fake = clip(40).announcing(FRAME * 60).refuses_from(at(40));
    let player = start(fake, Settings { prebuffer: WAIT, ..window() });
    until(&player, |model| model.position >= at(2));
    player.command(Command::Seek(at(60)));
    until(&player, |model| model.activity == Activity::Ended);
    assert_eq!(player.model().position, at(39));
    player.stop();
}

#[test]
fn a_medium_played_backwards_has_its_own_times() {
    let scale = Scale::parse(b"-1").unwrap();
    // The server begins at the end, and sends a frame for each interval of showing.
    let mut fake = clip(201).announcing(FRAME * 100).at_scale(scale);
    fake.go_to(100);
    let scaled = Scaled::new(fake, scale, None);
    let player = Player::start(once(scaled), window()).unwrap();
    until(&player, |model| model.position < at(98) && model.position > at(20));
    let before = player.model();
    assert_eq!((before.rate, before.duration), (-1.0, Some(FRAME * 100)));
    until(&player, |model| model.position < before.position);
    until(&player, |model| model.activity == Activity::Ended);
    let model = player.model();
    assert!(model.position <= at(1), "{:?}", model.position);
    assert!(
        matches!(&model.cached[..], [range] if range.start <= at(1) && range.end >= at(99)),
        "{:?}",
        model.cached
    );
    player.command(Command::Toggle);
    player.command(Command::Seek(at(70)));
    player.command(Command::Toggle);
    assert_eq!(settled(&player), Some(30));
    player.command(Command::StepForward);
    until(&player, |model| model.position == at(71));
    player.command(Command::Jump(-0.2));
    until(&player, |model| model.position == at(51));
    player.command(Command::Rate(2.0));
    until(&player, |model| model.rate == -2.0);
    player.stop();
}

/// A disk that takes nothing, and says nothing.
fn hung(path: &std::path::Path, track: u8, feed: Feed) -> io::Result<Recording> {
    Recording::on_thread(path, track, feed, |_frames, _give_back| {
        loop {
            thread::park();
        }
    })
}

#[test]
fn a_hung_disk_does_not_hold_up_the_stream() {
    let record = Some("a.avi".into());
    let player = start(clip(1_000), Settings { record, start_recording: hung, ..window() });
    let shown = |model: &Model| model.presented.shown;
    until(&player, |model| shown(model) > 30 && model.recording.is_some());
    player.command(Command::Record(None));
    let stopped = shown(&player.model());
    until(&player, |model| shown(model) > stopped + 100);
    // The file is not complete, and nobody says so.
    assert!(player.model().recording.is_some() && player.model().recorded.is_none());
    player.stop();
    pictures(&player);
    assert!(player.model().recording.is_some());
}

#[test]
fn a_recording_that_cannot_begin_ends_the_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious.avi");
    std::fs::write(&path, "precious").unwrap();
    let player = start(clip(10_000), Settings { record: Some(path.clone()), ..window() });
    pictures(&player);
    let over = player.model().over.unwrap().unwrap_err();
    assert!(over.contains("precious.avi exists already"), "{over}");
    assert_eq!(std::fs::read(path).unwrap(), b"precious");
}

/// Records to a file from now on, and returns its name and directory.
fn record(player: &Player) -> (std::path::PathBuf, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.mjpeg");
    player.command(Command::Record(Some(path.clone())));
    until(player, |model| model.recording.is_some());
    (path, directory)
}

/// Ends the recording, and returns how many frames are in its file.
fn stop_recording(player: &Player, path: &std::path::Path) -> u64 {
    player.command(Command::Record(None));
    until(player, |model| model.recording.is_none() && model.recorded.is_some());
    let recorded = player.model().recorded.unwrap().recorded;
    assert_eq!(recorded.files, [path]);
    assert_eq!(std::fs::read(path).unwrap(), ORANGE.repeat(recorded.frames as usize));
    recorded.frames
}

#[test]
fn what_is_watched_is_recorded_from_the_cache() {
    let player = start(clip(400).at_speed(400), window());
    until(&player, |model| model.cache.frames == 400 && model.position >= at(2));
    let begun = player.model().position;
    let (path, _directory) = record(&player);
    until(&player, |model| model.position >= at(60));
    player.command(Command::Toggle);
    until(&player, |model| model.held && model.activity == Activity::Paused);
    let _ = settled(&player);
    let watched = player.model().position.since(begun).as_micros() / FRAME.as_micros() as u64 + 1;
    let frames = stop_recording(&player, &path);
    // The first picture may have changed before the recording began.
    assert!(frames <= watched && frames + 30 >= watched, "{frames} of {watched} frames");

    // A picture that is held is watched, too.
    let (path, _directory) = record(&player);
    assert_eq!(stop_recording(&player, &path), 1);
}

#[test]
fn large_frames_are_few_before_the_decoder() {
    // The decoder ignores what follows the picture.
    let mut frame = ORANGE.to_vec();
    frame.resize(1 << 20, 0);
    let fake = Fake::new(vec![frame; 60], FRAME).at_speed(4);
    let player = start(fake, Settings { coded_ahead: 3 << 20, ..plain() });
    // Nobody takes pictures, so the decoder waits, and the frames that are due wait for it.
    let most = std::cell::Cell::new(0);
    while player.model().cache.frames < 60 {
        thread::sleep(FRAME);
        let look = |queue: &VecDeque<_>| {
            most.set(queue.len().max(most.get()));
            Choice { count: 0, again: Some(Duration::ZERO) }
        };
        player.shared.frames.take(Duration::ZERO, look, |_| {});
    }
    assert_eq!(most.get(), 3);
    player.stop();
}
