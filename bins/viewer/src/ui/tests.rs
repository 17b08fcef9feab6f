//! The controls as a whole: what they show when, and what the pointer asks for.
use super::controller::{Ui, Wish};
use super::input::Press;
use super::layout::{Bar, Button, Layout};
use super::paint::Painter;
use super::scene::{Item, Scene};
use super::surface::Surface;
use super::timeline;
use crate::model::{Activity, Command, Model};
use embedded_graphics::geometry::Point;
use embedded_graphics::geometry::Size;
use embedded_graphics::primitives::Rectangle;
use minifb::Key;
use pinhole::time::MediaTime;
use std::time::{Duration, Instant};

const SIZE: (u32, u32) = (1280, 720);

/// Returns a media time.
pub(super) fn at(seconds: f64) -> MediaTime {
    MediaTime::from_micros((seconds * 1e6) as u64)
}

/// Returns a recorded medium of ten seconds. Three are played, and some are cached.
pub(super) fn recorded() -> Model {
    Model {
        activity: Activity::Playing,
        duration: Some(Duration::from_secs(10)),
        cached: vec![at(1.0)..at(4.0), at(6.0)..at(8.0)],
        position: at(3.0),
        rate: 1.0,
        ..Model::default()
    }
}

fn live() -> Model {
    Model { duration: None, behind_live: Some(Duration::from_secs(2)), ..recorded() }
}

/// A user of the controls.
struct User {
    ui: Ui,
    model: Model,
    now: Instant,
}

impl User {
    fn of(model: Model) -> Self {
        Self { ui: Ui::new(1), model, now: Instant::now() }
    }

    fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn layout(&self) -> Layout {
        Layout::of(SIZE, &self.model, self.model.position)
    }

    fn bar(&self) -> Bar {
        self.layout().bar.unwrap()
    }

    fn key(&mut self, key: Key) -> Option<Wish> {
        self.ui.press(Press::Key { key, shift: false, again: false }, Some(&self.model), self.now)
    }

    fn point(&mut self, at: Point, down: bool) -> Vec<Wish> {
        self.ui.point(at, down, Some(&self.model), SIZE, self.now)
    }

    fn click(&mut self, at: Point) -> Vec<Wish> {
        [false, true, false].into_iter().flat_map(|down| self.point(at, down)).collect()
    }

    fn button(&self, button: Button) -> Point {
        self.bar().button(button).unwrap().center()
    }

    fn scene(&mut self) -> Scene {
        self.ui.scene(&[&self.model], SIZE, self.now)
    }

    fn shows_controls(&mut self) -> bool {
        let area = self.bar().area;
        self.scene().0.iter().any(|item| matches!(item, Item::Shade { area: shaded, .. } if *shaded == area))
    }

    /// Returns the pixels of a window with a plain picture.
    fn pixels(&mut self, size: (u32, u32), colour: u32) -> Vec<u32> {
        let scene = self.ui.scene(&[&self.model], size, self.now);
        let mut pixels = vec![colour; (size.0 * size.1) as usize];
        Painter::default().paint(&mut Surface::new(&mut pixels, size), scene);
        pixels
    }
}

fn player(command: Command) -> Vec<Wish> {
    vec![Wish::Player(command)]
}

#[test]
fn controls_appear_on_input_and_disappear() {
    let mut user = User::of(recorded());
    assert!(!user.shows_controls(), "nothing was touched");
    user.point(Point::new(100, 100), false);
    assert!(!user.shows_controls(), "it was there already");
    user.point(Point::new(101, 100), false);
    assert!(user.shows_controls());
    user.wait(2999);
    assert!(user.shows_controls());
    user.wait(1);
    assert!(!user.shows_controls());
    assert!(user.ui.hides_pointer(Some(&user.model), user.now));
    user.key(Key::S);
    assert!(user.shows_controls());
    user.wait(60_000);
    user.point(Point::new(5000, 5000), false);
    assert!(!user.shows_controls(), "that is another window");
}

#[test]
fn controls_stay_while_paused() {
    for model in [Model { held: true, ..recorded() }, Model { activity: Activity::Ended, ..recorded() }] {
        assert!(User::of(model).shows_controls());
    }
}

