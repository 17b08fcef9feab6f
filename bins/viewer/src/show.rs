//! The main thread's loop: pictures go to the screen, and the user's commands to the player.
use crate::model::{Command, Model, Picture, RecordingOutcome};
use crate::output::file_name;
use crate::output::messages::print_message;
use crate::output::snapshot::Snapshots;
use crate::output::terminal::ProgressLine;
use crate::output::y4m::PictureStream;
use crate::player::{AtEnd, Player};
use crate::ui::{self, Screen, Wish};
use pinhole_std::record::Recorded;
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a window looks for input between pictures.
const WINDOW_POLL: Duration = Duration::from_millis(8);
/// How often to look for a signal if there is no window.
const TERMINAL_POLL: Duration = Duration::from_millis(100);
/// How often the title or the progress line is written.
const STATUS_EVERY: Duration = Duration::from_millis(250);
/// How long the first picture may take before a window opens without it, to tell what is waited for.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long the player may take to end the session.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where pictures are to be shown.
pub(crate) struct Look {
    /// Whether to open no window.
    pub(crate) headless: bool,
    /// Why there can be no window although one was wanted.
    pub(crate) no_display: Option<&'static str>,
    /// Whether to show a progress line if there is no window.
    pub(crate) progress: bool,
}

/// How to show a stream, and for how long.
pub(crate) struct Options<'a> {
    /// When to end, if the user said so.
    pub(crate) deadline: Option<Instant>,
    /// Set by a signal that asks the program to end.
    pub(crate) interrupted: &'a AtomicBool,
    /// Whether something else is played after this.
    pub(crate) has_next: bool,
    /// Whether something else was played before this.
    pub(crate) has_previous: bool,
}

/// Why the stream is shown no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The stream is over, or failed.
    Stream,
    /// The user's deadline has passed.
    Deadline,
    /// The user ended it.
    User,
    /// The user wants to see what comes after it.
    Next,
    /// The user wants to see what came before it.
    Previous,
    /// The output of the pictures failed, or its reader has left.
    Output,
}

/// The result of showing a stream.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Why the stream is shown no longer.
    pub(crate) ending: Ending,
    /// The last picture that was shown.
    pub(crate) picture: Option<Picture>,
}

/// Where pictures go, one stream after the other.
pub(crate) struct View {
    onto: Onto,
    /// Why there is no window although one was wanted, until that is told.
    no_display: Option<&'static str>,
    progress: bool,
}

/// What pictures are shown on.
enum Onto {
    /// A window. It opens with the first picture, or without one after [`PATIENCE`]: a stream that cannot be had
    /// opens none.
    Window {
        screen: Option<Box<Screen>>,
        /// Whether there was a picture.
        has_picture: bool,
    },
    /// Nothing. A line in the terminal shows the progress of each stream.
    Line(Option<ProgressLine>),
}

/// Shows the stream until it ends. If there is an `output`, all pictures go there, too.
pub(crate) fn run(
    player: &Player,
    options: &Options<'_>,
    view: &mut View,
    output: Option<&mut PictureStream>,
) -> Shown {
    let mut picture = None;
    let ending = watch(player, options, output, view, &mut picture);
    player.stop();
    // The last picture and the last figures are known when the player has ended.
    let deadline = Instant::now() + FAREWELL;
    while Instant::now() < deadline {
        let taken = player.picture(TERMINAL_POLL);
        if view.is_headless() && taken.item.is_some() {
            picture = taken.item;
        }
        if taken.finished {
            break;
        }
    }
    view.clear();
    Shown { ending, picture }
}

fn watch(
    player: &Player,
    options: &Options<'_>,
    mut output: Option<&mut PictureStream>,
    view: &mut View,
    last: &mut Option<Picture>,
) -> Ending {
    let (mut snapshots, mut recording) = (Snapshots::default(), RecordingNotices::default());
    let begun = Instant::now();
    let mut status_at = begun;
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
            && !output.show(picture, player.since_due(picture), options.interrupted)
        {
            let interrupted = options.interrupted.load(Ordering::Relaxed);
            return if interrupted { Ending::User } else { Ending::Output };
        }
        if fresh && let Some(reason) = view.no_display.take() {
            print_no_window(&reason);
        }
        *last = taken.item.or(last.take());
        let model = player.model();
        if last.is_some() || begun.elapsed() >= PATIENCE {
            match view.show(last.as_ref(), fresh, &model) {
                Ok(()) => {}
                Err(error) => {
                    print_no_window(&error);
                    player.set_at_end(AtEnd::Stop);
                    view.onto = Onto::Line(None);
                }
            }
        }
        for wish in view.wishes(&model) {
            status_at = Instant::now();
            match wish {
                Wish::Quit => return Ending::User,
                Wish::Player(command) => player.command(command),
                Wish::Next if options.has_next => return Ending::Next,
                Wish::Previous if options.has_previous => return Ending::Previous,
                Wish::Next => view.notify("this is the last of what is played".to_owned()),
                Wish::Previous => view.notify("this is the first of what is played".to_owned()),
                Wish::Record => recording.toggle(player, &model),
                Wish::Snapshot => {
                    if let Some(picture) = last
                        && let Err(error) = snapshots.start(picture.clone())
                    {
                        view.notify(format!("not saved: {error}"));
                    }
                }
            }
        }
        for line in snapshots.done().into_iter().chain(recording.notice(player, &model)) {
            view.notify(line);
        }
        if Instant::now() >= status_at {
            status_at = Instant::now() + STATUS_EVERY;
            view.show_status(&player.model());
        }
    }
}

