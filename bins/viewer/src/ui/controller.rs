//! What is shown over the picture or pictures, and what keys and the pointer ask for.
//!
//! All of this is computed: the models of the streams, the window's size, the time and the user's input go in;
//! wishes and a scene to draw come out. Of several streams, all are shown in a grid, or one alone. Controls and
//! most keys are for one that is shown alone.
use super::controls::{self, Shows};
use super::design::Scale;
use super::form::{Answer, Form};
use super::grid;
use super::input::{self, Action, Press};
use super::layout::{Button, Layout, Target, is_at_edge};
use super::overlay::{self, Message};
use super::panels::Panels;
use super::scene::{Item, Scene};
use super::time_axis::TimeAxis;
use crate::model::{Activity, Command, Model};
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;
use pinhole::time::MediaTime;
use std::mem::{self, Discriminant};
use std::time::{Duration, Instant};

/// The controls disappear when nothing was touched for this time.
const REST: Duration = Duration::from_secs(3);
/// How long a notice is shown.
const NOTICE: Duration = Duration::from_secs(3);
/// A picture that has not changed for this time counts as standing. Shorter waiting is not shown.
const STANDS: Duration = Duration::from_millis(300);
/// The shortest time between two seeks while the pointer drags.
const SEEK_EVERY: Duration = Duration::from_millis(50);
/// How long the knob stays where it was let go after a drag: until the player is there.
const SETTLE: Duration = Duration::from_millis(400);
/// A second click on a picture within this time makes a double click of both. What the first has done is undone
/// then.
const DOUBLE_CLICK: Duration = Duration::from_millis(300);
/// The bar is left free of panels, also while it is hidden, in a window of so many times its height.
const ROOMY: u32 = 4;

/// What the user wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// A command for the player.
    Player(Command),
    /// Start or stop recording.
    Record,
    /// Save the picture as a file.
    Snapshot,
    /// Play what comes after this.
    Next,
    /// Play what came before this.
    Previous,
    /// End the program.
    Quit,
}

/// The state of the controls.
#[derive(Debug)]
pub(crate) struct Ui {
    /// The number of streams.
    streams: usize,
    /// The stream that is shown alone; `None` if all are shown.
    alone: Option<usize>,
    figures: bool,
    help: bool,
    filled: bool,
    whole_screen: bool,
    /// Until when the controls are shown; `None` if nothing was touched yet.
    awake_until: Option<Instant>,
    /// Where the pointer was last, maybe outside of the window.
    pointer: Option<Point>,
    /// While the pointer's button is down: where it was pressed.
    pressed: Option<Option<Target>>,
    /// The last click on a picture, until it is known that it is not the first half of a double click.
    clicked: Option<FirstClick>,
    /// While the button is down for the second half of a double click: the first half.
    first: Option<FirstClick>,
    drag: Option<Drag>,
    notice: Option<(String, Instant)>,
    /// What is typed for the stream that is shown alone, while its server asks for a password.
    form: Option<(usize, Form)>,
    /// Of each stream.
    seen: Vec<Option<Seen>>,
}

/// A click on a picture that may become the first half of a double click.
#[derive(Debug)]
struct FirstClick {
    at: Instant,
    effect: Effect,
}

/// What a click on a picture has done.
#[derive(Debug)]
enum Effect {
    /// A stream is shown alone, as it is after a double click, too.
    Alone,
    /// All streams are shown, and not this one alone.
    All { before: usize },
    /// The player was asked to play or to pause. These commands undo that.
    Toggled { undo: Vec<Command> },
    /// Nothing yet: to play an ended medium from its start cannot be undone.
    Waits,
}

/// A drag of the knob along the timeline.
#[derive(Clone, Copy, Debug)]
struct Drag {
    to: MediaTime,
    /// The last place that was sought, and when.
    sent: Option<(MediaTime, Instant)>,
    released: Option<Instant>,
}

/// What the player did at the last look, and since when.
#[derive(Clone, Copy, Debug)]
struct Seen {
    position: MediaTime,
    activity: Discriminant<Activity>,
    since: Instant,
}

