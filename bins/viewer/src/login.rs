//! With which user name and password to log in: those of URLs and options, and those that the user types.
use crate::cli::Cli;
use pinhole_std::client::{Credentials, UserInfo};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use std::time::Duration;

/// The longest line that is taken for a password.
const MAX_LINE: u64 = 4096;
/// How often to look whether somebody who is asked is to be asked no longer.
const POLL: Duration = Duration::from_millis(100);

/// The user name and password of the command line.
#[derive(Clone, Default)]
pub(crate) struct Given {
    user: Option<String>,
    password: Option<Vec<u8>>,
}

/// What is known of the login to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The server's URL, without credentials.
    pub(crate) url: String,
    /// The user name and password, if both are known.
    pub(crate) credentials: Option<Credentials>,
    /// The user name; empty if it is not known.
    pub(crate) user: String,
}

impl Given {
    /// Takes what the command line says, and reads the password.
    ///
    /// # Errors
    /// The password cannot be read.
    pub(crate) fn of(cli: &Cli) -> Result<Self, String> {
        let password = cli.password_file.as_deref().map(password).transpose()?;
        Ok(Self { user: cli.user.clone(), password })
    }

    /// Returns what is known for a URL, whose own user name and password come first.
    pub(crate) fn known(&self, url: &str) -> Known {
        let (url, user_info) = UserInfo::split(url);
        let (user, password) = match user_info {
            Some(UserInfo { user, password }) => (Some(user), password),
            None => (self.user.as_ref().map(|user| user.clone().into_bytes()), None),
        };
        let password = password.or_else(|| self.password.clone());
        let user_text = String::from_utf8_lossy(user.as_deref().unwrap_or_default()).into_owned();
        let credentials = user.zip(password).map(|(user, password)| Credentials::new(user, password));
        Known { url: url.into_owned(), credentials, user: user_text }
    }
}

/// Returns whether the user can be asked on the terminal.
pub(crate) fn can_ask() -> bool {
    cfg!(unix) && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks for a user name and a password on the terminal, after saying why. `user` is proposed. `goes_on` says whether to
/// wait any longer. Returns `None` if it does not, or if the user gives none.
pub(crate) fn ask(reason: &str, user: &str, goes_on: &dyn Fn() -> bool) -> Option<Credentials> {
    eprintln!("{}", pinhole_log::escaped(reason));
    let proposed = if user.is_empty() { String::new() } else { format!(" [{}]", pinhole_log::escaped(user)) };
    eprint!("User name{proposed}: ");
    let typed = line(goes_on)?;
    let user = if typed.is_empty() { user.as_bytes().to_vec() } else { typed };
    if user.is_empty() {
        return None;
    }
    eprint!("Password: ");
    let password = hidden::line(goes_on);
    eprintln!();
    Some(Credentials::new(user, password?))
}

/// Reads the first line of a file, or of standard input for `-`.
fn password(file: &Path) -> Result<Vec<u8>, String> {
    let is_stdin = file == Path::new("-");
    let failed = |error: io::Error| match is_stdin {
        true => format!("the password cannot be read from standard input: {error}"),
        false => format!("the password cannot be read from {}: {error}", file.display()),
    };
    if is_stdin && can_ask() {
        eprint!("Password: ");
        let line = hidden::line(&|| true);
        eprintln!();
        return line.ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()));
    }
    let first = match is_stdin {
        true => first_line(io::stdin().lock()),
        false => File::open(file).and_then(|file| first_line(BufReader::new(file))),
    };
    first.map_err(failed)
}

/// Reads up to a line end, and no further.
fn first_line(from: impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

/// Reads a line from the terminal; `None` at the end of input, or once `goes_on` is false.
fn line(goes_on: &dyn Fn() -> bool) -> Option<Vec<u8>> {
    while goes_on() {
        if hidden::has_input(POLL) {
            let mut line = Vec::new();
            io::stdin().lock().take(MAX_LINE).read_until(b'\n', &mut line).ok()?;
            // At the end of input there is no line end either.
            return line.strip_suffix(b"\n").map(<[u8]>::to_vec);
        }
    }
    None
}

/// Terminals that do not show what is typed.
#[cfg(unix)]
mod hidden {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
    use std::io;
    use std::os::fd::AsFd;
    use std::time::Duration;

    /// Puts the terminal back to what it was.
    struct Restore(Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            // Whatever is wrong with the terminal, this is all that can be done.
            let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
        }
    }

    /// Does what [`super::line`] does, and has the terminal show nothing of it.
    pub(super) fn line(goes_on: &dyn Fn() -> bool) -> Option<Vec<u8>> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let _restore = Restore(before);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).ok()?;
        super::line(goes_on)
    }

    /// Waits for a line, at most so long.
    pub(super) fn has_input(wait: Duration) -> bool {
        let stdin = io::stdin();
        let mut waited = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
        poll(&mut waited, wait).is_ok_and(|ready| ready > 0)
    }
}

/// Nobody is asked on other systems.
#[cfg(not(unix))]
mod hidden {
    use std::time::Duration;

    pub(super) fn line(_: &dyn Fn() -> bool) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn has_input(_: Duration) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_comes_before_the_options() {
        let given = Given { user: Some("me".to_owned()), password: Some(b"of file".to_vec()) };
        let known = |given: &Given, url| given.known(url);
        let credentials = |user: &str, password: &str| Some(Credentials::new(user, password));
        for (url, user, password) in [
            ("rtsp://cam/1", "me", "of file"),
            ("rtsp://you@cam/1", "you", "of file"),
            ("rtsp://you:p%40@cam/1", "you", "p@"),
            ("rtsp://you:@cam/1", "you", ""),
        ] {
            let expected = Known {
                url: "rtsp://cam/1".to_owned(),
                credentials: credentials(user, password),
                user: user.to_owned(),
            };
            assert_eq!(known(&given, url), expected, "{url}");
        }
        let none = Given::default();
        assert_eq!(known(&none, "rtsp://cam/1").credentials, None);
        let half = known(&none, "rtsp://you@cam/1");
        assert_eq!((half.credentials, &*half.user), (None, "you"));
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        for (text, password) in [("a b\nc", "a b"), ("a \r\n", "a "), ("a", "a"), ("", ""), ("\n", "")] {
            assert_eq!(first_line(text.as_bytes()).unwrap(), password.as_bytes(), "{text:?}");
        }
        assert!(password(Path::new("/nonexistent/password")).unwrap_err().contains("/nonexistent/password"));
    }
}
