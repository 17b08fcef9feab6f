//! The configuration: the command line, over the environment, over a file, over defaults.
//!
//! What the environment and the file say takes the place of the defaults of the command line, so that all three are parsed
//! and merged in one way.
mod document;
mod fault;
mod keys;
mod medium;
mod print;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use crate::cli::{Cli, DEFAULT_MEDIA, Media, Serve};
use crate::users::{self, Entry};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use document::{Document, USERS};
use keys::{Keys, Setting};
use pinhole_log::cut;
use pinhole_std::server::Users;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) use medium::Medium;

/// The longest file in bytes.
const MAX_LEN: u64 = 4 << 20;
/// What the names of environment variables begin with.
const PREFIX: &str = "PINHOLE_";
/// The variable that names the file.
const CONFIG: &str = "PINHOLE_CONFIG";

/// Where keys stand, or the environment variables that have their values.
type Places = HashMap<String, String>;

/// Where settings come from.
pub(crate) struct Origins {
    /// The command line, with the name of the program.
    pub(crate) words: Vec<OsString>,
    /// Returns an environment variable.
    pub(crate) variable: fn(&str) -> Option<OsString>,
}

/// All that says how to serve.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) serve: Serve,
    /// What is served.
    pub(crate) media: Vec<Medium>,
    /// Whether anything was named to be served, and not the default.
    pub(crate) is_named: bool,
    /// The users that are in the file, each with its place; `None` if there are none there, or others count.
    users: Option<Vec<(String, Entry)>>,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    matches: ArgMatches,
}

impl Origins {
    /// Returns those of this process.
    pub(crate) fn of_process() -> Self {
        Self { words: std::env::args_os().collect(), variable: |name| std::env::var_os(name) }
    }

    /// Returns the file that is named.
    pub(crate) fn file(&self, cli: &Cli) -> Option<PathBuf> {
        cli.file.config.clone().or_else(|| self.variable(CONFIG).map(PathBuf::from))
    }

