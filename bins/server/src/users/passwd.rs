//! The command `passwd`: sets the password of a user.
use super::file::{self, Entry};
use crate::cli::Passwd;
use pinhole_std::new_file::NewFile;
use std::error::Error;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

/// The realm of the first user of a file.
const REALM: &str = "Pinhole";
/// The longest password in bytes.
const MAX_PASSWORD: usize = 256;

/// Sets the password that is entered twice at a terminal, or is a line of standard input. Returns what was done, for
/// people.
///
/// # Errors
/// The file cannot be read or written or is wrong, or the password cannot be one.
pub(crate) fn run(cli: &Passwd) -> Result<String, Box<dyn Error>> {
    let path = &cli.file;
    let before = match file::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    };
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(before.lines()) {
        let entry =
            Entry::parse(line).map_err(|error| format!("{}, line {number}: {error}", path.display()))?;
        entries.extend(entry);
    }
    let realm = cli.realm.clone().or_else(|| entries.first().map(|entry| entry.realm.clone()));
    let realm = realm.unwrap_or_else(|| REALM.to_owned());
    let former = entries.into_iter().find(|entry| entry.name == cli.user);
    let read = match (cli.read.is_empty(), &former) {
        (false, _) => cli.read.clone(),
        (true, Some(former)) => former.read.clone(),
        (true, None) => vec!["*".to_owned()],
    };
    let password = match io::stdin().is_terminal() {
        true => ask(&cli.user)?,
        false => first_line(&mut io::stdin().lock())?,
    };
    if password.is_empty() || password.len() > MAX_PASSWORD {
        return Err(format!("a password has 1 to {MAX_PASSWORD} bytes").into());
    }
    let mut entry = Entry::new(&cli.user, &realm, &password, read);
    if let Some(former) = &former {
        (entry.allow, entry.deny) = (former.allow.clone(), former.deny.clone());
    }
    write(path, &file::with(&before, &entry)).map_err(|error| format!("{}: {error}", path.display()))?;
    // What was written is what the server will read.
    file::load(path, Some(&realm))?;
    let done = if former.is_some() { "the password is another one" } else { "the user is new" };
    Ok(format!(
        "{}: {:?} may log in to {realm:?}, and watch {}; {done}",
        path.display(),
        cli.user,
        entry.read.join(" ")
    ))
}

/// Asks for a password twice, without showing it.
fn ask(user: &str) -> Result<String, Box<dyn Error>> {
    let password = rpassword::prompt_password(format!("Password of {user:?}: "))?;
    if password != rpassword::prompt_password("Once more: ")? {
        return Err("the two passwords are not the same, and nothing was changed".into());
    }
    Ok(password)
}

/// Reads a password that is piped in.
fn first_line(input: &mut impl BufRead) -> Result<String, Box<dyn Error>> {
    let mut line = String::new();
    io::Read::take(input, MAX_PASSWORD as u64 + 2).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Writes a file that only its owner may read, in place of the former one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = NewFile::beside(path)?;
    let mut file = new.file()?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    new.replace(path)
}
