//! The configuration as a file: each key with its help, and those that are not set as comments.
use super::document::{MEDIA, UserKeys};
use super::keys::{Keys, Kind, Setting, kind};
use super::medium::MediumKeys;
use super::{Configuration, Entry, Serve, USERS};
use clap::Arg;
use std::fmt::Write;

/// The length of a line of help.
const WIDTH: usize = 100;

impl Configuration {
    /// Returns a file that says the same as this configuration. It has all that is as good as a password.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::from(
            "# The configuration of pinhole-server. Options and variables PINHOLE_... count more.\n",
        );
        let keys = Keys::of::<Serve>();
        for (key, arg) in keys.all() {
            // The users are at the end.
            if key == USERS && self.users.is_some() {
                continue;
            }
            out.push('\n');
            help(&mut out, arg);
            let texts = self.matches.get_raw(arg.get_id().as_str());
            let texts: Option<Vec<_>> =
                texts.map(|texts| texts.map(|text| text.to_string_lossy().into_owned()).collect());
            match texts.filter(|texts| !texts.is_empty()) {
                Some(texts) => line(&mut out, key, arg, &texts),
                None => unset(&mut out, key, arg),
            }
        }
        let keys = Keys::of::<MediumKeys>();
        let media = self.media.iter().filter(|_| self.is_named);
        for (number, medium) in media.enumerate() {
            out.push_str(&format!("\n[[{MEDIA}]]\n"));
            table(&mut out, &keys, &medium.settings, number == 0);
        }
        let keys = Keys::of::<UserKeys>();
        for (number, (_, entry)) in self.users.iter().flatten().enumerate() {
            out.push_str(&format!("\n[{USERS}.{}]\n", quoted(&entry.name)));
            table(&mut out, &keys, &settings(entry), number == 0);
        }
        out
    }
}

/// Writes the keys of a table, with their help if `has_help`.
fn table(out: &mut String, keys: &Keys, settings: &[Setting], has_help: bool) {
    for (key, arg) in keys.all() {
        if has_help {
            help(out, arg);
        }
        match settings.iter().find(|setting| setting.key == key) {
            Some(setting) => line(out, key, arg, &setting.texts),
            None if has_help => unset(out, key, arg),
            None => {}
        }
    }
}

fn settings(entry: &Entry) -> Vec<Setting> {
    let Entry { realm, sha256, md5, read, allow, deny, .. } = entry;
    let one = |key: &str, text: &String| Setting { key: key.to_owned(), texts: vec![text.clone()] };
    let mut settings = vec![one("realm", realm)];
    settings.extend(sha256.as_ref().map(|hash| one("sha256", hash)));
    settings.extend(md5.as_ref().map(|hash| one("md5", hash)));
    settings.push(Setting { key: "read".to_owned(), texts: read.clone() });
    for (key, networks) in [("allow", allow), ("deny", deny)] {
        let texts: Vec<_> = networks.iter().map(ToString::to_string).collect();
        settings.extend((!texts.is_empty()).then(|| Setting { key: key.to_owned(), texts }));
    }
    settings
}

/// Writes the help of an option as comments.
fn help(out: &mut String, arg: &Arg) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut len = 0;
    for word in help.split_whitespace() {
        if len == 0 || len + word.len() > WIDTH {
            out.push_str(if len == 0 { "#" } else { "\n#" });
            len = 1;
        }
        len += 1 + word.len();
        out.push(' ');
        out.push_str(word);
    }
    out.push('\n');
}

fn line(out: &mut String, key: &str, arg: &Arg, texts: &[String]) {
    let texts = || texts.iter().map(|text| quoted(text));
    let value = match kind(arg) {
        Kind::Switch | Kind::Count => texts().map(|text| text.trim_matches('"').to_owned()).collect(),
        Kind::Value => texts().next().unwrap_or_default(),
        Kind::List => format!("[{}]", texts().collect::<Vec<_>>().join(", ")),
    };
    // A string takes all that is written.
    let _ = writeln!(out, "{key} = {value}");
}

/// Writes a key that is not set, with the form of its value.
fn unset(out: &mut String, key: &str, arg: &Arg) {
    let form = arg.get_value_names().and_then(|names| names.first()).map_or("...", |name| name.as_str());
    let form = match kind(arg) {
        Kind::Switch => "true".to_owned(),
        Kind::Count => "1".to_owned(),
        Kind::Value => format!("\"{form}\""),
        Kind::List => format!("[\"{form}\"]"),
    };
    let _ = writeln!(out, "# {key} = {form}");
}

/// Returns a text as TOML has it. What JSON has is the same, but for one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