    /// Returns an environment variable, if it is set to anything.
    fn variable(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Reads the configuration anew.
    ///
    /// # Errors
    /// What is wrong, a line each: all of it that can be told at once.
    pub(crate) fn read(&self) -> Result<Configuration, Vec<String>> {
        let cli: Cli = pinhole_args::try_parse_from(&self.words).map_err(|error| vec![error.to_string()])?;
        let file = self.file(&cli);
        let mut faults = Vec::new();
        let Document { mut settings, media, users, mut places, media_places, .. } = match &file {
            Some(path) => read_file(path).unwrap_or_else(|told| {
                faults.extend(told);
                Document::default()
            }),
            None => Document::default(),
        };
        let keys = Keys::of::<Serve>();
        for (key, arg) in keys.all() {
            let name = variable_of(key);
            let Some(text) = self.variable(&name) else { continue };
            let text = text.to_str().ok_or("it is no UTF-8".to_owned());
            match text.and_then(|text| keys.read_variable(arg, text)) {
                Ok(text) => {
                    settings.retain(|setting| setting.key != key);
                    settings.push(Setting { key: key.to_owned(), texts: vec![text] });
                    places.insert(key.to_owned(), name);
                }
                Err(error) => faults.push(format!("{name}: {error}")),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let command = with_defaults(Cli::command(), &keys, &settings);
        let matches = pinhole_args::try_matches(command, &self.words);
        let matches = matches.map_err(|error| vec![error.to_string()])?;
        let cli = Cli::from_arg_matches(&matches).map_err(|error| vec![error.to_string()])?;
        let serve = cli.serve;
        let is_named = !media.is_empty() || !serve.media.is_empty() || serve.pattern.is_some();
        let media = match (serve.media.is_empty(), is_named) {
            (false, _) => serve.media.iter().map(Medium::named).collect(),
            (true, true) => media,
            (true, false) => vec![Medium::named(&Media::Path(DEFAULT_MEDIA.into()))],
        };
        // A file of users takes the place of those in the configuration.
        let users = users.filter(|_| serve.logins.users.is_none());
        let configuration = Configuration { serve, media, is_named, users, file, matches };
        let faults = configuration.contradictions(&places, &media_places);
        if faults.is_empty() { Ok(configuration) } else { Err(faults) }
    }
}

impl Configuration {
    /// Returns what does not go together, each with the place of the key, if it is one of a file. `media` has the places of the
    /// keys of each medium; it is not looked at if the command line names the media.
    fn contradictions(&self, options: &Places, media: &[Places]) -> Vec<String> {
        let mut faults = Vec::new();
        let at = |place: Option<&String>, fault: &str| match place {
            Some(place) => format!("{place}: {fault}"),
            None => fault.to_owned(),
        };
        let of_option = |key: &str, fault: &str| {
            let place = options.get(key).filter(|_| self.is_default(key));
            at(place, fault)
        };
        let of_medium = |number: usize, keys: &[&str], fault: &str| {
            let places = media.get(number).filter(|_| self.serve.media.is_empty());
            at(places.and_then(|places| keys.iter().find_map(|key| places.get(*key))), fault)
        };
        let mut names = HashSet::new();
        for (number, medium) in self.media.iter().enumerate() {
            if let Media::Source { name, .. } = &medium.media
                && !names.insert(name)
            {
                let fault = format!(
                    "two sources would be served as /{name}: give one of them another name, as in NAME=rtsp://HOST/PATH"
                );
                faults.push(of_medium(number, &["name", "source"], &fault));
            }
        }
        faults.extend(self.serve.tls.contradictions().map(|(key, fault)| of_option(key, fault)));
        let logins = &self.serve.logins;
        if logins.users.is_none() && self.users.is_none() {
            let needs = [("realm", logins.realm.is_some()), ("allow-basic", logins.allow_basic)];
            for (key, _) in needs.iter().filter(|(_, is_set)| *is_set) {
                let fault = format!("--{key} needs users: name their file with --users FILE");
                faults.push(of_option(key, &fault));
            }
            if let Some(number) = self.media.iter().position(|medium| medium.keys.users.is_some()) {
                let fault =
                    "media have users, and there are none: name their file with --users FILE, or add [users]";
                faults.push(of_medium(number, &["users"], fault));
            }
        }
        faults
    }

    /// Returns whether the command line does not say it.
    fn is_default(&self, key: &str) -> bool {
        let keys = Keys::of::<Serve>();
        let id = keys.all().find(|(name, _)| *name == key).map(|(_, arg)| arg.get_id().as_str().to_owned());
        id.is_some_and(|id| self.matches.value_source(&id) != Some(ValueSource::CommandLine))
    }

    /// Reads the users who may log in; `None` if everybody may watch.
    ///
    /// # Errors
    /// Their file cannot be read, others may read it, or there is something wrong with a user.
    pub(crate) fn users(&self) -> Result<Option<Users>, String> {
        let logins = &self.serve.logins;
        let realm = logins.realm.as_deref();
        let users = match (&logins.users, &self.users) {
            (Some(path), _) => users::load(path, realm)?,
            (None, Some(entries)) => users::collect(entries.iter().cloned().map(Ok), realm)?
                .ok_or("there is no user in [users]; without users, leave it out")?,
            (None, None) => return Ok(None),
        };
        let users = if logins.allow_basic { users.with_basic() } else { users };
        let named = self.media.iter().flat_map(|medium| medium.keys.users.iter().flatten());
        let unknown: Vec<_> =
            named.filter(|name| !users.has(name)).map(|name| format!("{:?}", cut(name))).collect();
        match unknown.is_empty() {
            true => Ok(Some(users)),
            false => Err(format!("media have users who are not there: {}", unknown.join(", "))),
        }
    }

    /// Returns whether anything of it can change while the program runs.
    pub(crate) fn can_change(&self) -> bool {
        let tls = &self.serve.tls;
        let has_certificate = tls.tls_cert.is_some() || tls.tls_self_signed.is_some();
        self.file.is_some() || self.serve.logins.users.is_some() || has_certificate
    }

    /// Returns the options in which another configuration differs, by their long names.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let raw = |matches: &ArgMatches, id: &str| -> Option<Vec<OsString>> {
            Some(matches.get_raw(id)?.map(OsStr::to_owned).collect())
        };
        let keys = Keys::of::<Serve>();
        let differs = |id: &str| raw(&self.matches, id) != raw(&other.matches, id);
        keys.all().filter(|(_, arg)| differs(arg.get_id().as_str())).map(|(key, _)| key.to_owned()).collect()
    }

    /// Returns the media that another configuration does not have, whoever may watch them.
    pub(crate) fn media_beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Medium> {
        self.media.iter().filter(|medium| !other.media.iter().any(|other| other.is(medium)))
    }
}

/// Returns the environment variable that stands for an option.
fn variable_of(key: &str) -> String {
    PREFIX.to_owned() + &key.to_ascii_uppercase().replace('-', "_")
}

/// Returns a command line whose options have other defaults.
fn with_defaults(mut command: clap::Command, keys: &Keys, settings: &[Setting]) -> clap::Command {
    for (key, arg) in keys.all() {
        let setting = settings.iter().find(|setting| setting.key == key);
        if let Some(setting) = setting {
            command = command.mut_arg(arg.get_id().as_str(), |arg| arg.default_values(&setting.texts));
        }
    }
    command
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, others may read it and may not, or something in it is wrong: a line for each fault.
fn read_file(path: &Path) -> Result<Document, Vec<String>> {
    let named = |error: &dyn std::fmt::Display| vec![format!("{}: {error}", path.display())];
    let read = || -> io::Result<(File, String)> {
        let file = File::open(path)?;
        let mut text = String::new();
        if (&file).take(MAX_LEN + 1).read_to_string(&mut text)? as u64 > MAX_LEN {
            return Err(io::Error::other(format!("the file is longer than {} MiB", MAX_LEN >> 20)));
        }
        Ok((file, text))
    };
    let (file, text) = read().map_err(|error| named(&error))?;
    let (document, faults) = document::read(path, &text);
    if document.is_secret {
        users::check_permissions(&file, path).map_err(|error| named(&error))?;
    }
    if faults.is_empty() { Ok(document) } else { Err(fault::told(path, &text, faults)) }
}