#[test]
fn a_click_needs_press_and_release() {
    let mut user = User::of(live());
    for (button, wish) in [
        (Button::Toggle, Wish::Player(Command::Toggle)),
        (Button::StepBack, Wish::Player(Command::StepBack)),
        (Button::StepForward, Wish::Player(Command::StepForward)),
        (Button::Record, Wish::Record),
        (Button::Snapshot, Wish::Snapshot),
    ] {
        assert_eq!(user.click(user.button(button)), [wish]);
    }
    let bar = user.bar();
    assert_eq!(user.click(bar.live.unwrap().area.center()), player(Command::GoLive));
    assert_eq!(user.click(Point::new(640, 200)), player(Command::Toggle));
    assert_eq!(user.click(bar.area.top_left + Point::new(2, 2)), []);
    assert_eq!(user.point(user.button(Button::Toggle), true), []);
    assert_eq!(user.point(Point::new(640, 200), false), [], "it was let go elsewhere");
    user.wait(1000);
    assert_eq!(user.point(Point::new(640, 200), false), []);
}

#[test]
fn buttons_open_the_keys_and_fill_the_screen() {
    let mut user = User::of(recorded());
    let knows = |user: &mut User| user.scene().texts().contains(&"play, pause");
    assert!(!knows(&mut user));
    assert_eq!(user.click(user.button(Button::Help)), []);
    assert!(knows(&mut user));
    user.click(user.button(Button::Help));
    assert!(!knows(&mut user));
    for expected in [true, false] {
        assert_eq!(user.click(user.button(Button::WholeScreen)), []);
        assert_eq!(user.ui.is_whole_screen(), expected);
    }
}

#[test]
fn a_click_on_the_picture_acts_at_once_and_a_double_click_undoes_it() {
    let held = Model { held: true, activity: Activity::Paused, ..recorded() };
    let at_edge = Model { behind_live: Some(Duration::ZERO), ..live() };
    for (model, undo) in [
        (recorded(), vec![Command::Toggle]),
        (held, vec![Command::Toggle, Command::Seek(at(3.0))]),
        (at_edge, vec![Command::GoLive]),
        (live(), vec![Command::Toggle]),
    ] {
        let mut user = User::of(model);
        let place = Point::new(640, 200);
        let undo: Vec<_> = undo.into_iter().map(Wish::Player).collect();
        for expected in [true, false] {
            assert_eq!(user.click(place), player(Command::Toggle));
            user.wait(250);
            assert_eq!(user.point(place, true), [], "it may be let go elsewhere");
            assert_eq!(user.point(place, false), undo);
            assert_eq!(user.ui.is_whole_screen(), expected);
            user.wait(1000);
            assert_eq!(user.point(place, false), []);
        }
        for _ in 0..2 {
            assert_eq!(user.click(place), player(Command::Toggle));
            user.wait(301);
            assert_eq!(user.point(place, false), [], "a click acts once");
        }
        assert!(!user.ui.is_whole_screen());
    }
}

#[test]
fn a_double_click_does_not_play_an_ended_medium_again() {
    let mut user = User::of(Model { activity: Activity::Ended, ..recorded() });
    let place = Point::new(640, 200);
    assert_eq!(user.click(place), []);
    user.wait(250);
    assert_eq!(user.click(place), []);
    assert!(user.ui.is_whole_screen());
    user.wait(1000);
    assert_eq!(user.point(place, false), []);
    assert_eq!(user.click(place), []);
    // What else is clicked meanwhile does not take it back.
    assert_eq!(user.click(user.button(Button::Snapshot)), [Wish::Snapshot]);
    user.wait(300);
    assert_eq!(user.point(place, false), player(Command::Toggle));
}

#[test]
fn the_wheel_seeks_as_the_arrows_do() {
    let mut user = User::of(recorded());
    let wishes = [1.0, -2.0, 0.0].map(|notches| user.ui.turn_wheel(notches, user.now));
    let jump = |seconds| Some(Wish::Player(Command::Jump(seconds)));
    assert_eq!(wishes, [jump(5.0), jump(-10.0), None]);
    assert_eq!([user.key(Key::Right), user.key(Key::Left)], [jump(5.0), jump(-5.0)]);
    assert!(user.shows_controls());
}

#[test]
fn z_fills_the_window_and_f_the_screen() {
    let mut user = User::of(recorded());
    for expected in [true, false] {
        assert_eq!(user.key(Key::Z), None);
        assert_eq!((user.ui.is_filled(), user.ui.is_whole_screen()), (expected, false));
    }
    for key in [Key::F, Key::F11] {
        for expected in [true, false] {
            assert_eq!(user.key(key), None);
            assert_eq!((user.ui.is_filled(), user.ui.is_whole_screen()), (false, expected));
        }
    }
}

