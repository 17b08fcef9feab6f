//! Who may log in to a server, and what each of them may watch.
use super::access::AddressList;
use pinhole::auth::{Algorithm, Ha1};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

pub use pinhole::server::MAX_USER;

/// The most users of a server.
pub const MAX_USERS: usize = 1 << 16;
/// The longest realm in bytes.
pub const MAX_REALM: usize = 128;

/// Who may log in to a server ([`Server::require_login`](super::Server::require_login)). Passwords are not among it:
/// what is kept of one is its hash within the realm ([`Ha1`]).
#[derive(Clone, Debug)]
pub struct Users {
    realm: Box<str>,
    allow_basic: bool,
    by_name: HashMap<Box<[u8]>, u16>,
    all: Vec<User>,
    /// The media that only some users may watch.
    restricted: HashMap<Box<str>, Box<[u16]>>,
}

/// A user, as [`Users::add`] takes it.
#[derive(Clone, Debug)]
pub struct User {
    /// The name, of at most [`MAX_USER`] bytes.
    pub name: Arc<str>,
    /// What is kept of the password for SHA-256, which few clients know, and for Basic authentication; `None` if the
    /// user cannot log in so.
    pub sha256: Option<Ha1>,
    /// What is kept of the password for MD5, which all clients know; `None` if the user cannot log in so.
    pub md5: Option<Ha1>,
    /// The paths of the media that the user may watch, without the leading slash. In each of them `*` stands for any
    /// text, also for an empty one and for one with slashes in it. A medium that the user may not watch is not there for
    /// the user.
    pub read: Vec<Box<str>>,
    /// From where the user may log in. From elsewhere there is no such user.
    pub addresses: AddressList,
}

/// The users who may log in from one address.
pub(super) struct UsersAt<'a> {
    users: &'a Users,
    address: IpAddr,
}

/// Why a user is not added, or a realm is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The realm is empty, longer than [`MAX_REALM`] bytes, or has a control character in it.
    #[error("a realm has 1 to {MAX_REALM} bytes and no control characters")]
    Realm,
    /// The name is empty, longer than [`MAX_USER`] bytes, or has a control character in it.
    #[error("the name of a user has 1 to {MAX_USER} bytes and no control characters")]
    Name,
    /// There is a user of this name.
    #[error("there is a user of this name already")]
    Taken,
    /// There are [`MAX_USERS`] users.
    #[error("a server has {MAX_USERS} users at most")]
    Many,
}

impl Users {
    /// Creates an empty set for a realm, for which the hashes of all users were made. Nobody may log in.
    ///
    /// # Errors
    /// [`UsersError::Realm`] if `realm` cannot be one.
    pub fn new(realm: &str) -> Result<Self, UsersError> {
        if !is_name(realm, MAX_REALM) {
            return Err(UsersError::Realm);
        }
        Ok(Self {
            realm: realm.into(),
            allow_basic: false,
            by_name: HashMap::new(),
            all: Vec::new(),
            restricted: HashMap::new(),
        })
    }

    /// Accepts Basic authentication, too. It sends passwords in the clear: whoever is on the way can read them.
    #[must_use]
    pub fn with_basic(mut self) -> Self {
        self.allow_basic = true;
        self
    }

    /// Adds a user.
    ///
    /// # Errors
    /// The name cannot be one or is taken, or there are too many users.
    pub fn add(&mut self, user: User) -> Result<(), UsersError> {
        if !is_name(&user.name, MAX_USER) {
            return Err(UsersError::Name);
        }
        let number = u16::try_from(self.all.len()).map_err(|_| UsersError::Many)?;
        match self.by_name.entry(user.name.as_bytes().into()) {
            Entry::Occupied(_) => Err(UsersError::Taken),
            Entry::Vacant(entry) => {
                entry.insert(number);
                self.all.push(user);
                Ok(())
            }
        }
    }

    /// Lets only some users watch the medium at a path, which has no leading slash, whatever [`User::read`] says. Names of
    /// which there is no user do not count: if there is none of them, nobody may watch it.
    pub fn restrict<'a>(&mut self, path: &str, users: impl IntoIterator<Item = &'a str>) {
        let users = users.into_iter().filter_map(|name| self.by_name.get(name.as_bytes()).copied()).collect();
        self.restricted.insert(path.into(), users);
    }

    /// Returns whether there is a user of this name.
    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name.as_bytes())
    }

    /// Returns how many users there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether there is no user, so that nobody can log in.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    pub(super) fn allows_basic(&self) -> bool {
        self.allow_basic
    }

    pub(super) fn name(&self, user: u16) -> Option<Arc<str>> {
        self.all.get(usize::from(user)).map(|user| user.name.clone())
    }

    /// Returns the number of the user who has a number among other users; `None` if there is no such user any more, or
    /// the password has changed.
    pub(super) fn number_of(&self, others: &Self, user: u16) -> Option<u16> {
        let other = others.all.get(usize::from(user))?;
        let number = *self.by_name.get(other.name.as_bytes())?;
        self.all.get(usize::from(number)).filter(|user| user.is(other)).map(|_| number)
    }

    /// Returns those who may log in from an address.
    pub(super) const fn at(&self, address: IpAddr) -> UsersAt<'_> {
        UsersAt { users: self, address }
    }

    /// Returns whether a user may be at an address.
    pub(super) fn admits(&self, user: u16, address: IpAddr) -> bool {
        self.all.get(usize::from(user)).is_some_and(|user| user.addresses.admits(address))
    }

    /// Returns whether a user may watch the medium at a path, which has no leading slash.
    pub(super) fn may_read(&self, user: u16, path: &str) -> bool {
        if let Some(users) = self.restricted.get(path) {
            return users.contains(&user);
        }
        let read = self.all.get(usize::from(user)).map_or(&[][..], |user| &user.read);
        read.iter().any(|pattern| matches(pattern, path))
    }
}

