//! The player's face: what is drawn over the picture, and what keys and pointer ask for there.
//!
//! All of it is pure: the state of the player, the window's size and the time go in; wishes and a
//! list of things to draw ([`scene`]) come out. Where things are is told by [`layout`], what they
//! are by [`timeline`], [`controls`] and [`overlay`], what keys mean by [`input`]. [`paint`] puts
//! a list on the window's pixels, with [`shape`] and [`text`].

pub(crate) mod canvas;
mod controls;
mod input;
mod layout;
mod overlay;
mod paint;
mod scene;
mod shape;
mod text;
mod timeline;
pub(crate) mod window;

pub(crate) use input::Press;
pub(crate) use overlay::without_password;
pub(crate) use paint::{Painter, Surface};
pub(crate) use scene::Scene;

use crate::model::{Command, Model, State};
use embedded_graphics::geometry::Point;
use input::Action;
use layout::{Layout, Target};
use pinhole::time::MediaTime;
use std::mem::{self, Discriminant};
use std::time::{Duration, Instant};
use timeline::Span;

/// The controls go away after so much rest.
const REST: Duration = Duration::from_secs(3);
/// A notice stays for this time.
const NOTICE: Duration = Duration::from_secs(3);
/// A picture that has not changed for this time stands: waiting that is shorter is not told.
const STANDS: Duration = Duration::from_millis(300);
/// While the pointer drags, one place in this time is gone to.
const SEEK_EVERY: Duration = Duration::from_millis(50);
/// After a drag the knob stays where it was let go, until the player is there.
const SETTLE: Duration = Duration::from_millis(400);

/// What the user wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Something of the player.
    Player(Command),
    /// Start recording, or stop it.
    Record,
    /// Save the picture.
    Snapshot,
    /// End the program.
    Quit,
}

/// What the face remembers.
#[derive(Debug, Default)]
pub(crate) struct Ui {
    figures: bool,
    help: bool,
    filled: bool,
    /// Until when the controls are shown; `None`: nothing was touched yet.
    awake_until: Option<Instant>,
    /// Where the pointer was last; it may be outside of the window.
    pointer: Option<Point>,
    /// Its button is down, and was pressed here.
    pressed: Option<Option<Target>>,
    drag: Option<Drag>,
    notice: Option<(String, Instant)>,
    seen: Option<Seen>,
}

/// The knob, dragged along the timeline.
#[derive(Clone, Copy, Debug)]
struct Drag {
    to: MediaTime,
    sent: Option<(MediaTime, Instant)>,
    released: Option<Instant>,
}

/// What was seen of the player, and since when it is so.
#[derive(Clone, Copy, Debug)]
struct Seen {
    position: MediaTime,
    state: Discriminant<State>,
    since: Instant,
}

impl Ui {
    /// The picture fills the window, and what does not fit is cut off.
    pub(crate) const fn is_filled(&self) -> bool {
        self.filled
    }

    /// The pointer is in the way: nothing but the picture is to be seen.
    pub(crate) fn hides_pointer(&self, model: &Model, now: Instant) -> bool {
        !self.shows_controls(model, now)
    }

    /// Shows a line for some time.
    pub(crate) fn notify(&mut self, text: String, now: Instant) {
        self.notice = Some((text, now + NOTICE));
    }

    /// A key was pressed.
    pub(crate) fn press(&mut self, press: Press, model: &Model, now: Instant) -> Option<Wish> {
        let action = input::action(press)?;
        self.wake(now);
        let wish = match action {
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
            Action::Slower | Action::Faster => {
                Command::Rate(input::next_rate(model, action == Action::Faster)?)
            }
            Action::Record => return Some(Wish::Record),
            Action::Snapshot => return Some(Wish::Snapshot),
            Action::Leave if self.help || self.figures => {
                // What was opened over the other goes first.
                if !mem::take(&mut self.help) {
                    self.figures = false;
                }
                return None;
            }
            Action::Leave | Action::Quit => return Some(Wish::Quit),
            Action::Figures => {
                self.figures = !self.figures;
                return None;
            }
            Action::Help => {
                self.help = !self.help;
                return None;
            }
            Action::Fill => {
                self.filled = !self.filled;
                return None;
            }
        };
        Some(Wish::Player(wish))
    }