#[test]
fn a_drag_seeks_from_time_to_time() {
    let mut user = User::of(recorded());
    let track = user.bar().track.unwrap().line;
    let place = |eighths: u32| track.top_left + Size::new(track.size.width * eighths / 8, 3);
    user.point(place(3), false);
    assert_eq!(user.point(place(3), true).len(), 1);
    let seeks: Vec<_> = (0..40)
        .flat_map(|n| {
            user.wait(10);
            user.point(place(4) + Point::new(n, n * -5), true)
        })
        .collect();
    assert!((6..=9).contains(&seeks.len()), "{} of 40 in 400 ms", seeks.len());
    user.point(place(6), true);
    assert_eq!(user.point(place(6), false), player(Command::Seek(at(7.5))));
    assert_eq!(user.point(place(7), false), []);
    let knob =
        |user: &mut User| user.scene().texts().into_iter().find(|text| text.contains('/')).map(str::to_owned);
    assert_eq!(
        knob(&mut user).as_deref(),
        Some("00:07.500 / 00:10.000"),
        "it stays until the player is there"
    );
    user.wait(400);
    assert_eq!(knob(&mut user).as_deref(), Some("00:03.000 / 00:10.000"));
}

#[test]
fn a_click_on_the_timeline_seeks() {
    let mut user = User::of(recorded());
    let track = user.bar().track.unwrap().line;
    let middle = track.top_left + track.size / 2;
    assert_eq!(user.click(middle), player(Command::Seek(at(5.0))));
}

#[test]
fn home_and_end_seek_the_ends() {
    let mut user = User::of(recorded());
    assert_eq!(user.key(Key::Home), Some(Wish::Player(Command::Seek(at(0.0)))));
    assert_eq!(user.key(Key::End), Some(Wish::Player(Command::Seek(at(10.0)))));
    user.model = live();
    assert_eq!(user.key(Key::Home), Some(Wish::Player(Command::Seek(at(1.0)))));
    assert_eq!(user.key(Key::End), Some(Wish::Player(Command::GoLive)));
}

#[test]
fn escape_leaves_the_screen_and_closes_before_it_quits() {
    let mut user = User::of(recorded());
    assert_eq!([user.key(Key::S), user.key(Key::H), user.key(Key::F)], [None, None, None]);
    let open = |user: &mut User| {
        let scene = user.scene();
        let has = |text| scene.texts().iter().any(|line| line.contains(text));
        (has("play, pause"), has("jitter"))
    };
    assert_eq!(open(&mut user), (true, true));
    assert_eq!(user.key(Key::Escape), None);
    assert!(!user.ui.is_whole_screen());
    assert_eq!(open(&mut user), (true, true));
    assert_eq!(user.key(Key::Escape), None);
    assert_eq!(open(&mut user), (false, true));
    assert_eq!(user.key(Key::Escape), None);
    assert_eq!(open(&mut user), (false, false));
    assert_eq!(user.key(Key::Escape), Some(Wish::Quit));
    assert_eq!(user.key(Key::Q), Some(Wish::Quit));
}

#[test]
fn a_notice_lasts_three_seconds() {
    let mut user = User::of(recorded());
    user.ui.notify("saved a.png".to_owned(), user.now);
    assert_eq!(user.scene().texts(), ["saved a.png"]);
    user.wait(3000);
    assert_eq!(user.scene(), Scene::default());
}

#[test]
fn the_keys_leave_a_message_where_it_is() {
    let mut user = User::of(Model { activity: Activity::Ended, ..recorded() });
    user.wait(400);
    let place = |user: &mut User| {
        let Scene(items) = user.scene();
        let ended = items.iter().find_map(|item| match item {
            Item::Text { at, text, .. } if text == "Ended" => Some(*at),
            _ => None,
        });
        (ended.expect("it is told"), Scene(items).texts().contains(&"Keys"))
    };
    let (before, keys) = place(&mut user);
    assert!(!keys);
    user.key(Key::H);
    assert_eq!(place(&mut user), (before, true));
}

#[test]
fn short_buffering_is_not_shown() {
    let mut user = User::of(recorded());
    let activity = Activity::Buffering { have: Duration::ZERO, want: Duration::from_secs(1) };
    user.model = Model { activity, ..user.model };
    assert_eq!(user.scene(), Scene::default());
    user.wait(200);
    user.model.position = at(3.1);
    assert_eq!(user.scene(), Scene::default());
    user.wait(300);
    assert_eq!(user.scene().texts(), ["Buffering", "0.0 of 1.0 s"]);
}