impl Ui {
    /// Makes the controls of so many streams.
    pub(crate) fn new(streams: usize) -> Self {
        Self {
            streams,
            alone: (streams <= 1).then_some(0),
            figures: false,
            help: false,
            filled: false,
            whole_screen: false,
            awake_until: None,
            pointer: None,
            pressed: None,
            clicked: None,
            first: None,
            drag: None,
            notice: None,
            form: None,
            seen: vec![None; streams],
        }
    }

    /// Returns the stream that is shown alone; `None` if all are shown.
    pub(crate) const fn alone(&self) -> Option<usize> {
        self.alone
    }

    /// Shows one stream alone, or all. A number without a stream changes nothing.
    fn show(&mut self, alone: Option<usize>) {
        if alone.is_some_and(|stream| stream >= self.streams) {
            return;
        }
        self.alone = alone;
        // Whatever the pointer does was for another one.
        (self.drag, self.pressed, self.clicked, self.first) = (None, None, None, None);
    }

    /// Returns whether the picture fills the window. Its edges may then be cut off.
    pub(crate) const fn is_filled(&self) -> bool {
        self.filled
    }

    /// Returns whether the window is to fill the screen.
    pub(crate) const fn is_whole_screen(&self) -> bool {
        self.whole_screen
    }

    /// Takes note that the window fills the screen, or does not, whatever was asked for.
    pub(crate) fn set_whole_screen(&mut self, whole: bool) {
        self.whole_screen = whole;
    }

    /// Returns whether to hide the pointer, because only pictures are shown. `model` is that of the stream that
    /// is shown alone.
    pub(crate) fn hides_pointer(&self, model: Option<&Model>, now: Instant) -> bool {
        !model.map_or_else(|| self.is_awake(now), |model| self.shows_controls(model, now))
    }

    /// Shows a line for some seconds.
    pub(crate) fn notify(&mut self, text: String, now: Instant) {
        self.notice = Some((text, now + NOTICE));
    }

    /// Processes a key. `model` is that of the stream that is shown alone. Returns what the user wants by it, if
    /// it is more than a change of the controls.
    pub(crate) fn press(&mut self, press: Press, model: Option<&Model>, now: Instant) -> Option<Wish> {
        if let Some(form) = model.and_then(|model| self.form(model)) {
            let credentials = match form.press(press)? {
                Answer::LogIn(credentials) => Some(credentials),
                Answer::GiveUp => None,
            };
            return Some(Wish::Player(Command::LogIn(credentials)));
        }
        let action = input::action(press)?;
        self.wake(now);
        match action {
            Action::Leave if self.whole_screen => self.whole_screen = false,
            // The help lies over the figures.
            Action::Leave if self.help => self.help = false,
            Action::Leave if self.figures => self.figures = false,
            Action::Leave if self.streams > 1 && self.alone.is_some() => self.show(None),
            Action::Leave | Action::Quit => return Some(Wish::Quit),
            Action::Figures => self.figures = !self.figures,
            Action::Help => self.help = !self.help,
            Action::WholeScreen => self.whole_screen = !self.whole_screen,
            Action::Fill => self.filled = !self.filled,
            Action::Stream(stream) if self.streams > 1 => self.show(Some(stream)),
            _ => return wish(action, model?),
        }
        None
    }

    /// Returns the form for the stream that is shown alone, whose model is `model`; `None` if its server asks for no
    /// password.
    fn form(&mut self, model: &Model) -> Option<&mut Form> {
        let stream = self.alone?;
        let Activity::LoggingIn { reason, user, is_wrong } = &model.activity else {
            self.form = None;
            return None;
        };
        self.form.take_if(|(of, form)| *of != stream || !form.is_for(reason));
        Some(&mut self.form.get_or_insert_with(|| (stream, Form::new(reason, user, *is_wrong))).1)
    }

    /// Processes turns of the pointer's wheel, which are negative towards the user. Returns what the user wants.
    pub(crate) fn turn_wheel(&mut self, notches: f64, now: Instant) -> Option<Wish> {
        self.wake(now);
        (notches != 0.0 && self.alone.is_some()).then_some(Wish::Player(Command::Jump(notches * input::JUMP)))
    }