impl User {
    /// Returns whether another user is this one with the same password.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same = |one: &Option<Ha1>, other: &Option<Ha1>| match (one, other) {
            (Some(one), Some(other)) => one.is(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.name == other.name && same(&self.sha256, &other.sha256) && same(&self.md5, &other.md5)
    }
}

impl pinhole::server::Users for UsersAt<'_> {
    fn find(&self, name: &[u8]) -> Option<u16> {
        let user = self.users.by_name.get(name).copied();
        user.filter(|&user| self.users.admits(user, self.address))
    }

    fn ha1(&self, user: u16, algorithm: Algorithm) -> Option<Ha1> {
        let user = self.users.all.get(usize::from(user))?;
        match algorithm {
            Algorithm::Md5 => user.md5,
            Algorithm::Sha256 => user.sha256,
        }
    }
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether a path is one of those for which a pattern stands, in which `*` is any text.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.as_bytes(), path.as_bytes());
    // What is left of both, where the last `*` takes another byte.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), path.split_first()) {
            (Some((b'*', rest)), _) => {
                pattern = rest;
                star = Some((rest, path));
            }
            (Some((wanted, pattern_rest)), Some((byte, path_rest))) if wanted == byte => {
                (pattern, path) = (pattern_rest, path_rest);
            }
            (None, None) => return true,
            _ => match star.and_then(|(rest, from)| Some((rest, from.split_first()?.1))) {
                Some((rest, from)) => {
                    (pattern, path) = (rest, from);
                    star = Some((rest, from));
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        let (sha256, md5, addresses) = (None, None, AddressList::default());
        User { name: name.into(), sha256, md5, read: vec!["*".into()], addresses }
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, path) in [
            ("*", ""),
            ("*", "cams/front"),
            ("cams/*", "cams/a/b"),
            ("*/front", "a/front/front"),
            ("a*b*c", "a__b_b_c"),
            ("**", "x"),
            ("front", "front"),
            ("\u{fc}*", "\u{fc}ber"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("", "a"),
            ("front", "front2"),
            ("front", "Front"),
            ("cams/*", "cams"),
            ("a*b", "ac"),
            ("*a*a", "a"),
            ("a?", "ab"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
        // Each star but the last is settled by its first match, so that this takes no time.
        assert!(!matches(&"a*".repeat(1000), &"a".repeat(999)));
    }

    #[test]
    fn a_restricted_medium_is_that_of_the_named_users() {
        let mut users = Users::new("cam").unwrap();
        for name in ["anna", "bob"] {
            users.add(user(name)).unwrap();
        }
        users.restrict("front", ["bob", "nobody"]);
        users.restrict("back", ["nobody"]);
        let may = |user, path| users.may_read(user, path);
        assert_eq!(
            [may(0, "front"), may(1, "front"), may(0, "side"), may(1, "back")],
            [false, true, true, false]
        );
    }

    #[test]
    fn a_user_is_known_by_name_and_password_when_users_change() {
        let hash = |password: &[u8]| Some(Ha1::new(Algorithm::Md5, b"x", "cam", password));
        let users = |all: &[(&str, &[u8])]| {
            let mut users = Users::new("cam").unwrap();
            for (name, password) in all {
                users.add(User { md5: hash(password), ..user(name) }).unwrap();
            }
            users
        };
        let before = users(&[("anna", b"1"), ("bob", b"2"), ("carl", b"3")]);
        let after = users(&[("carl", b"3"), ("bob", b"other")]);
        assert_eq!([0, 1, 2, 3].map(|user| after.number_of(&before, user)), [None, None, Some(0), None]);
    }

    #[test]
    fn users_have_names_of_their_own() {
        let mut users = Users::new("cam").unwrap();
        assert_eq!(users.add(user("anna")), Ok(()));
        assert_eq!(users.add(user("anna")), Err(UsersError::Taken));
        assert_eq!(users.add(user("")), Err(UsersError::Name));
        assert_eq!(users.add(user("a\r\nb")), Err(UsersError::Name));
        assert_eq!(users.add(user(&"x".repeat(MAX_USER + 1))), Err(UsersError::Name));
        assert_eq!(users.add(user("a:b @/%\u{fc}")), Ok(()));
        assert_eq!(users.len(), 2);
        for realm in ["", "a\nb", &"x".repeat(MAX_REALM + 1)] {
            assert_eq!(Users::new(realm).unwrap_err(), UsersError::Realm);
        }
    }
}
