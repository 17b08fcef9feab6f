//! Parsing the command line.
use clap::Parser;
use clap::error::ContextValue;
use pinhole_log::redacted_value;

/// Parses the command line of the program. Ends the program if it is wrong, with code 2, or if it only asks
/// for help or the version, with code 0. Errors quote what was written without the passwords in it.
pub fn parse<P: Parser>() -> P {
    P::try_parse().unwrap_or_else(|error| without_credentials(error).exit())
}

/// Hides the user names and passwords of URLs in the values that an error quotes.
fn without_credentials(mut error: clap::Error) -> clap::Error {
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
            let error = Cli::try_parse_from([&["test"], args].concat()).unwrap_err();
            let error = without_credentials(error);
            let text = error.to_string();
            assert_eq!(error.exit_code(), 2, "{text}");
            let rest = text.replace("--secret", "");
            assert!(!rest.contains("sec") && !rest.contains("me:"), "{args:?}: {text}");
        }
        let error = Cli::try_parse_from(["test", "--much", "a@b"]).unwrap_err();
        assert!(without_credentials(error).to_string().contains("'a@b'"));
    }
}
