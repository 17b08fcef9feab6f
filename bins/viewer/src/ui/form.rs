//! The form over the picture, in which the user types a user name and a password.
use super::design::{ORANGE, WHITE};
use super::input::Press;
use super::panels::{Align, Line, Panels};
use super::text::Face;
use embedded_graphics::geometry::AnchorPoint;
use minifb::Key;
use pinhole_std::client::Credentials;
use std::fmt;

/// The most bytes of a field.
const MOST: usize = 128;
/// How many letters of a field are shown: the last ones.
const SHOWN: usize = 32;
/// Shown in place of each letter of a password.
const DOT: &str = "\u{2022}";
/// Where the next letter comes.
const CARET: char = '|';

/// A form that is being filled in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Form {
    reason: String,
    is_wrong: bool,
    user: String,
    password: String,
    is_at_password: bool,
}

/// What the user has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    LogIn(Credentials),
    GiveUp,
}

impl Form {
    /// Makes a form that says why it is there, and proposes a user name, if it is not empty. `is_wrong` says whether what
    /// was typed before was wrong.
    pub(super) fn new(reason: &str, user: &str, is_wrong: bool) -> Self {
        let (reason, user) = (reason.to_owned(), user.to_owned());
        Self { is_at_password: !user.is_empty(), reason, is_wrong, user, password: String::new() }
    }

    /// Returns whether the form is there for this reason.
    pub(super) fn is_for(&self, reason: &str) -> bool {
        self.reason == reason
    }

    /// Processes a key. Returns an answer if that is one.
    pub(super) fn press(&mut self, press: Press) -> Option<Answer> {
        let field = if self.is_at_password { &mut self.password } else { &mut self.user };
        match press {
            Press::Char(letter) if !letter.is_control() && field.len() + letter.len_utf8() <= MOST => {
                field.push(letter);
            }
            Press::Key { key: Key::Backspace, .. } => drop(field.pop()),
            Press::Key { again: true, .. } => {}
            Press::Key { key: Key::Tab | Key::Up | Key::Down, .. } => self.is_at_password ^= true,
            Press::Key { key: Key::Escape, .. } => return Some(Answer::GiveUp),
            Press::Key { key: Key::Enter | Key::NumPadEnter, .. } => {
                if self.is_at_password && !self.user.is_empty() {
                    let credentials = Credentials::new(&*self.user, std::mem::take(&mut self.password));
                    return Some(Answer::LogIn(credentials));
                }
                self.is_at_password = !self.user.is_empty();
            }
            _ => {}
        }
        None
    }

    /// Draws the form in the middle.
    pub(super) fn put(&self, panels: &mut Panels) {
        let field = |name: &str, text: &str, is_here: bool| {
            let mut shown: String = tail(text).to_owned();
            if is_here {
                shown.push(CARET);
            }
            Line::columns(name, &shown)
        };
        let dots = DOT.repeat(self.password.chars().count());
        let lines = [
            Line::new("Log in", Face::Large, WHITE),
            Line::new(&*self.reason, Face::Small, if self.is_wrong { ORANGE } else { WHITE }),
            field("User name", &self.user, !self.is_at_password),
            field("Password", &dots, self.is_at_password),
            Line::plain("Enter: log in   Tab: the other field   Esc: give up"),
        ];
        panels.put(&lines, Align::Left, &[AnchorPoint::Center]);
    }
}

/// Shows nothing of what was typed.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("reason", &self.reason).finish_non_exhaustive()
    }
}

/// Returns the last letters of a text, as many as are shown.
fn tail(text: &str) -> &str {
    let start = text.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::ui::layout::Layout;
    use crate::ui::scene::Scene;

    fn key(key: Key) -> Press {
        Press::Key { key, shift: false, again: false }
    }

    fn write(form: &mut Form, text: &str) {
        for letter in text.chars() {
            assert_eq!(form.press(Press::Char(letter)), None);
        }
    }

    fn shown(form: &Form) -> Vec<String> {
        let mut panels =
            Panels::new(&Layout::of((1280, 720), &Model::default(), Model::default().position), None);
        form.put(&mut panels);
        Scene(panels.items).texts().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_password_is_shown_as_dots() {
        let mut form = Form::new("the server asks", "", false);
        write(&mut form, "m\u{fc}");
        let fields = |form: &Form| {
            let shown = shown(form);
            [shown[3].clone(), shown[5].clone()]
        };
        assert_eq!(shown(&form)[..3], ["Log in", "the server asks", "User name"]);
        assert_eq!(form.press(key(Key::Tab)), None);
        write(&mut form, "s3cret");
        assert_eq!(fields(&form), ["m\u{fc}", "\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}|"]);
        assert_eq!(form.press(key(Key::Backspace)), None);
        write(&mut form, "q\r\t");
        assert_eq!(form.press(key(Key::Enter)), Some(Answer::LogIn(Credentials::new("m\u{fc}", "s3creq"))));
        assert!(!format!("{form:?}").contains("s3c"));
    }

    #[test]
    fn enter_goes_from_the_name_to_the_password() {
        let mut form = Form::new("", "", false);
        assert_eq!(form.press(key(Key::Enter)), None);
        write(&mut form, "me");
        assert_eq!(form.press(key(Key::Enter)), None);
        assert_eq!(form.press(key(Key::Enter)), Some(Answer::LogIn(Credentials::new("me", ""))));
        let mut proposed = Form::new("", "you", true);
        write(&mut proposed, "b");
        assert_eq!(proposed.press(key(Key::NumPadEnter)), Some(Answer::LogIn(Credentials::new("you", "b"))));
        assert_eq!(proposed.press(key(Key::Escape)), Some(Answer::GiveUp));
    }

    #[test]
    fn long_texts_are_bounded_and_end_at_the_caret() {
        let mut form = Form::new("", "", false);
        write(&mut form, &"ab".repeat(300));
        assert_eq!(form.user.len(), MOST);
        assert_eq!(shown(&form)[2], format!("{}|", "ab".repeat(16)));
    }
}
