//! The main thread's loop: pictures go to the screen, and the user's commands to the players.
use crate::handoff::Taken;
use crate::login;
use crate::model::{Activity, Command, Model, Picture, RecordingOutcome};
use crate::output::file_name;
use crate::output::messages::print_message;
use crate::output::snapshot::Snapshots;
use crate::output::terminal::ProgressLine;
use crate::output::y4m::PictureStream;
use crate::player::{AtEnd, Player};
use crate::playlist::Step;
use crate::ui::{self, Screen, Wish};
use pinhole::text::Count;
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

/// How to show streams, and for how long.
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

/// Why a stream is shown no longer.
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

impl Ending {
    /// Returns where to go on; `None` if the program ends.
    pub(crate) const fn step(self) -> Option<Step> {
        match self {
            Self::Stream | Self::Next => Some(Step::Next),
            Self::Previous => Some(Step::Previous),
            Self::Deadline | Self::User | Self::Output => None,
        }
    }
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

/// A stream that is shown.
struct Tile<'a> {
    player: &'a Player,
    model: Model,
    /// The last picture.
    picture: Option<Picture>,
    /// Whether it came in this turn.
    fresh: bool,
    /// Whether the session is over.
    finished: bool,
    recording: RecordingNotices,
}

impl Tile<'_> {
    /// Takes the picture that is due, and waits at most `wait` for it.
    fn take(&mut self, wait: Duration) {
        let taken = self.player.picture(wait);
        self.finished |= taken.finished;
        self.fresh = taken.item.is_some();
        self.picture = taken.item.or(self.picture.take());
    }

    fn shown(&self) -> ui::Tile<'_> {
        ui::Tile { picture: self.picture.as_ref(), fresh: self.fresh, model: &self.model }
    }
}

/// Shows streams side by side until all of them end. If there is an `output`, all pictures of the first go
/// there, too. Returns what was shown of each.
pub(crate) fn run(
    players: &[Player],
    options: &Options<'_>,
    view: &mut View,
    output: Option<&mut PictureStream>,
) -> Vec<Shown> {
    let tile = |player| {
        let (model, recording) = (Model::default(), RecordingNotices::default());
        Tile { player, model, picture: None, fresh: false, finished: false, recording }
    };
    let mut tiles: Vec<_> = players.iter().map(tile).collect();
    let ending = watch(&mut tiles, options, output, view);
    players.iter().for_each(Player::stop);
    // The last picture and the last figures are known when the player has ended.
    let deadline = Instant::now() + FAREWELL;
    let mut shown = Vec::new();
    for mut tile in tiles {
        let ending = if tile.finished { Ending::Stream } else { ending };
        loop {
            let taken = player_picture(&tile, deadline);
            if view.is_headless() && taken.item.is_some() {
                tile.picture = taken.item;
            }
            if taken.finished || Instant::now() >= deadline {
                break;
            }
        }
        shown.push(Shown { ending, picture: tile.picture });
    }
    view.clear();
    shown
}

/// Waits until something is opened that is to be played, and shows its `name` meanwhile. `opened` returns it once it is
/// there, and waits at most so long for it.
///
/// # Errors
/// It is waited for no longer, for this reason.
pub(crate) fn opening<T>(
    name: String,
    options: &Options<'_>,
    view: &mut View,
    mut opened: impl FnMut(Duration) -> Option<T>,
) -> Result<T, Ending> {
    let model = Model { url: name, activity: Activity::Opening, ..Model::default() };
    let tiles = [ui::Tile { picture: None, fresh: false, model: &model }];
    let begun = Instant::now();
    loop {
        if let Some(ending) = options.ending() {
            return Err(ending);
        }
        if let Some(opened) = opened(view.poll_interval()) {
            return Ok(opened);
        }
        if begun.elapsed() >= PATIENCE {
            if let Err(error) = view.show(&tiles) {
                view.give_up_window(&error);
            }
            view.show_title(&tiles);
        }
        for (_, wish) in view.wishes(&tiles) {
            match wish {
                Wish::Quit => return Err(Ending::User),
                Wish::Next | Wish::Previous => match options.neighbour(&wish) {
                    Ok(ending) => return Err(ending),
                    Err(line) => view.notify(line.to_owned()),
                },
                Wish::Player(_) | Wish::Record | Wish::Snapshot => {}
            }
        }
    }
}

