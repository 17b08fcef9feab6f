//! The main thread's part: pictures to the screen, and what the user wants to the player.
use crate::decode::Picture;
use crate::model::{Command, Model};
use crate::output::file_name;
use crate::output::snapshot::Snapshots;
use crate::output::terminal::Line;
use crate::output::y4m::Pictures;
use crate::player::{AtEnd, Player};
use crate::tell;
use crate::ui::Wish;
use crate::ui::window::{self, Screen};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a window looks for input between pictures.
const WINDOW_POLL: Duration = Duration::from_millis(8);
/// How often to look for a signal where there is no window.
const TERMINAL_POLL: Duration = Duration::from_millis(100);
/// How often the title or the line is written.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// How long the network thread gets to end when it is told to.
const FAREWELL: Duration = Duration::from_secs(2);

/// How to show a stream, and for how long.
pub(crate) struct Options<'a> {
    /// The address, for the title.
    pub(crate) url: &'a str,
    /// No window.
    pub(crate) headless: bool,
    /// Why there is no window although one was wanted.
    pub(crate) no_display: Option<&'static str>,
    /// A progress line, where there is no window.
    pub(crate) line: bool,
    /// The end, if one was asked for.
    pub(crate) deadline: Option<Instant>,
    /// Set by a signal that asks the program to end.
    pub(crate) interrupted: &'a AtomicBool,
}

/// Why the show is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// There are no more pictures.
    Stream,
    /// The time that was asked for is over.
    Deadline,
    /// The user wants no more.
    User,
    /// What the pictures are written to takes no more.
    Output,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Why it is over.
    pub(crate) ending: Ending,
    /// The last picture.
    pub(crate) picture: Option<Picture>,
    /// There was no window, for whatever reason.
    pub(crate) headless: bool,
}

/// Where pictures go.
enum View {
    /// Nowhere until the first is there: a stream that cannot be had opens no window.
    Window(Option<Box<Screen>>),
    Line(Line),
}

/// Shows the stream to its end. All pictures go to `output`, too.
pub(crate) fn run(player: &Player, options: &Options<'_>, output: Option<&mut Pictures>) -> Shown {
    let mut view = if options.headless { View::line(options) } else { View::Window(None) };
    let mut picture = None;
    let ending = watch(player, options, output, &mut view, &mut picture);
    let headless = matches!(view, View::Line(_));
    player.stop();
    // What the last figures and the last picture are is known when the player is done.
    let deadline = Instant::now() + FAREWELL;
    while Instant::now() < deadline {
        let taken = player.picture(TERMINAL_POLL);
        if headless && taken.item.is_some() {
            picture = taken.item;
        }
        if taken.finished {
            break;
        }
    }
    if let View::Line(line) = view {
        line.clear();
    }
    Shown { ending, picture, headless }
}

fn watch(
    player: &Player,
    options: &Options<'_>,
    mut output: Option<&mut Pictures>,
    view: &mut View,
    last: &mut Option<Picture>,
) -> Ending {
    let (mut snapshots, mut recording) = (Snapshots::default(), Recording::default());
    let mut tell_at = Instant::now();
    loop {
        if options.interrupted.load(Ordering::Relaxed) {
            return Ending::User;
        }
        if options.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ending::Deadline;
        }
        let taken = player.picture(view.poll_interval());
        if taken.finished {
            return Ending::Stream;
        }
        let fresh = taken.item.is_some();
        if let (Some(picture), Some(output)) = (&taken.item, &mut output)
            && !output.show(picture, player.after(picture))
        {
            return Ending::Output;
        }
        if let Some(reason) = options.no_display
            && fresh
            && last.is_none()
        {
            say_headless(&reason);
        }
        if let Some(picture) = taken.item
            && let Some(shown) = last.replace(picture)
        {
            player.give_back(shown);
        }
        let model = player.model();
        if let Some(picture) = last {
            match view.show(picture, fresh, options.url, &model) {
                Ok(()) => {}
                Err(error) => {
                    say_headless(&error);
                    player.at_end(AtEnd::Stop);
                    *view = View::line(options);
                }
            }
        }
        for wish in view.wishes(&model) {
            tell_at = Instant::now();
            match wish {
                Wish::Quit => return Ending::User,
                Wish::Player(command) => player.command(command),
                Wish::Record => recording.toggle(player, &model),
                Wish::Snapshot => {
                    if let Some(picture) = last
                        && let Err(error) = snapshots.start(picture.clone(), file_name::dated("png"))
                    {
                        view.notify(format!("not saved: {error}"));
                    }
                }
            }
        }
        for line in snapshots.done().into_iter().chain(recording.news(player, &model)) {
            view.notify(line);
        }
        if Instant::now() >= tell_at {
            tell_at = Instant::now() + STATUS_EVERY;
            view.tell(player, options.url);
        }
    }
}

/// What is known of the recording that the user asked for.
#[derive(Debug, Default)]
struct Recording {
    /// Where it goes to.
    file: Option<PathBuf>,
    /// It was asked for when there were so many errors, and has not begun.
    asked: Option<usize>,
}

impl Recording {
    fn toggle(&mut self, player: &Player, model: &Model) {
        let file = model.recording.is_none().then(|| file_name::dated("avi"));
        self.asked = file.as_ref().map(|_| player.errors().messages().len());
        player.command(Command::Record(file));
    }

    /// What has become of it, if that is new.
    fn news(&mut self, player: &Player, model: &Model) -> Option<String> {
        if self.file != model.recording {
            self.asked = None;
            return match (&model.recording, mem::replace(&mut self.file, model.recording.clone())) {
                (Some(file), _) => Some(format!("recording to {}", file.display())),
                (None, file) => file.map(|file| format!("recorded {}", file.display())),
            };
        }
        let error = player.errors().messages().into_iter().nth(self.asked?)?;
        self.asked = None;
        Some(error)
    }
}

/// Said when the first picture is there: a stream that cannot be had has one message, not two.
fn say_headless(reason: &dyn std::fmt::Display) {
    tell(&format!("no window can be opened ({reason}): playing without one"));
}

impl View {
    fn line(options: &Options<'_>) -> Self {
        Self::Line(Line::new(options.line))
    }

    fn poll_interval(&self) -> Duration {
        if matches!(self, Self::Window(Some(_))) { WINDOW_POLL } else { TERMINAL_POLL }
    }

    /// Shows a picture, where there is a window for it: the first opens one.
    fn show(
        &mut self,
        picture: &Picture,
        fresh: bool,
        url: &str,
        model: &Model,
    ) -> Result<(), minifb::Error> {
        match self {
            Self::Window(window) => {
                let opened = window.is_none();
                let screen = match window {
                    Some(screen) => screen,
                    None => window.insert(Box::new(Screen::open(url, picture)?)),
                };
                screen.show(picture, fresh || opened, model)
            }
            Self::Line(_) => Ok(()),
        }
    }

    fn wishes(&mut self, model: &Model) -> Vec<Wish> {
        self.screen().map_or_else(Vec::new, |screen| screen.poll(model))
    }

    fn notify(&mut self, line: String) {
        if let Some(screen) = self.screen() {
            screen.notify(line);
        }
    }

    fn tell(&mut self, player: &Player, url: &str) {
        match self {
            Self::Window(Some(screen)) => screen.set_title(window::title(&player.model())),
            Self::Window(None) => {}
            Self::Line(line) => line.show(url, &player.status()),
        }
    }

    fn screen(&mut self) -> Option<&mut Screen> {
        match self {
            Self::Window(screen) => screen.as_deref_mut(),
            Self::Line(_) => None,
        }
    }
}
