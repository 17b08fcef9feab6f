//! The keys of a table: the long names of options, with the parsers and the help of these. So a value is read in the same
//! way on the command line, in the environment and in a file.
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, Command};
use pinhole_log::{cut, redacted_value};
use std::any::TypeId;
use std::error::Error;
use toml::de::DeValue;

/// How alike an unknown key and a known one are at least for the one to be proposed for the other, of 1.
const ALIKE: f64 = 0.75;

/// The keys of a table.
#[derive(Clone, Debug)]
pub(super) struct Keys(Command);

/// How the value of a key is written in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number: how often the option is given.
    Count,
    /// A list of texts.
    List,
    /// A text, or a number where that is one.
    Value,
}

/// A key with its value, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) key: String,
    /// One text, or those of a list.
    pub(super) texts: Vec<String>,
}

impl Keys {
    /// Returns the keys that stand for the options of `A`.
    pub(super) fn of<A: Args>() -> Self {
        let command = Command::new("configuration").disable_help_flag(true).disable_version_flag(true);
        Self(A::augment_args(command))
    }

    /// Returns the options that the keys stand for, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Arg)> {
        self.0.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg)))
    }

    /// Returns the option that a key stands for.
    ///
    /// # Errors
    /// There is none. The text names the nearest one, or all, `others` among them.
    pub(super) fn find(&self, key: &str, others: &[&str]) -> Result<&Arg, String> {
        if let Some((_, arg)) = self.all().find(|(name, _)| *name == key) {
            return Ok(arg);
        }
        let names = || self.all().map(|(name, _)| name).chain(others.iter().copied());
        let likeness = |name: &str| match strsim::damerau_levenshtein(name, key) {
            0 | 1 => 1.0,
            _ => strsim::jaro_winkler(name, key),
        };
        let nearest = names().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let key = cut(key);
        Err(match nearest.filter(|name| likeness(name) >= ALIKE) {
            Some(nearest) => format!("there is no key {key:?} here; did you mean {nearest:?}?"),
            None => {
                format!(
                    "there is no key {key:?} here; the keys are {}",
                    names().collect::<Vec<_>>().join(", ")
                )
            }
        })
    }

    /// Reads a value of a file.
    ///
    /// # Errors
    /// It is none for this option. The text says what was found and what is accepted.
    pub(super) fn read(&self, arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
        let texts = match (kind(arg), value) {
            (Kind::Switch, DeValue::Boolean(value)) => vec![value.to_string()],
            (Kind::Count, DeValue::Integer(_)) | (Kind::Value, DeValue::Integer(_) | DeValue::Float(_)) => {
                vec![number(value).ok_or("this number is too large")?]
            }
            (Kind::Value, DeValue::String(text)) => vec![text.clone().into_owned()],
            (Kind::List, DeValue::Array(list)) => {
                let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
                let texts: Option<Vec<_>> = list.iter().map(|value| text(value.get_ref())).collect();
                texts.ok_or_else(|| expected(Kind::List, "a list with something else in it"))?
            }
            (kind, value) => return Err(expected(kind, &found(value))),
        };
        texts.iter().try_for_each(|text| self.check(arg, text))?;
        Ok(texts)
    }

    /// Reads a value of an environment variable.
    ///
    /// # Errors
    /// It is none for this option. The text says what was found and what is accepted.
    pub(super) fn read_variable(&self, arg: &Arg, text: &str) -> Result<String, String> {
        let text = match (kind(arg), text.to_ascii_lowercase().as_str()) {
            (Kind::Switch, "true" | "yes" | "on" | "1") => "true".to_owned(),
            (Kind::Switch, "false" | "no" | "off" | "0") => "false".to_owned(),
            (Kind::Switch, _) => return Err(expected(Kind::Switch, &quoted(text))),
            _ => text.to_owned(),
        };
        self.check(arg, &text).map(|()| text)
    }

    /// Makes the options of `A` of settings that were checked one by one.
    ///
    /// # Errors
    /// They contradict each other.
    pub(super) fn make<A: Args>(&self, settings: &[Setting]) -> Result<A, String> {
        let one = |setting: &Setting| {
            setting.texts.iter().map(|text| format!("--{}={text}", setting.key)).collect::<Vec<_>>()
        };
        let words = std::iter::once(String::new()).chain(settings.iter().flat_map(one));
        let matches = self.0.clone().try_get_matches_from(words);
        matches.and_then(|matches| A::from_arg_matches(&matches)).map_err(|error| reason(&error))
    }

    /// Has the option parse a text.
    fn check(&self, arg: &Arg, text: &str) -> Result<(), String> {
        let found = |reason: &str| format!("{} is found; {reason}", quoted(text));
        match kind(arg) {
            Kind::Switch => Ok(()),
            Kind::Count => match text.parse::<u8>() {
                Ok(_) => Ok(()),
                Err(_) => Err(found("a number from 0 to 255 is expected")),
            },
            Kind::List | Kind::Value => {
                let word = format!("--{}={text}", arg.get_long().unwrap_or_default());
                match self.0.clone().try_get_matches_from([String::new(), word]) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(found(&reason(&error))),
                }
            }
        }
    }
}

/// Returns how the value of an option is written.
pub(super) fn kind(arg: &Arg) -> Kind {
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Switch,
        ArgAction::Count => Kind::Count,
        ArgAction::Append => Kind::List,
        _ if arg.get_value_parser().type_id() == TypeId::of::<bool>() => Kind::Switch,
        _ => Kind::Value,
    }
}

fn expected(kind: Kind, found: &str) -> String {
    let expected = match kind {
        Kind::Switch => "true or false is",
        Kind::Count => "a whole number is",
        Kind::List => "a list of texts, such as [\"one\", \"two\"], is",
        Kind::Value => "a text in quotes, or a number, is",
    };
    format!("{found} is found; {expected} expected")
}

/// Describes a value that is of the wrong kind.
fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(_) | DeValue::Float(_) => number(value).unwrap_or_else(|| "a number".to_owned()),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Returns a number as the command line has it; `None` if it is longer than any of these.
fn number(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::Integer(number) => {
            Some(i128::from_str_radix(number.as_str(), number.radix()).ok()?.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

/// Quotes a value without a password that may be in it.
fn quoted(text: &str) -> String {
    format!("{:?}", cut(&redacted_value(text)))
}

/// Returns what a parser says of a value.
fn reason(error: &clap::Error) -> String {
    match (error.kind(), error.source(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::InvalidValue, _, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("one of {} is expected", valid.join(", "))
        }
        (_, Some(source), _) => source.to_string(),
        _ => "a value is expected".to_owned(),
    }
}
