//! The file with the users: a JSON object a line. Passwords are not in it, but whoever reads it can log in all the same.
use crate::network::network;
use pinhole::auth::{Algorithm, Ha1};
use pinhole_std::secret_file::is_private;
use pinhole_std::server::ipnet::IpNet;
use pinhole_std::server::{AddressList, User, Users};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest file in bytes: some hundred bytes for each of the most users.
const MAX_LEN: u64 = 32 << 20;

/// A line that stands for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) realm: String,
    pub(crate) sha256: Option<String>,
    pub(crate) md5: Option<String>,
    pub(crate) read: Vec<String>,
    /// From where the user may log in, and from where not.
    pub(crate) allow: Vec<IpNet>,
    pub(crate) deny: Vec<IpNet>,
}

impl Entry {
    /// Makes the line of a user who may watch what `read` says.
    pub(super) fn new(name: &str, realm: &str, password: &str, read: Vec<String>) -> Self {
        let hash =
            |algorithm| Some(Ha1::new(algorithm, name.as_bytes(), realm, password.as_bytes()).to_string());
        let (sha256, md5) = (hash(Algorithm::Sha256), hash(Algorithm::Md5));
        let (allow, deny) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), realm: realm.to_owned(), sha256, md5, read, allow, deny }
    }

    /// Reads a line; `None` if it is empty or a comment.
    ///
    /// # Errors
    /// The line is no user. The error says what is expected.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, String> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        const FORM: &str = "a line is {\"user\": ..., \"realm\": ..., \"sha256\": ..., \"md5\": ..., \"read\": [...]}, \
                            as pinhole-server passwd writes it, or a comment after #";
        // What the parser says would quote the line.
        let object: Map<String, Value> = serde_json::from_str(line)
            .map_err(|error| format!("this is no JSON (column {}); {FORM}", error.column()))?;
        const KEYS: [&str; 7] = ["user", "realm", "sha256", "md5", "read", "allow", "deny"];
        if let Some(unknown) = object.keys().find(|key| !KEYS.contains(&&***key)) {
            return Err(format!("there is no key {unknown:?}; {FORM}"));
        }
        let text = |key: &str| match object.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{key:?} is a text; {FORM}")),
        };
        let needed = |key: &str| text(key)?.ok_or_else(|| format!("{key:?} is missing; {FORM}"));
        let read = match object.get("read") {
            Some(Value::Array(paths)) => paths.iter().map(|path| path.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let read = read.ok_or(
            "\"read\" is a list of paths that the user may watch, such as [\"*\"] or [\"front\", \"cams/*\"]",
        )?;
        let networks = |key: &str| match object.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(texts)) if !texts.is_empty() => {
                texts.iter().map(|text| network(text.as_str().unwrap_or_default())).collect()
            }
            Some(_) => Err(format!("{key:?} is a list of networks, such as [\"10.0.0.0/8\"]; {FORM}")),
        };
        Ok(Some(Self {
            name: needed("user")?,
            realm: needed("realm")?,
            sha256: text("sha256")?,
            md5: text("md5")?,
            read,
            allow: networks("allow")?,
            deny: networks("deny")?,
        }))
    }

    /// Returns the line.
    pub(super) fn line(&self) -> String {
        let Self { name, realm, sha256, md5, read, allow, deny } = self;
        let mut parts = vec![("user", json!(name)), ("realm", json!(realm))];
        parts.extend(sha256.as_ref().map(|hash| ("sha256", json!(hash))));
        parts.extend(md5.as_ref().map(|hash| ("md5", json!(hash))));
        parts.push(("read", json!(read)));
        for (key, networks) in [("allow", allow), ("deny", deny)] {
            let texts: Vec<_> = networks.iter().map(IpNet::to_string).collect();
            parts.extend((!texts.is_empty()).then(|| (key, json!(texts))));
        }
        let parts: Vec<_> = parts.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", parts.join(","))
    }

    /// Returns the user as a server takes it.
    ///
    /// # Errors
    /// A hash is none, or there is none. The error says what to do.
    pub(crate) fn user(&self) -> Result<User, String> {
        let hash = |algorithm, name, digits: &Option<String>| match digits {
            None => Ok(None),
            Some(digits) => match Ha1::from_hex(algorithm, digits.as_bytes()) {
                Some(hash) => Ok(Some(hash)),
                None => Err(format!("{name:?} is no hash; set the password anew with pinhole-server passwd")),
            },
        };
        let sha256 = hash(Algorithm::Sha256, "sha256", &self.sha256)?;
        let md5 = hash(Algorithm::Md5, "md5", &self.md5)?;
        if sha256.is_none() && md5.is_none() {
            return Err(
                "there is neither \"sha256\" nor \"md5\"; set the password with pinhole-server passwd".into(),
            );
        }
        let read = self.read.iter().map(|path| path.trim_start_matches('/').into()).collect();
        let addresses = AddressList::new(self.allow.iter().copied(), self.deny.iter().copied());
        Ok(User { name: self.name.as_str().into(), sha256, md5, read, addresses })
    }
}

