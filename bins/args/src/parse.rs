//! Parsing the command line.
use clap::error::{ContextValue, Error};
use clap::{Arg, ArgMatches, Command, Parser};
use pinhole_log::redacted_value;
use std::ffi::{OsStr, OsString};

/// Parses the command line of the program. Ends the program if it is wrong, with code 2, or if it only asks
/// for help or the version, with code 0. Errors quote what was written without the passwords in it.
pub fn parse<P: Parser>() -> P {
    try_parse_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
}

/// Parses a command line, of which the first word is the name of the program. A negative number after an
/// option is its value, also with a unit, so that the option's own parser says what is accepted.
///
/// # Errors
/// The command line is wrong, or only asks for help or the version. The error quotes what was written without
/// the passwords in it.
pub fn try_parse_from<P: Parser>(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<P, Error> {
    let matches = try_matches(P::command(), words)?;
    P::from_arg_matches(&matches).map_err(|error| without_credentials(error.format(&mut P::command())))
}

/// Parses a command line as [`try_parse_from`] does, into what has been found.
///
/// # Errors
/// Those of [`try_parse_from`].
pub fn try_matches(
    command: Command,
    words: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<ArgMatches, Error> {
    let words = with_negative_values(&command, words.into_iter().map(Into::into));
    command.try_get_matches_from(words).map_err(without_credentials)
}

/// Returns the words with each negative number joined to the option before it: `--scale -1` as `--scale=-1`.
fn with_negative_values(command: &Command, words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut only_values = false;
    for word in words {
        let is_value = !only_values && is_negative(&word);
        match joined.last_mut().filter(|option| is_value && takes_value(command, option)) {
            Some(option) => {
                option.push("=");
                option.push(word);
            }
            None => {
                only_values |= word == "--";
                joined.push(word);
            }
        }
    }
    joined
}

/// Returns whether a word is a minus sign and a number, whatever follows.
fn is_negative(word: &OsStr) -> bool {
    let number = word.to_str().and_then(|word| word.strip_prefix('-'));
    number.is_some_and(|number| number.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit()))
}

/// Returns whether a word is the name of an option with a value, of the command or of a subcommand.
fn takes_value(command: &Command, word: &OsStr) -> bool {
    let Some(name) = word.to_str().and_then(|word| word.strip_prefix("--")) else { return false };
    let is_it = |arg: &Arg| arg.get_long() == Some(name) && arg.get_action().takes_values();
    command.get_arguments().any(is_it)
        || command.get_subcommands().any(|subcommand| takes_value(subcommand, word))
}

/// Hides the user names and passwords of URLs in the values that an error quotes.
fn without_credentials(mut error: Error) -> Error {
    let hide = |text: &String| redacted_value(text).into_owned();
    let hidden: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(hide(text)))),
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(hide).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in hidden {
        error.insert(kind, value);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[arg(value_parser = |_: &str| Err::<String, _>("this is no URL"))]
        url: Option<String>,
        #[arg(long)]
        much: Option<u32>,
        #[arg(long, value_parser = crate::duration)]
        time: Option<std::time::Duration>,
        #[arg(long)]
        flag: bool,
        #[command(subcommand)]
        command: Option<Inner>,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Inner {
        Run {
            #[arg(long, value_parser = crate::share)]
            loss: f64,
            rest: Vec<String>,
        },
    }

    #[test]
    fn a_negative_number_is_refused_by_the_parser_of_its_option() {
        for (args, said) in [
            (&["--time", "-1"][..], "'-1' for '--time <TIME>': a time above 0 is expected"),
            (&["--time", "-5ms"], "'-5ms' for '--time <TIME>': a time above 0"),
            (&["--time", "-1:30"], "'-1:30' for '--time <TIME>': a time above 0"),
            (&["--time", "-.5"], "'-.5' for '--time <TIME>': a time above 0"),
            (&["run", "--loss", "-1%"], "'-1%' for '--loss <LOSS>': a share is expected"),
            (&["--flag", "-1"], "unexpected argument '-1'"),
            (&["--time", "--flag"], "a value is required for '--time <TIME>'"),
        ] {
            let error = try_parse_from::<Cli>([&["test"], args].concat()).unwrap_err();
            let text = error.to_string();
            assert!(error.exit_code() == 2 && text.contains(said), "{args:?}: {text}");
            assert!(args[0] == "--flag" || !text.contains("-- -"), "{args:?}: {text}");
        }
        let words = ["test", "run", "--loss", "0.5", "--", "--loss", "-1"];
        let cli: Cli = try_parse_from(words).unwrap();
        let Some(Inner::Run { loss, rest }) = cli.command else { panic!("it is no run") };
        assert_eq!((loss, rest), (0.5, vec!["--loss".to_owned(), "-1".to_owned()]));
    }

    #[test]
    fn no_error_quotes_a_password() {
        for args in [
            &["rtsp://me:secret@cam/1"][..],
            &["rtsp://me:sec/ret@cam/1"],
            &["rtsp://me:a secret@cam/1"],
            &["rtsp:/me:secret@cam/1"],
            &["me:secret@cam/1"],
            &["--much", "rtsp://me:secret@cam/1"],
            &["--much=1", "--secret=rtsp://me:secret@cam/1"],
        ] {
            let error = try_parse_from::<Cli>([&["test"], args].concat()).unwrap_err();
            let text = error.to_string();
            assert_eq!(error.exit_code(), 2, "{text}");
            let rest = text.replace("--secret", "");
            assert!(!rest.contains("sec") && !rest.contains("me:"), "{args:?}: {text}");
        }
        let error = try_parse_from::<Cli>(["test", "--much", "a@b"]).unwrap_err();
        assert!(error.to_string().contains("'a@b'"));
    }
}
