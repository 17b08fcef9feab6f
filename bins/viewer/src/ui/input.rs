//! What keys mean.
use crate::model::Model;
use minifb::Key;

/// The keys and what they do, as the help and docs/viewer.md tell it.
pub(crate) const KEYS: [(&str, &str); 16] = [
    ("Space, K, click", "play, pause"),
    (", .", "one frame back, forward"),
    ("Left, Right, wheel", "5 s back, forward; with Shift one frame"),
    ("Home, End", "to the start; to the end, or live"),
    ("[ ] - +", "slower, faster: 0.25x to 4x"),
    ("L", "to the live edge"),
    ("N, Page keys", "the next file; the next or the one before"),
    ("R", "record, stop recording"),
    ("P", "save the picture as PNG"),
    ("F, F11", "the whole screen, as a double click"),
    ("Z", "fill the window, show all"),
    ("1 to 9", "one of several streams; Esc or a click: all"),
    ("S", "figures"),
    ("H, ?, F1", "these keys"),
    ("Esc", "leave the screen, close panels, quit"),
    ("Q", "quit"),
];

/// How far the arrow keys and each notch of the wheel jump, in seconds.
pub(super) const JUMP: f64 = 5.0;
/// The rates that the keys choose.
const RATES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// A key by its name.
    Key {
        /// The key.
        key: Key,
        /// Whether Shift is held.
        shift: bool,
        /// Whether the key is held, and repeats itself.
        again: bool,
    },
    /// The character that a key writes. Where punctuation is depends on the keyboard.
    Char(char),
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Toggle,
    StepBack,
    StepForward,
    Jump(f64),
    /// Shows this one of several streams, counted from 0.
    Stream(usize),
    Start,
    End,
    Live,
    Next,
    Previous,
    Slower,
    Faster,
    Record,
    Snapshot,
    WholeScreen,
    Fill,
    Figures,
    Help,
    Leave,
    Quit,
}

/// Returns what a key asks for, if anything. Only keys that step and jump repeat while they are held.
pub(crate) fn action(press: Press) -> Option<Action> {
    let (key, shift, again) = match press {
        Press::Char(letter) => {
            return match letter {
                ',' => Some(Action::StepBack),
                '.' => Some(Action::StepForward),
                '[' | '-' => Some(Action::Slower),
                ']' | '+' | '=' => Some(Action::Faster),
                '?' => Some(Action::Help),
                _ => None,
            };
        }
        Press::Key { key, shift, again } => (key, shift, again),
    };
    let action = match key {
        Key::Left if shift => Action::StepBack,
        Key::Right if shift => Action::StepForward,
        Key::Left => Action::Jump(-JUMP),
        Key::Right => Action::Jump(JUMP),
        _ if again => return None,
        Key::Space | Key::K => Action::Toggle,
        Key::Home => Action::Start,
        Key::End => Action::End,
        Key::L => Action::Live,
        Key::N | Key::PageDown => Action::Next,
        Key::PageUp => Action::Previous,
        Key::R => Action::Record,
        Key::P => Action::Snapshot,
        Key::F | Key::F11 => Action::WholeScreen,
        Key::Z => Action::Fill,
        Key::S => Action::Figures,
        Key::H | Key::F1 => Action::Help,
        Key::Key1 | Key::NumPad1 => Action::Stream(0),
        Key::Key2 | Key::NumPad2 => Action::Stream(1),
        Key::Key3 | Key::NumPad3 => Action::Stream(2),
        Key::Key4 | Key::NumPad4 => Action::Stream(3),
        Key::Key5 | Key::NumPad5 => Action::Stream(4),
        Key::Key6 | Key::NumPad6 => Action::Stream(5),
        Key::Key7 | Key::NumPad7 => Action::Stream(6),
        Key::Key8 | Key::NumPad8 => Action::Stream(7),
        Key::Key9 | Key::NumPad9 => Action::Stream(8),
        Key::Escape => Action::Leave,
        Key::Q => Action::Quit,
        _ => return None,
    };
    Some(action)
}

/// Returns the next rate above or below the present one, whatever the direction; `None` at the end.
pub(crate) fn next_rate(model: &Model, faster: bool) -> Option<f64> {
    let now = model.rate.abs();
    if faster {
        RATES.into_iter().find(|rate| *rate > now)
    } else {
        RATES.into_iter().rev().find(|rate| *rate < now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: Key) -> Press {
        Press::Key { key, shift: false, again: false }
    }

    #[test]
    fn held_keys_only_step_and_jump() {
        let held = |key| action(Press::Key { key, shift: false, again: true });
        assert_eq!(held(Key::Right), Some(Action::Jump(5.0)));
        for key in [Key::Space, Key::Q, Key::R, Key::F1] {
            assert_eq!(held(key), None);
        }
    }

    #[test]
    fn arrows_jump_or_step_with_shift() {
        let with = |key, shift| action(Press::Key { key, shift, again: false });
        assert_eq!(with(Key::Left, false), Some(Action::Jump(-5.0)));
        assert_eq!(with(Key::Left, true), Some(Action::StepBack));
        assert_eq!(with(Key::Right, true), Some(Action::StepForward));
    }

    #[test]
    fn punctuation_counts_as_written() {
        assert_eq!(action(Press::Char(',')), Some(Action::StepBack));
        assert_eq!(action(Press::Char('+')), Some(Action::Faster));
        assert_eq!(action(key(Key::Comma)), None);
        assert_eq!(action(Press::Char('?')), Some(Action::Help));
        assert_eq!(action(Press::Char('q')), None);
        assert_eq!(action(key(Key::Q)), Some(Action::Quit));
    }

    #[test]
    fn rates_have_steps_and_ends() {
        let next = |rate, faster| next_rate(&Model { rate, ..Model::default() }, faster);
        assert_eq!([next(1.0, true), next(1.0, false)], [Some(2.0), Some(0.5)]);
        assert_eq!([next(3.0, true), next(3.0, false)], [Some(4.0), Some(2.0)]);
        assert_eq!([next(4.0, true), next(0.25, false)], [None, None]);
        assert_eq!([next(-1.0, true), next(-1.0, false)], [Some(2.0), Some(0.5)]);
    }

    #[test]
    fn the_documentation_has_these_keys() {
        let page = include_str!("../../../../docs/viewer.md");
        for (keys, what) in KEYS {
            let row = format!("| {keys} | {what} |");
            assert!(page.contains(&row), "docs/viewer.md has no row '{row}'");
        }
    }
}