    /// Processes the pointer's position, maybe outside of the window, and whether its button is `down`.
    /// Called again and again, because a drag seeks only from time to time, and some clicks wait for a second one.
    /// `model` is that of the stream that is shown alone. Returns what the user wants.
    pub(crate) fn point(
        &mut self,
        at: Point,
        down: bool,
        model: Option<&Model>,
        size: (u32, u32),
        now: Instant,
    ) -> Vec<Wish> {
        let layout = model.map(|model| Layout::of(size, model, model.position));
        let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
        let before = self.pointer.replace(at);
        let moved = before.is_some_and(|before| before != at && window.contains(at));
        if moved || down || self.pressed.is_some() {
            self.wake(now);
        }
        let mut wishes = Vec::new();
        if let Some(clicked) = self.clicked.take_if(|clicked| now >= clicked.at + DOUBLE_CLICK)
            && matches!(clicked.effect, Effect::Waits)
        {
            wishes.push(Wish::Player(Command::Toggle));
        }
        let target = match (&layout, model) {
            (Some(layout), Some(model)) => layout.hit(at, self.shows_controls(model, now)),
            _ => grid::at(at, self.streams, size).map(Target::Stream),
        };
        match (self.pressed, down) {
            (None, true) => {
                self.pressed = Some(target);
                if is_picture(target) {
                    self.first = self.clicked.take();
                }
            }
            (Some(pressed), false) => {
                self.pressed = None;
                let on = target.filter(|_| pressed == target);
                wishes.extend(on.into_iter().flat_map(|on| self.click(on, model, now)));
            }
            _ => {}
        }
        let (Some(model), Some(layout)) = (model, layout) else { return wishes };
        let axis_and_track = TimeAxis::of(model).zip(layout.bar.and_then(|bar| bar.track));
        if self.pressed == Some(Some(Target::Timeline))
            && let Some((axis, track)) = axis_and_track
        {
            let sent = self.drag.filter(|drag| drag.released.is_none()).and_then(|drag| drag.sent);
            self.drag = Some(Drag { to: axis.time(track.line, at.x), sent, released: None });
        } else if let Some(drag) = &mut self.drag {
            drag.released.get_or_insert(now);
        }
        wishes.extend(self.seek(now).map(Wish::Player));
        wishes
    }

    /// Returns what to draw over the pictures of streams with these models.
    pub(crate) fn scene(&mut self, models: &[&Model], size: (u32, u32), now: Instant) -> Scene {
        match self.alone.and_then(|stream| Some((stream, *models.get(stream)?))) {
            Some((stream, model)) => self.scene_of(stream, model, size, now),
            None => self.scene_of_all(models, size, now),
        }
    }

    /// Returns what to draw over the pictures of all streams.
    fn scene_of_all(&mut self, models: &[&Model], size: (u32, u32), now: Instant) -> Scene {
        let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
        let cell = |area: Rectangle| {
            let scale = Scale::of((area.size.width, area.size.height));
            Layout { scale, window: area, bar: None }
        };
        let mut panels = Panels::new(&cell(window), None);
        if self.help && !overlay::help(&mut panels, false) {
            overlay::part_of_help(&mut panels);
        }
        if let Some((text, _)) = self.notice.as_ref().filter(|(_, until)| now < *until) {
            overlay::notice(text, &mut panels);
        }
        let mut items = Vec::new();
        for (stream, model) in models.iter().enumerate() {
            let stands = self.stands(stream, model, now);
            let layout = cell(grid::cell(stream, models.len(), size));
            let mut inner = panels.within(&layout);
            if let Some(message) = Message::of(model, stands)
                && message.put(&mut inner, true)
                && message.dims
            {
                items.push(Item::Fill { area: layout.window, ink: overlay::DIM });
            }
            overlay::name(stream, model, &mut inner);
            if self.figures {
                overlay::figures(model, &mut inner);
            }
            items.append(&mut inner.items);
        }
        items.append(&mut panels.items);
        Scene(items)
    }