#[test]
fn the_timeline_is_drawn_to_scale() {
    let mut user = User::of(Model { held: true, ..recorded() });
    for (size, scale) in [((1280, 720), 1), ((2560, 1440), 2)] {
        let pixels = user.pixels(size, 0x0060_8060);
        let track = Layout::of(size, &user.model, user.model.position).bar.unwrap().track.unwrap().line;
        let place =
            |seconds: u32| track.top_left + Size::new(track.size.width * seconds / 10, track.size.height / 2);
        let pixel = |at: Point| pixels[at.y as usize * size.0 as usize + at.x as usize];
        let [r, g, b] = [16, 8, 0].map(|shift| pixel(place(3)) >> shift & 0xff);
        assert!(r > 0xf0 && g > 0xf0 && b > 0xe8, "the knob is white: {r:x} {g:x} {b:x}");
        assert_eq!(pixel(place(3) + Point::new(5 * scale, 0)), pixel(place(3)), "and round");
        let parts = [2, 5, 7, 9].map(|seconds| pixel(place(seconds)));
        let inks = [timeline::PLAYED, timeline::REST, timeline::CACHED, timeline::REST];
        assert_eq!(parts, inks.map(|ink| ink.0 & 0x00ff_ffff));
        assert_eq!(pixel(Point::new(5, 5)), 0x0060_8060, "the picture is as it was");
        assert!(pixel(place(0) + Point::new(0, 50 * scale)) < 0x0030_0000, "below the track it is dark");
    }
}

