//! The configuration file: TOML, whose keys are the long names of options. `[[media]]` are what is served, and `[users]`
//! who may log in.
use super::fault::{Fault, place};
use super::keys::{Keys, Setting};
use super::medium::{Medium, MediumKeys};
use crate::cli::{Serve, user_name};
use crate::network::network;
use crate::users::Entry;
use clap::Args;
use pinhole_log::{cut, redacted_value};
use pinhole_std::server::ipnet::IpNet;
use std::collections::HashMap;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file has.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) settings: Vec<Setting>,
    pub(super) media: Vec<Medium>,
    /// The users, each with its place; `None` if the file has none in it.
    pub(super) users: Option<Vec<(String, Entry)>>,
    /// Where its keys stand, but for those of media and users.
    pub(super) places: HashMap<String, String>,
    /// Where each of its media has its keys, in the order of the media.
    pub(super) media_places: Vec<HashMap<String, String>>,
    /// Whether there is something in it that is as good as a password.
    pub(super) is_secret: bool,
}

/// The keys of a user `[users.NAME]`, as in the lines of a file with users.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct UserKeys {
    /// The realm for which the password was set [default: the key realm of the file]
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,

    /// What pinhole-server passwd has made of the password, for SHA-256
    #[arg(long, value_name = "HASH")]
    sha256: Option<String>,

    /// The same for MD5, which all clients know
    #[arg(long, value_name = "HASH")]
    md5: Option<String>,

    /// The paths that the user may watch, in which * is any text [default: only media that name the user]
    #[arg(long, value_name = "PATH")]
    read: Option<Vec<String>>,

    /// The addresses and networks from which the user may log in [default: all]
    #[arg(long, value_name = "ADDR[/BITS]", value_parser = network)]
    allow: Vec<IpNet>,

    /// Those from which the user may not, whatever allow says
    #[arg(long, value_name = "ADDR[/BITS]", value_parser = network)]
    deny: Vec<IpNet>,
}

/// The lists of those who are let in. An empty one is none for a parser of options, and would let everybody in.
const OF_THOSE_LET_IN: [&str; 2] = ["users", "allow"];

/// The name of the array with the media, and of the table with the users.
pub(super) const MEDIA: &str = "media";
pub(super) const USERS: &str = "users";

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

/// Reads a file. What is wrong goes to the faults, and the rest is read all the same.
pub(super) fn read(path: &Path, text: &str) -> (Document, Vec<Fault>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<_> = errors
        .iter()
        .map(|error| {
            let at = error.span().map_or(text.len(), |span| span.start);
            Fault::new(at, format!("this is no TOML: {}", error.message().replace('\n', "; ")))
        })
        .collect();
    if !faults.is_empty() {
        // What follows from these would be told, too.
        return (Document::default(), faults);
    }
    let mut reader = Reader { path, text, faults: Vec::new(), document: Document::default() };
    reader.read(table.get_ref());
    let Reader { faults: more, document, .. } = reader;
    faults.extend(more);
    (document, faults)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    faults: Vec<Fault>,
    document: Document,
}