    /// Returns what to draw over the picture of a stream that is shown alone.
    fn scene_of(&mut self, stream: usize, model: &Model, size: (u32, u32), now: Instant) -> Scene {
        let stands = self.stands(stream, model, now);
        let position = self.position(model, now);
        let layout = Layout::of(size, model, position);
        if let Some(form) = self.form(model) {
            let mut panels = Panels::new(&layout, None);
            form.put(&mut panels);
            let dim = Item::Fill { area: layout.window, ink: overlay::DIM };
            return Scene([dim].into_iter().chain(panels.items).collect());
        }
        let shown = layout.bar.as_ref().filter(|_| self.shows_controls(model, now));
        let roomy = layout.bar.as_ref().filter(|bar| size.1 >= ROOMY * bar.area.size.height);
        let mut panels = Panels::new(&layout, shown.or(roomy).map(|bar| bar.area));
        let mut bar = shown;
        let message = Message::of(model, stands);
        // In the middle of the picture, the message stays where it is, with the keys beside it.
        let mut is_told =
            message.as_ref().filter(|message| self.help && message.dims).is_some_and(|message| {
                let mut both = Panels::new(&layout, shown.or(roomy).map(|bar| bar.area));
                let fit = message.put(&mut both, self.figures) && overlay::help(&mut both, true);
                if fit {
                    panels = both;
                }
                fit
            });
        if self.help && !is_told && !overlay::help(&mut panels, self.figures) {
            // The keys are what was asked for last.
            bar = None;
            panels = Panels::new(&layout, None);
            if !overlay::help(&mut panels, false) {
                overlay::part_of_help(&mut panels);
            }
        }
        let mut items = Vec::new();
        if let Some(message) = message {
            is_told = is_told || message.put(&mut panels, self.figures);
            if is_told && message.dims {
                items.push(Item::Fill { area: layout.window, ink: overlay::DIM });
            }
        }
        if let Some((text, _)) = self.notice.as_ref().filter(|(_, until)| now < *until) {
            overlay::notice(text, &mut panels);
        }
        if self.figures {
            overlay::figures(model, &mut panels);
        }
        if let Some(bar) = bar {
            let pointer = self.pointer.and_then(|at| Some((at, layout.hit(at, true)?)));
            // A drag goes on wherever the pointer goes.
            let pointer =
                if self.is_dragging() { self.pointer.map(|at| (at, Target::Timeline)) } else { pointer };
            let shows = Shows { whole_screen: self.whole_screen };
            items.extend(controls::draw(model, &layout, bar, position, pointer, shows));
        }
        items.append(&mut panels.items);
        Scene(items)
    }

    /// Does what a click does. `model` is that of the stream that is shown alone. Returns what the user wants by
    /// it, if it is more than a change of the controls.
    fn click(&mut self, on: Target, model: Option<&Model>, now: Instant) -> Vec<Wish> {
        let command = match on {
            Target::Picture | Target::Stream(_) => return self.click_picture(on, model, now),
            Target::Live => Command::GoLive,
            Target::Button(Button::Toggle) => Command::Toggle,
            Target::Button(Button::StepBack) => Command::StepBack,
            Target::Button(Button::StepForward) => Command::StepForward,
            Target::Button(Button::Record) => return vec![Wish::Record],
            Target::Button(Button::Snapshot) => return vec![Wish::Snapshot],
            Target::Button(Button::Help) => {
                self.help = !self.help;
                return Vec::new();
            }
            Target::Button(Button::WholeScreen) => {
                self.whole_screen = !self.whole_screen;
                return Vec::new();
            }
            Target::Timeline | Target::Bar => return Vec::new(),
        };
        vec![Wish::Player(command)]
    }