/// Follows the recording that the user asked for, to tell what becomes of it.
#[derive(Debug, Default)]
struct RecordingNotices {
    /// The file that was being recorded at the last look.
    file: Option<Arc<Path>>,
    /// While a recording was asked for and has not begun: the number of errors before it.
    errors_before: Option<usize>,
}

impl RecordingNotices {
    /// Asks the player to start a recording, or to stop it.
    fn toggle(&mut self, player: &Player, model: &Model) {
        let file = model.recording.is_none().then(|| file_name::dated("avi"));
        self.errors_before = file.as_ref().map(|_| player.errors().messages().len());
        player.command(Command::Record(file));
    }

    /// Returns what has become of the recording since the last look.
    fn notice(&mut self, player: &Player, model: &Model) -> Option<String> {
        if self.file != model.recording {
            self.errors_before = None;
            return match (&model.recording, mem::replace(&mut self.file, model.recording.clone())) {
                (Some(file), _) => Some(format!("recording to {}", file.display())),
                (None, file) => file.map(|file| outcome(&file, player, model)),
            };
        }
        let error = player.errors().messages().into_iter().nth(self.errors_before?)?;
        self.errors_before = None;
        Some(error)
    }
}

/// Returns what has become of a recording.
fn outcome(file: &Path, player: &Player, model: &Model) -> String {
    let file = file.display().to_string();
    let broken = model.recorded.iter().filter_map(|recorded| recorded.error.clone());
    let errors = player.errors().messages().into_iter().chain(broken);
    let told = || model.recorded.as_ref().map_or_else(|| format!("{file}: nothing is recorded"), recorded);
    errors.into_iter().find(|error| error.contains(&file)).unwrap_or_else(told)
}

/// Tells what was recorded, or why nothing was.
fn recorded(outcome: &RecordingOutcome) -> String {
    let Recorded { files, frames, left_out, .. } = &outcome.recorded;
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    match (files.is_empty(), left_out, outcome.dropped) {
        (false, ..) => format!("recorded {frames} frames in {}", files.join(", ")),
        (true, 0, 0) => "nothing is recorded: no picture was shown".to_owned(),
        (true, 0, dropped) => format!("nothing is recorded: the disk was too slow for {dropped} frames"),
        (true, left_out, _) => format!("nothing is recorded: {left_out} frames are no pictures, or damaged"),
    }
}

/// Prints why there is no window. Called for the first picture, so that a stream that cannot be had prints
/// only one message.
fn print_no_window(reason: &dyn std::fmt::Display) {
    print_message(&format!("no window can be opened ({reason}): playing without one"));
}

impl View {
    /// Makes a view that nothing is shown in yet.
    pub(crate) fn new(look: &Look) -> Self {
        let onto = match look.headless {
            true => Onto::Line(None),
            false => Onto::Window { screen: None, has_picture: false },
        };
        Self { onto, no_display: look.no_display, progress: look.progress }
    }

    /// Returns whether there is no window, for whatever reason.
    pub(crate) fn is_headless(&self) -> bool {
        matches!(self.onto, Onto::Line(_))
    }

    fn poll_interval(&self) -> Duration {
        if matches!(self.onto, Onto::Window { screen: Some(_), .. }) { WINDOW_POLL } else { TERMINAL_POLL }
    }

    /// Shows a picture, or that there is none, in the window, which the first call opens. A window that was
    /// opened without a picture makes room for one that suits the first picture.
    fn show(&mut self, picture: Option<&Picture>, fresh: bool, model: &Model) -> Result<(), minifb::Error> {
        match &mut self.onto {
            Onto::Window { screen: window, has_picture } => {
                let is_first = picture.is_some() && !mem::replace(has_picture, picture.is_some());
                if is_first && let Some(picture) = picture {
                    window.take_if(|screen| screen.is_unsuited(picture));
                }
                let opened = window.is_none();
                let screen = match window {
                    Some(screen) => screen,
                    None => window.insert(Box::new(Screen::open(model, picture)?)),
                };
                screen.show(picture, fresh || opened, model)
            }
            Onto::Line(_) => Ok(()),
        }
    }

    /// Ends the progress line of a stream.
    fn clear(&mut self) {
        if let Onto::Line(line) = &mut self.onto
            && let Some(line) = line.take()
        {
            line.clear();
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

    /// Writes the window's title or the progress line.
    fn show_status(&mut self, model: &Model) {
        match &mut self.onto {
            Onto::Window { screen: Some(screen), .. } => screen.set_title(ui::title(model)),
            Onto::Window { screen: None, .. } => {}
            Onto::Line(line) => line.get_or_insert_with(|| ProgressLine::new(self.progress)).show(model),
        }
    }

    fn screen(&mut self) -> Option<&mut Screen> {
        match &mut self.onto {
            Onto::Window { screen, .. } => screen.as_deref_mut(),
            Onto::Line(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_without_a_file_says_why() {
        let told = |frames, left_out, dropped, files: &[&str]| {
            let mut outcome = RecordingOutcome { dropped, ..RecordingOutcome::default() };
            (outcome.recorded.frames, outcome.recorded.left_out) = (frames, left_out);
            outcome.recorded.files = files.iter().map(Into::into).collect();
            recorded(&outcome)
        };
        assert_eq!(told(75, 2, 1, &["a.avi", "a-2.avi"]), "recorded 75 frames in a.avi, a-2.avi");
        assert_eq!(told(0, 0, 0, &[]), "nothing is recorded: no picture was shown");
        assert_eq!(told(0, 0, 3, &[]), "nothing is recorded: the disk was too slow for 3 frames");
        assert_eq!(told(0, 4, 3, &[]), "nothing is recorded: 4 frames are no pictures, or damaged");
    }
}
