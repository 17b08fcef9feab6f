//! The controls as a whole: what they show when, and what the pointer asks for.
use super::controller::{Ui, Wish};
use super::input::Press;
use super::layout::{Bar, Layout};
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
        Self { ui: Ui::default(), model, now: Instant::now() }
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
        self.ui.press(Press::Key { key, shift: false, again: false }, &self.model, self.now)
    }

    fn point(&mut self, at: Point, down: bool) -> Vec<Wish> {
        self.ui.point(at, down, &self.model, SIZE, self.now)
    }

    fn click(&mut self, at: Point) -> Vec<Wish> {
        [false, true, false].into_iter().flat_map(|down| self.point(at, down)).collect()
    }

    fn scene(&mut self) -> Scene {
        self.ui.scene(&self.model, SIZE, self.now)
    }

    fn shows_controls(&mut self) -> bool {
        let area = self.bar().area;
        self.scene().0.iter().any(|item| matches!(item, Item::Shade { area: shaded, .. } if *shaded == area))
    }

    /// Returns the pixels of a window with a plain picture.
    fn pixels(&mut self, size: (u32, u32), colour: u32) -> Vec<u32> {
        let scene = self.ui.scene(&self.model, size, self.now);
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
    assert!(user.ui.hides_pointer(&user.model, user.now));
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
    let bar = user.bar();
    let [back, forward] = bar.steps.unwrap();
    assert_eq!(user.click(bar.toggle.center()), player(Command::Toggle));
    assert_eq!(user.click(back.center()), player(Command::StepBack));
    assert_eq!(user.click(forward.center()), player(Command::StepForward));
    assert_eq!(user.click(bar.live.unwrap().area.center()), player(Command::GoLive));
    assert_eq!(user.click(Point::new(640, 200)), player(Command::Toggle));
    assert_eq!(user.click(bar.area.top_left + Point::new(2, 2)), []);
    assert_eq!(user.point(bar.toggle.center(), true), []);
    assert_eq!(user.point(Point::new(640, 200), false), [], "it was let go elsewhere");
}

#[test]
fn a_drag_seeks_from_time_to_time() {
    let mut user = User::of(recorded());
    let track = user.bar().track.unwrap();
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
    let track = user.bar().track.unwrap();
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
fn escape_closes_before_it_quits() {
    let mut user = User::of(recorded());
    assert_eq!([user.key(Key::S), user.key(Key::H)], [None, None]);
    let open = |user: &mut User| {
        let scene = user.scene();
        let has = |text| scene.texts().iter().any(|line| line.contains(text));
        (has("play, pause"), has("jitter"))
    };
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
    for (size, scale) in [((1280, 720), 1), ((2560, 1600), 2)] {
        let pixels = user.pixels(size, 0x0060_8060);
        let track = Layout::of(size, &user.model, user.model.position).bar.unwrap().track.unwrap();
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

#[test]
fn text_is_readable_on_white() {
    let mut user = User::of(Model { held: true, ..recorded() });
    user.key(Key::S);
    let pixels = user.pixels(SIZE, 0x00ff_ffff);
    let time = user.bar().time.unwrap().area;
    for area in [time, Rectangle::new(Point::new(28, 48), Size::new(300, 80))] {
        let rows = pixels.chunks(1280).skip(area.top_left.y as usize).take(area.size.height as usize);
        let part = rows.flat_map(|row| &row[area.top_left.x as usize..][..area.size.width as usize]);
        let green: Vec<_> = part.map(|pixel| pixel >> 8 & 0xff).collect();
        let bright = green.iter().filter(|green| **green > 0xe0).count();
        let dark = green.iter().filter(|green| **green < 0x80).count();
        assert!(bright * 20 > green.len(), "{area:?} has text: {bright} of {}", green.len());
        assert!(dark * 2 > green.len(), "{area:?} is dark: {dark} of {}", green.len());
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
        user.ui.point(Point::new(0, 0), true, &user.model, size, user.now);
        user.ui.point(Point::new(0, 0), false, &user.model, size, user.now);
    }
}