/// Returns the relative luminance of a pixel (WCAG 2.2).
fn luminance(pixel: u32) -> f64 {
    let linear = |shift: u32| {
        let value = f64::from(pixel >> shift & 0xff) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
}

/// All that can be said at once, in turn.
fn talkative() -> Vec<User> {
    let (wait, reason) = (Duration::from_secs(3), "the server closed the connection".to_owned());
    let reconnecting = Activity::Reconnecting { attempt: 2, wait, reason };
    let activities = [
        Activity::Connecting,
        Activity::Buffering { have: Duration::ZERO, want: Duration::from_secs(1) },
        Activity::Silent { span: Duration::from_secs(4) },
        Activity::Ended,
        reconnecting,
    ];
    let mut users = Vec::new();
    for activity in activities {
        for (held, keys) in
            [(false, &[][..]), (true, &[]), (true, &[Key::S]), (true, &[Key::H]), (true, &[Key::S, Key::H])]
        {
            let recording = Some(std::path::Path::new("a.avi").into());
            let url = "rtsp://camera.example.com:8554/front/door".to_owned();
            let activity = activity.clone();
            let mut user = User::of(Model { url, activity, held, recording, ..live() });
            for key in keys {
                user.key(*key);
            }
            user.ui.notify("recording to pinhole-20260101-120000.avi".to_owned(), user.now);
            // By then the picture stands, and the controls are there.
            user.scene();
            user.wait(400);
            let track = user.bar().track.unwrap().line;
            user.point(track.center() - Point::new(1, 0), false);
            user.point(track.center(), false);
            users.push(user);
        }
    }
    users
}

#[test]
fn text_is_readable_on_any_picture() {
    for colour in [0x00ff_ffff, 0x0080_8080, 0x0000_0000, 0x00ff_ff00] {
        for mut user in talkative() {
            let Scene(items) = user.scene();
            let mut without = vec![colour; (SIZE.0 * SIZE.1) as usize];
            let rest = items.iter().filter(|item| !matches!(item, Item::Text { .. })).cloned().collect();
            Painter::default().paint(&mut Surface::new(&mut without, SIZE), Scene(rest));
            let mut with = without.clone();
            let texts = items.iter().filter(|item| matches!(item, Item::Text { .. })).cloned().collect();
            Painter::default().paint(&mut Surface::new(&mut with, SIZE), Scene(texts));
            for item in items {
                let Item::Text { text, ink, at, face, scale } = &item else { continue };
                let area = Rectangle::new(*at, super::text::size(text, *face, *scale));
                let rows = area.rows().map(|y| y as usize * SIZE.0 as usize);
                let places: Vec<_> = rows
                    .flat_map(|row| area.columns().map(move |x| row + x as usize))
                    .filter(|at| with[*at] != without[*at])
                    .collect();
                assert!(places.len() > 10, "'{text}' is not drawn");
                let below = places.iter().map(|at| luminance(without[*at])).fold(0.0, f64::max);
                // Strokes that are thinner than a pixel are not as bright.
                let strokes = places.iter().map(|at| luminance(with[*at])).fold(0.0, f64::max);
                for light in [luminance(ink.0 & 0x00ff_ffff), strokes] {
                    let contrast = (light + 0.05) / (below + 0.05);
                    assert!(contrast >= 4.5, "'{text}' on {colour:06x}: {contrast:.2} to 1");
                }
            }
        }
    }
}

#[test]
fn panels_and_controls_never_overlap() {
    let sizes = [(200, 120), (320, 240), (512, 288), (640, 360), (1920, 1080), (137, 611), (911, 77)];
    let more =
        (1..2000).step_by(97).flat_map(|width| (1..1200).step_by(83).map(move |height| (width, height)));
    for mut user in talkative() {
        for size in sizes.into_iter().chain(more.clone()) {
            let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
            let Scene(items) = user.ui.scene(&[&user.model], size, user.now);
            let bar = items.iter().find_map(|item| match item {
                Item::Shade { area, .. } => Some(*area),
                _ => None,
            });
            let in_bar = |area: &Rectangle| bar.is_some_and(|bar| bar.intersection(area) == *area);
            let plates = items.iter().filter_map(|item| match item {
                Item::Plate { area, .. } if !in_bar(area) => Some(*area),
                _ => None,
            });
            let parts: Vec<_> = plates.chain(bar).collect();
            for (number, part) in parts.iter().enumerate() {
                assert_eq!(part.intersection(&window), *part, "{size:?}");
                for other in &parts[number + 1..] {
                    assert!(part.intersection(other).is_zero_sized(), "{part:?} and {other:?} in {size:?}");
                }
            }
            for item in &items {
                let Item::Text { at, text, face, scale, .. } = item else { continue };
                let line = Rectangle::new(*at, super::text::size(text, *face, *scale));
                let inside = parts.iter().any(|part| part.intersection(&line) == line);
                assert!(inside, "'{text}' at {line:?} is on no plate in {size:?}");
            }
        }
    }
}

#[test]
fn the_smallest_windows_still_say_what_is_wrong() {
    for size in [(200, 120), (320, 240), (640, 360)] {
        let activity = Activity::Silent { span: Duration::from_secs(4) };
        let mut user = User::of(Model { activity, ..live() });
        user.key(Key::L);
        let scene = user.ui.scene(&[&user.model], size, user.now);
        assert!(scene.texts().contains(&"No picture for 4 s"), "{size:?}: {:?}", scene.texts());
        assert!(scene.texts().iter().any(|text| text.starts_with("00:02")), "{size:?}: {:?}", scene.texts());
    }
}

#[test]
fn any_window_can_be_drawn() {
    let mut user = User::of(Model { held: true, activity: Activity::Ended, ..live() });
    user.key(Key::S);
    user.key(Key::H);
    user.ui.notify("saved".to_owned(), user.now);
    for size in [(1, 1), (50, 20), (1, 2000), (2000, 1), (137, 61), (1200, 901), (1199, 2000)] {
        assert_eq!(user.pixels(size, 0x00ff_ffff).len(), (size.0 * size.1) as usize);
        user.ui.point(Point::new(0, 0), true, Some(&user.model), size, user.now);
        user.ui.point(Point::new(0, 0), false, Some(&user.model), size, user.now);
    }
}

/// A user of several streams.
struct Watcher {
    ui: Ui,
    models: Vec<Model>,
    now: Instant,
}

impl Watcher {
    fn of(models: Vec<Model>) -> Self {
        Self { ui: Ui::new(models.len()), models, now: Instant::now() }
    }

    fn key(&mut self, key: Key) -> Option<Wish> {
        let model = self.ui.alone().map(|stream| &self.models[stream]);
        self.ui.press(Press::Key { key, shift: false, again: false }, model, self.now)
    }

    fn click(&mut self, at: Point) -> Vec<Wish> {
        let mut wishes = Vec::new();
        for down in [false, true, false] {
            let model = self.ui.alone().map(|stream| &self.models[stream]);
            wishes.extend(self.ui.point(at, down, model, SIZE, self.now));
        }
        wishes
    }

    fn double_click(&mut self, at: Point) {
        for _ in 0..2 {
            assert_eq!(self.click(at), []);
            self.now += Duration::from_millis(150);
        }
    }

    fn scene(&mut self, size: (u32, u32)) -> Scene {
        self.ui.scene(&self.models.iter().collect::<Vec<_>>(), size, self.now)
    }
}

fn four() -> Watcher {
    let named = |name: &str, activity| Model {
        url: format!("rtsp://cam/{name}"),
        received: with_picture(),
        activity,
        ..live()
    };
    Watcher::of(vec![
        named("1", Activity::Playing),
        named("2", Activity::Silent { span: Duration::from_secs(3) }),
        named("3", Activity::Ended),
        Model { over: Some(Err("nobody answers".to_owned())), ..named("4", Activity::Connecting) },
    ])
}

fn with_picture() -> crate::model::ReceivedFigures {
    crate::model::ReceivedFigures { codec: Some("JPEG"), size: (640, 480), ..Default::default() }
}

#[test]
fn each_of_several_streams_says_how_it_is() {
    let mut watcher = four();
    let scene = watcher.scene(SIZE);
    let said = |text: &str| {
        let item = scene.0.iter().find(|item| matches!(item, Item::Text { text: of, .. } if of == text));
        item.map(|item| {
            let at = item.area().center();
            (at.x >= 640, at.y >= 360)
        })
    };
    let [first, second, third, fourth] =
        [(false, false), (true, false), (false, true), (true, true)].map(Some);
    for (text, cell) in [
        ("1  rtsp://cam/1", first),
        ("2  rtsp://cam/2", second),
        ("No picture for 3 s", second),
        ("Ended", third),
        ("Not played", fourth),
        ("nobody answers", fourth),
    ] {
        assert_eq!(said(text), cell, "{text} in {:?}", scene.texts());
    }
    let dimmed = scene.0.iter().filter(|item| matches!(item, Item::Fill { .. })).count();
    assert_eq!(dimmed, 3, "the stream that plays is not covered");
}

#[test]
fn a_click_or_a_number_shows_one_stream_alone() {
    let mut watcher = four();
    assert_eq!(watcher.key(Key::Space), None, "none is chosen");
    assert_eq!(watcher.click(Point::new(900, 100)), []);
    assert_eq!(watcher.ui.alone(), Some(1), "at once");
    watcher.now += Duration::from_secs(1);
    assert_eq!(watcher.key(Key::Space), Some(Wish::Player(Command::Toggle)));
    assert!(watcher.scene(SIZE).texts().contains(&"LIVE \u{2212}2.0 s"), "it has controls");
    assert_eq!(watcher.click(Point::new(900, 100)), [], "a click does not pause");
    assert_eq!(watcher.ui.alone(), None);
    assert_eq!(watcher.key(Key::Key3), None);
    assert_eq!(watcher.ui.alone(), Some(2));
    watcher.key(Key::Key7);
    assert_eq!(watcher.ui.alone(), Some(2), "there is no seventh");
    assert_eq!(watcher.key(Key::Escape), None);
    assert_eq!(watcher.ui.alone(), None);
    assert_eq!(watcher.key(Key::Escape), Some(Wish::Quit));
    let mut one = User::of(recorded());
    one.key(Key::Key2);
    assert_eq!(one.ui.alone(), Some(0), "one stream is always alone");
}

#[test]
fn a_double_click_shows_one_stream_alone_on_the_whole_screen() {
    let mut watcher = four();
    watcher.double_click(Point::new(900, 100));
    assert_eq!((watcher.ui.alone(), watcher.ui.is_whole_screen()), (Some(1), true));
    watcher.now += Duration::from_secs(1);
    watcher.double_click(Point::new(100, 600));
    assert_eq!((watcher.ui.alone(), watcher.ui.is_whole_screen()), (Some(1), false), "it stays alone");
}

#[test]
fn nothing_overlaps_in_the_grid() {
    for keys in [&[][..], &[Key::S], &[Key::H], &[Key::S, Key::H]] {
        let mut watcher = four();
        for key in keys {
            watcher.key(*key);
        }
        watcher.ui.notify("saved pinhole-20260101-120000.png".to_owned(), watcher.now);
        for size in [(1, 1), (200, 120), (320, 240), (640, 360), (1920, 1080), (611, 1200)] {
            let Scene(items) = watcher.scene(size);
            let plates = items.iter().filter_map(|item| match item {
                Item::Plate { area, .. } => Some(*area),
                _ => None,
            });
            let plates: Vec<_> = plates.collect();
            for (number, plate) in plates.iter().enumerate() {
                for other in &plates[number + 1..] {
                    assert!(plate.intersection(other).is_zero_sized(), "{plate:?} and {other:?} in {size:?}");
                }
            }
        }
    }
}