    /// Does what a click on a picture does, at once: somebody who pauses wants this picture, and no later one.
    /// The second half of a double click undoes that, and fills the screen.
    fn click_picture(&mut self, on: Target, model: Option<&Model>, now: Instant) -> Vec<Wish> {
        if let Some(first) = self.first.take() {
            self.whole_screen = !self.whole_screen;
            return match first.effect {
                Effect::All { before } => {
                    self.show(Some(before));
                    Vec::new()
                }
                Effect::Toggled { undo } => undo.into_iter().map(Wish::Player).collect(),
                Effect::Alone | Effect::Waits => Vec::new(),
            };
        }
        let effect = match (on, self.alone, model) {
            (Target::Stream(stream), ..) => {
                self.show(Some(stream));
                Effect::Alone
            }
            (_, Some(before), _) if self.streams > 1 => {
                self.show(None);
                Effect::All { before }
            }
            (.., Some(model)) if model.activity != Activity::Ended => Effect::Toggled { undo: undo(model) },
            _ => Effect::Waits,
        };
        let toggles = matches!(effect, Effect::Toggled { .. });
        self.clicked = Some(FirstClick { at: now, effect });
        toggles.then_some(Wish::Player(Command::Toggle)).into_iter().collect()
    }

    fn wake(&mut self, now: Instant) {
        self.awake_until = Some(now + REST);
    }

    fn is_awake(&self, now: Instant) -> bool {
        self.awake_until.is_some_and(|until| now < until)
    }

    fn shows_controls(&self, model: &Model, now: Instant) -> bool {
        controls::rests(model) || self.is_dragging() || self.is_awake(now)
    }

    fn is_dragging(&self) -> bool {
        self.drag.is_some_and(|drag| drag.released.is_none())
    }

    /// Returns the media time at which the knob is.
    fn position(&self, model: &Model, now: Instant) -> MediaTime {
        let drag = self.drag.filter(|drag| drag.released.is_none_or(|released| now < released + SETTLE));
        drag.map_or(model.position, |drag| drag.to)
    }

    /// Returns the seek that the drag asks for, if one is due. The place where a drag ends is always
    /// sought.
    fn seek(&mut self, now: Instant) -> Option<Command> {
        let drag = self.drag.as_mut()?;
        let due = match drag.sent {
            None => true,
            Some((to, _)) if to == drag.to => false,
            Some((_, at)) => drag.released.is_some() || now >= at + SEEK_EVERY,
        };
        due.then(|| {
            drag.sent = Some((drag.to, now));
            Command::Seek(drag.to)
        })
    }

    /// Returns whether neither the picture nor the player's activity of a stream has changed for some time.
    fn stands(&mut self, stream: usize, model: &Model, now: Instant) -> bool {
        let Some(before) = self.seen.get_mut(stream) else { return false };
        let (position, activity) = (model.position, mem::discriminant(&model.activity));
        let same = before.filter(|seen| (seen.position, seen.activity) == (position, activity));
        let seen = *before.insert(same.unwrap_or(Seen { position, activity, since: now }));
        now >= seen.since + STANDS
    }
}

/// Returns whether a picture is under the pointer.
const fn is_picture(target: Option<Target>) -> bool {
    matches!(target, Some(Target::Picture | Target::Stream(_)))
}

/// Returns what brings a player back to where it was before it is asked to play or to pause.
fn undo(model: &Model) -> Vec<Command> {
    if model.held {
        vec![Command::Toggle, Command::Seek(model.position)]
    } else if is_at_edge(model) {
        vec![Command::GoLive]
    } else {
        vec![Command::Toggle]
    }
}

/// Returns what a key asks of the player of the stream that is shown alone.
fn wish(action: Action, model: &Model) -> Option<Wish> {
    let command = match action {
        Action::Toggle => Command::Toggle,
        Action::StepBack => Command::StepBack,
        Action::StepForward => Command::StepForward,
        Action::Jump(seconds) => Command::Jump(seconds),
        Action::Start => Command::Seek(match (model.duration, model.cached.first()) {
            (None, Some(oldest)) => oldest.start,
            _ => MediaTime::ZERO,
        }),
        Action::End => match model.duration {
            Some(duration) => Command::Seek(MediaTime::ZERO + duration.into()),
            None => Command::GoLive,
        },
        Action::Live => Command::GoLive,
        Action::Slower | Action::Faster => Command::Rate(input::next_rate(model, action == Action::Faster)?),
        Action::Next => return Some(Wish::Next),
        Action::Previous => return Some(Wish::Previous),
        Action::Record => return Some(Wish::Record),
        Action::Snapshot => return Some(Wish::Snapshot),
        _ => return None,
    };
    Some(Wish::Player(command))
}