/// Reads the users of a server. `realm` is the one that was asked for, if one was.
///
/// # Errors
/// The file cannot be read, others may read it, or a line is no user of this realm. The error says what to do.
pub(crate) fn load(path: &Path, realm: Option<&str>) -> Result<Users, String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    parse(&read(path).map_err(|error| at(&error))?, realm, path)
}

/// Reads the text of a file with users.
///
/// # Errors
/// The file cannot be read, is too long, is no UTF-8, or others may read it.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    check_permissions(&file, path)?;
    let mut text = String::new();
    if file.take(MAX_LEN + 1).read_to_string(&mut text)? as u64 > MAX_LEN {
        return Err(io::Error::other(format!("the file is longer than {} MiB", MAX_LEN >> 20)));
    }
    Ok(text)
}

/// Refuses a file that others than its owner may read: see [`is_private`].
///
/// # Errors
/// They may, or the system does not say.
pub(crate) fn check_permissions(file: &File, path: &Path) -> io::Result<()> {
    if !is_private(file, path)? {
        let path = path.display();
        return Err(io::Error::other(format!(
            "others may read or change this file, and log in with what is in it; run: chmod 600 {path}"
        )));
    }
    Ok(())
}

fn parse(text: &str, realm: Option<&str>, path: &Path) -> Result<Users, String> {
    let entries = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let place = format!("{}, line {number}", path.display());
        match Entry::parse(line) {
            Ok(entry) => Some(Ok((place, entry?))),
            Err(error) => Some(Err(format!("{place}: {error}"))),
        }
    });
    collect(entries, realm)?.ok_or_else(|| {
        format!(
            "{0}: there is no user in it; add one with pinhole-server passwd --file {0} USER",
            path.display()
        )
    })
}

/// Makes users of entries, each of which has its place in a file. `realm` is the one that was asked for, if one was.
/// Returns `None` if there are no entries.
///
/// # Errors
/// An entry is no user of this realm. The error says which, and what to do.
pub(crate) fn collect(
    entries: impl IntoIterator<Item = Result<(String, Entry), String>>,
    realm: Option<&str>,
) -> Result<Option<Users>, String> {
    let mut users: Option<Users> = None;
    for entry in entries {
        let (place, entry) = entry?;
        let at = |error: &dyn std::fmt::Display| format!("{place}: {error}");
        let users = match &mut users {
            Some(users) => users,
            None => users.insert(Users::new(realm.unwrap_or(&entry.realm)).map_err(|error| at(&error))?),
        };
        if users.realm() != entry.realm {
            return Err(at(&format_args!(
                "the password of {:?} was set for the realm {:?}, and the server's is {:?}; set it anew with \
                 pinhole-server passwd --realm, or start the server with --realm",
                entry.name,
                entry.realm,
                users.realm()
            )));
        }
        users.add(entry.user().map_err(|error| at(&error))?).map_err(|error| at(&error))?;
    }
    Ok(users)
}