impl Reader<'_> {
    fn read(&mut self, table: &DeTable<'_>) {
        let (keys, medium_keys, user_keys) =
            (Keys::of::<Serve>(), Keys::of::<MediumKeys>(), Keys::of::<UserKeys>());
        let mut users = None;
        for (key, value) in table.iter() {
            match (&**key.get_ref(), value.get_ref()) {
                (MEDIA, DeValue::Array(entries))
                    if entries.iter().all(|entry| entry.get_ref().is_table()) =>
                {
                    for entry in entries.iter() {
                        self.medium(&medium_keys, entry);
                    }
                }
                (MEDIA, _) => {
                    self.fault(value, "media are written as [[media]], with path or source below it")
                }
                (USERS, DeValue::Table(table)) => users = Some(table),
                _ => {
                    let place = self.place(key);
                    if let Some(setting) = self.setting(&keys, key, value, &[MEDIA]) {
                        self.document.places.insert(setting.key.clone(), place);
                        self.document.settings.push(setting);
                    }
                }
            }
        }
        let realm = self.document.settings.iter().find(|setting| setting.key == "realm");
        let realm = realm.and_then(|setting| setting.texts.first().cloned());
        if let Some(users) = users {
            self.document.is_secret = true;
            self.document.users = Some(Vec::new());
            for (name, value) in users.iter() {
                self.user(&user_keys, name, value, realm.as_deref());
            }
        }
    }

    /// Reads a key of a table with its value.
    fn setting(&mut self, keys: &Keys, key: &Key<'_>, value: &Value<'_>, others: &[&str]) -> Option<Setting> {
        let name = &**key.get_ref();
        let arg = match keys.find(name, others) {
            Ok(arg) => arg,
            Err(error) => {
                self.faults.push(Fault::new(key.span().start, error));
                return None;
            }
        };
        match keys.read(arg, value.get_ref()) {
            Ok(texts) if texts.is_empty() && OF_THOSE_LET_IN.contains(&name) => {
                self.fault(
                    value,
                    format!("{name:?} names nobody; leave it out, or name those who are let in"),
                );
                None
            }
            Ok(texts) => Some(Setting { key: name.to_owned(), texts }),
            Err(error) => {
                self.fault(value, format!("{name}: {error}"));
                None
            }
        }
    }

    /// Reads the keys of a table; `None` if one is wrong.
    fn settings(&mut self, keys: &Keys, table: &DeTable<'_>) -> Option<Vec<Setting>> {
        let settings: Vec<_> = table.iter().map(|(key, value)| self.setting(keys, key, value, &[])).collect();
        settings.into_iter().collect()
    }

    fn medium(&mut self, keys: &Keys, entry: &Value<'_>) {
        let DeValue::Table(table) = entry.get_ref() else { return };
        let Some(settings) = self.settings(keys, table) else { return };
        let has_password = |setting: &Setting| {
            setting.key == "source" && setting.texts.iter().any(|text| redacted_value(text) != *text)
        };
        self.document.is_secret |= settings.iter().any(has_password);
        match keys
            .make::<MediumKeys>(&settings)
            .map_err(|error| (None, error))
            .and_then(|keys| Medium::new(keys, settings))
        {
            Ok(medium) => {
                let places = table.iter().map(|(key, _)| (key.get_ref().to_string(), self.place(key)));
                self.document.media_places.push(places.collect());
                self.document.media.push(medium);
            }
            Err((key, error)) => {
                let key = key.and_then(|name| table.iter().find(|(key, _)| &**key.get_ref() == name));
                let at = key.map_or(entry.span().start, |(key, _)| key.span().start);
                self.faults.push(Fault::new(at, error));
            }
        }
    }

    fn user(&mut self, keys: &Keys, name: &Key<'_>, value: &Value<'_>, realm: Option<&str>) {
        let at = name.span().start;
        let DeValue::Table(table) = value.get_ref() else {
            let form = "a user is written as [users.NAME], with sha256 or md5 below it, as pinhole-server passwd \
                        prints them";
            return self.fault(value, form);
        };
        if let Err(error) = user_name(name.get_ref()) {
            return self.faults.push(Fault::new(at, error));
        }
        let Some(settings) = self.settings(keys, table) else { return };
        let entry = keys.make::<UserKeys>(&settings).and_then(|keys| {
            let realm = keys.realm.as_deref().or(realm);
            let entry = Entry {
                name: name.get_ref().to_string(),
                realm: realm.ok_or("\"realm\" is missing, for which the password was set")?.to_owned(),
                sha256: keys.sha256,
                md5: keys.md5,
                read: keys.read.unwrap_or_default(),
                allow: keys.allow,
                deny: keys.deny,
            };
            entry.user().map(|_| entry)
        });
        match entry {
            Ok(entry) => {
                let place = self.place(name);
                self.document.users.get_or_insert_default().push((place, entry));
            }
            Err(error) => {
                let name = format!("{:?}", cut(name.get_ref()));
                self.faults.push(Fault::new(at, format!("user {name}: {error}")));
            }
        }
    }

    fn place(&self, key: &Key<'_>) -> String {
        place(self.path, self.text, key.span().start).to_string()
    }

    fn fault(&mut self, value: &Value<'_>, text: impl Into<String>) {
        self.faults.push(Fault::new(value.span().start, text));
    }
}