impl Options<'_> {
    /// Returns why nothing is shown any longer, whatever the user wants.
    fn ending(&self) -> Option<Ending> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Some(Ending::User);
        }
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline).then_some(Ending::Deadline)
    }

    /// Returns how to go to the next item, or to the one before.
    ///
    /// # Errors
    /// There is none, as this line says.
    const fn neighbour(&self, wish: &Wish) -> Result<Ending, &'static str> {
        match wish {
            Wish::Previous if self.has_previous => Ok(Ending::Previous),
            Wish::Previous => Err("this is the first of what is played"),
            _ if self.has_next => Ok(Ending::Next),
            _ => Err("this is the last of what is played"),
        }
    }
}

fn player_picture(tile: &Tile<'_>, deadline: Instant) -> Taken<Picture> {
    let left = deadline.saturating_duration_since(Instant::now());
    tile.player.picture(TERMINAL_POLL.min(left))
}

fn watch(
    tiles: &mut [Tile<'_>],
    options: &Options<'_>,
    mut output: Option<&mut PictureStream>,
    view: &mut View,
) -> Ending {
    let mut snapshots = Snapshots::default();
    let begun = Instant::now();
    let mut status_at = begun;
    loop {
        if let Some(ending) = options.ending() {
            return ending;
        }
        take_pictures(tiles, view);
        if tiles.iter().all(|tile| tile.finished) {
            return Ending::Stream;
        }
        if let ([tile, ..], Some(output)) = (&*tiles, &mut output)
            && let Some(picture) = tile.picture.as_ref().filter(|_| tile.fresh)
            && !output.show(picture, tile.player.since_due(picture), options.interrupted)
        {
            let interrupted = options.interrupted.load(Ordering::Relaxed);
            return if interrupted { Ending::User } else { Ending::Output };
        }
        if tiles.iter().any(|tile| tile.fresh)
            && let Some(reason) = view.no_display.take()
        {
            print_no_window(&reason);
        }
        for tile in &mut *tiles {
            tile.model = tile.player.model();
        }
        if (tiles.iter().any(|tile| tile.picture.is_some()) || begun.elapsed() >= PATIENCE)
            && let Err(error) = view.show(&shown(tiles))
        {
            view.give_up_window(&error);
            tiles.iter().for_each(|tile| tile.player.set_at_end(AtEnd::Stop));
        }
        if view.is_headless() {
            ask_on_terminal(tiles, options, view);
        }
        let wishes = view.wishes(&shown(tiles));
        let alone = view.alone();
        for (stream, tile) in tiles.iter().enumerate() {
            tile.player.set_hidden(alone.is_some_and(|alone| alone != stream));
        }
        for (stream, wish) in wishes {
            status_at = Instant::now();
            let Some(tile) = tiles.get_mut(stream) else { continue };
            match wish {
                Wish::Quit => return Ending::User,
                Wish::Player(Command::LogIn(credentials)) => tile.player.log_in(credentials),
                Wish::Player(command) => tile.player.command(command),
                Wish::Next | Wish::Previous => match options.neighbour(&wish) {
                    Ok(ending) => return ending,
                    Err(line) => view.notify(line.to_owned()),
                },
                Wish::Record => tile.recording.toggle(tile.player, &tile.model),
                Wish::Snapshot => {
                    if let Some(picture) = &tile.picture
                        && let Err(error) = snapshots.start(picture.clone())
                    {
                        view.notify(format!("not saved: {error}"));
                    }
                }
            }
        }
        let recordings = tiles.iter_mut().filter_map(|tile| tile.recording.notice(tile.player, &tile.model));
        for line in snapshots.done().into_iter().chain(recordings) {
            view.notify(line);
        }
        if Instant::now() >= status_at {
            status_at = Instant::now() + STATUS_EVERY;
            view.show_status(&shown(tiles));
        }
    }
}

/// Asks for the user names and passwords that servers want, where there is no window. Waits for the answer.
fn ask_on_terminal(tiles: &[Tile<'_>], options: &Options<'_>, view: &mut View) {
    for tile in tiles {
        let Activity::LoggingIn { reason, user, .. } = &tile.model.activity else { continue };
        view.clear();
        let reason = format!("{}: {reason}", tile.model.url);
        let goes_on = || options.ending().is_none();
        let credentials = login::can_ask().then(|| login::ask(&reason, user, &goes_on)).flatten();
        tile.player.log_in(credentials);
    }
}

fn shown<'a>(tiles: &'a [Tile<'_>]) -> Vec<ui::Tile<'a>> {
    tiles.iter().map(Tile::shown).collect()
}

/// Takes the pictures that are due, and waits for one of the stream that is looked at, if there is none.
fn take_pictures(tiles: &mut [Tile<'_>], view: &View) {
    let goes_on = |stream: &usize| tiles.get(*stream).is_some_and(|tile| !tile.finished);
    let looked_at = view.alone().filter(goes_on).or_else(|| (0..tiles.len()).find(goes_on));
    // A session that is over does not wait.
    let wait = view.poll_interval();
    for (stream, tile) in tiles.iter_mut().enumerate() {
        tile.take(if Some(stream) == looked_at { wait } else { Duration::ZERO });
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
        (false, ..) => format!("recorded {} in {}", Count(*frames, "frame", "frames"), files.join(", ")),
        (true, 0, 0) => "nothing is recorded: no picture was shown".to_owned(),
        (true, 0, dropped) => {
            let frames = Count(dropped, "frame", "frames");
            format!("nothing is recorded: the disk was too slow for {frames}")
        }
        (true, left_out, _) => {
            let frames = Count(*left_out, "frame is no picture", "frames are no pictures");
            format!("nothing is recorded: {frames}, or damaged")
        }
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

    /// Shows the pictures, or that there are none, in the window, which the first call opens. A window that was
    /// opened without a picture makes room for one that suits the first picture of the only stream.
    fn show(&mut self, tiles: &[ui::Tile<'_>]) -> Result<(), minifb::Error> {
        match &mut self.onto {
            Onto::Window { screen: window, has_picture } => {
                let picture = tiles.iter().find_map(|tile| tile.picture);
                let is_first = picture.is_some() && !mem::replace(has_picture, picture.is_some());
                if let (true, Some(picture), [_]) = (is_first, picture, tiles) {
                    window.take_if(|screen| screen.is_unsuited(picture));
                }
                let screen = match window {
                    Some(screen) => screen,
                    None => window.insert(Box::new(Screen::open(tiles)?)),
                };
                screen.show(tiles)
            }
            Onto::Line(_) => Ok(()),
        }
    }

    /// Goes on without a window.
    fn give_up_window(&mut self, reason: &minifb::Error) {
        print_no_window(reason);
        self.onto = Onto::Line(None);
    }

    /// Returns the stream that is shown alone.
    fn alone(&self) -> Option<usize> {
        match &self.onto {
            Onto::Window { screen, .. } => screen.as_deref().and_then(Screen::alone),
            Onto::Line(_) => None,
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

    fn wishes(&mut self, tiles: &[ui::Tile<'_>]) -> Vec<(usize, Wish)> {
        self.screen().map_or_else(Vec::new, |screen| screen.poll(tiles))
    }

    fn notify(&mut self, line: String) {
        if let Some(screen) = self.screen() {
            screen.notify(line);
        }
    }

    /// Writes the window's title, or the progress line of the only stream.
    fn show_status(&mut self, tiles: &[ui::Tile<'_>]) {
        match (&mut self.onto, tiles) {
            (Onto::Line(line), [tile]) => {
                line.get_or_insert_with(|| ProgressLine::new(self.progress)).show(tile.model);
            }
            _ => self.show_title(tiles),
        }
    }

    /// Writes the window's title, if there is a window.
    fn show_title(&mut self, tiles: &[ui::Tile<'_>]) {
        if let Some(screen) = self.screen() {
            screen.set_title(tiles);
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
        assert_eq!(told(1, 0, 0, &["a.avi"]), "recorded 1 frame in a.avi");
        assert_eq!(told(0, 0, 0, &[]), "nothing is recorded: no picture was shown");
        assert_eq!(told(0, 0, 1, &[]), "nothing is recorded: the disk was too slow for 1 frame");
        assert_eq!(told(0, 1, 0, &[]), "nothing is recorded: 1 frame is no picture, or damaged");
        assert_eq!(told(0, 0, 3, &[]), "nothing is recorded: the disk was too slow for 3 frames");
        assert_eq!(told(0, 4, 3, &[]), "nothing is recorded: 4 frames are no pictures, or damaged");
    }
}