/// Puts the line of a user in place of the one before, or at the end. All else stays.
pub(super) fn with(text: &str, entry: &Entry) -> String {
    let is_it = |line: &str| {
        Entry::parse(line).is_ok_and(|found| found.is_some_and(|found| found.name == entry.name))
    };
    let mut found = false;
    let mut out = String::with_capacity(text.len() + 300);
    for line in text.lines() {
        match is_it(line) {
            true => out.push_str(&entry.line()),
            false => out.push_str(line),
        }
        found |= is_it(line);
        out.push('\n');
    }
    if !found {
        out.push_str(&entry.line());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, realm: Option<&str>) -> Result<Users, String> {
        parse(text, realm, Path::new("FILE"))
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        for (name, read) in [("anna", vec!["*"]), ("a:b \"@/%\u{fc}", vec!["front", "cams/*"])] {
            let read = read.into_iter().map(str::to_owned).collect();
            let entry = Entry::new(name, "the \"realm\"", "p\u{e4}ss", read);
            assert_eq!(Entry::parse(&entry.line()), Ok(Some(entry.clone())));
            let users = parsed(&entry.line(), None).unwrap();
            assert_eq!((users.len(), users.realm()), (1, "the \"realm\""));
        }
        // RFC 7616, 3.9.1.
        let entry = Entry::new("Mufasa", "http-auth@example.org", "Circle of Life", Vec::new());
        assert_eq!(entry.sha256.as_deref().map(str::len), Some(64));
        assert_eq!(entry.md5.as_deref(), Some("3d78807defe7de2157e2b0b6573a855f"));
        assert!(!entry.line().contains("Circle"));
    }

    #[test]
    fn a_password_is_set_in_place_and_all_else_stays() {
        let [anna, bob] = ["anna", "bob"].map(|name| Entry::new(name, "r", "one", Vec::new()));
        let text = format!("# people\n{}\n\n{}\n", anna.line(), bob.line());
        let other = Entry::new("anna", "r", "two", Vec::new());
        assert_eq!(with(&text, &other), text.replace(&anna.line(), &other.line()));
        let carl = Entry::new("carl", "r", "three", Vec::new());
        assert_eq!(with(&text, &carl), format!("{text}{}\n", carl.line()));
        assert_eq!(with(text.trim_end(), &carl), with(&text, &carl));
    }

    #[test]
    fn errors_name_the_line_and_what_to_do() {
        let line = Entry::new("anna", "r", "secret", Vec::new()).line();
        for (text, expected) in [
            (String::new(), "passwd --file FILE USER"),
            ("# nobody\n".to_owned(), "passwd --file FILE USER"),
            (format!("{line}\nanna:secret"), "FILE, line 2: this is no JSON"),
            ("{\"users\":1}".to_owned(), "FILE, line 1: there is no key \"users\""),
            (line.replace("\"read\":[]", "\"read\":\"*\""), "FILE, line 1: \"read\" is a list"),
            (line.replace("\"user\":\"anna\",", ""), "line 1: \"user\" is missing"),
            (line.replace("\"md5\":\"", "\"md5\":\"x"), "line 1: \"md5\" is no hash"),
            (line.replace("\"anna\"", "7"), "line 1: \"user\" is a text"),
            (
                line.replace("\"read\":[]", "\"read\":[],\"allow\":[]"),
                "line 1: \"allow\" is a list of networks",
            ),
            (
                line.replace("\"read\":[]", "\"read\":[],\"deny\":[\"10.0.0.0/99\"]"),
                "FILE, line 1: an address such as",
            ),
            (format!("\n{line}\n{line}"), "line 3: there is a user of this name"),
            ("{\"user\":\"a\",\"realm\":\"r\",\"read\":[]}".to_owned(), "passwd"),
        ] {
            let error = parsed(&text, None).unwrap_err();
            assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
        }
        let error = parsed(&line, Some("other")).unwrap_err();
        assert!(error.contains("line 1") && error.contains("--realm") && error.contains("\"r\""), "{error}");
        assert!(parsed(&line, Some("r")).is_ok());
    }
}