    /// The pointer is at a place, be it outside of the window, and its button is down or not. To be
    /// told again and again: what is dragged is not followed at each pixel.
    pub(crate) fn point(
        &mut self,
        at: Point,
        down: bool,
        model: &Model,
        size: (u32, u32),
        now: Instant,
    ) -> Vec<Wish> {
        let layout = Layout::of(size, model, model.position);
        let before = self.pointer.replace(at);
        let moved = before.is_some_and(|before| before != at && layout.window.contains(at));
        if moved || down || self.pressed.is_some() {
            self.wake(now);
        }
        let target = layout.hit(at, self.shows_controls(model, now));
        let mut wishes = Vec::new();
        match (self.pressed, down) {
            (None, true) => self.pressed = Some(target),
            (Some(pressed), false) => {
                self.pressed = None;
                let clicked = target.filter(|_| pressed == target).and_then(click);
                wishes.extend(clicked.map(Wish::Player));
            }
            _ => {}
        }
        let span_and_track = Span::of(model).zip(layout.bar.and_then(|bar| bar.track));
        if self.pressed == Some(Some(Target::Timeline))
            && let Some((span, track)) = span_and_track
        {
            let sent = self.drag.filter(|drag| drag.released.is_none()).and_then(|drag| drag.sent);
            self.drag = Some(Drag { to: span.time(track, at.x), sent, released: None });
        } else if let Some(drag) = &mut self.drag {
            drag.released.get_or_insert(now);
        }
        wishes.extend(self.seek(now).map(Wish::Player));
        wishes
    }

    /// What there is to draw over the picture.
    pub(crate) fn scene(&mut self, model: &Model, size: (u32, u32), now: Instant) -> Scene {
        let stands = self.stands(model, now);
        let position = self.position(model, now);
        let layout = Layout::of(size, model, position);
        let mut items = overlay::message(model, &layout, stands);
        if self.shows_controls(model, now)
            && let Some(bar) = &layout.bar
        {
            let pointer = self.pointer.and_then(|at| Some((at, layout.hit(at, true)?)));
            // What is dragged stays in hand, wherever the pointer goes.
            let pointer =
                if self.is_dragging() { self.pointer.map(|at| (at, Target::Timeline)) } else { pointer };
            items.extend(controls::draw(model, &layout, bar, position, pointer));
        }
        if self.figures {
            items.extend(overlay::figures(model, &layout));
        }
        if self.help {
            items.extend(overlay::help(&layout));
        }
        if let Some((text, _)) = self.notice.as_ref().filter(|(_, until)| now < *until) {
            items.extend(overlay::notice(text, &layout));
        }
        Scene(items)
    }

    fn wake(&mut self, now: Instant) {
        self.awake_until = Some(now + REST);
    }

    fn shows_controls(&self, model: &Model, now: Instant) -> bool {
        controls::rests(model) || self.is_dragging() || self.awake_until.is_some_and(|until| now < until)
    }

    fn is_dragging(&self) -> bool {
        self.drag.is_some_and(|drag| drag.released.is_none())
    }

    /// Where the knob is.
    fn position(&self, model: &Model, now: Instant) -> MediaTime {
        let drag = self.drag.filter(|drag| drag.released.is_none_or(|released| now < released + SETTLE));
        drag.map_or(model.position, |drag| drag.to)
    }

    /// Where to go for the drag, if it is time to. The place where it ends is always gone to.
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

    /// Neither the picture nor what the player does has changed for some time.
    fn stands(&mut self, model: &Model, now: Instant) -> bool {
        let (position, state) = (model.position, mem::discriminant(&model.state));
        let same = self.seen.filter(|seen| (seen.position, seen.state) == (position, state));
        let seen = *self.seen.insert(same.unwrap_or(Seen { position, state, since: now }));
        now >= seen.since + STANDS
    }
}

/// What a click does.
const fn click(on: Target) -> Option<Command> {
    match on {
        Target::Picture | Target::Toggle => Some(Command::Toggle),
        Target::StepBack => Some(Command::StepBack),
        Target::StepForward => Some(Command::StepForward),
        Target::Live => Some(Command::GoLive),
        Target::Timeline | Target::Bar => None,
    }
}

#[cfg(test)]
mod tests;
