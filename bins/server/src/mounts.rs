//! Which medium of the configuration is served at which paths: a directory may be several.
use crate::config::{Configuration, Medium};
use pinhole_std::media::{DirectoryChanges, Library};
use pinhole_std::server::{Access, AddressList, Users};
use std::collections::HashMap;

/// The media by their paths in URLs, without the leading slash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mounts(HashMap<String, Medium>);

impl Mounts {
    /// Takes note of what was added to the library for a medium.
    pub(crate) fn note(&mut self, medium: &Medium, library: &Library) {
        for mounted in library.mounted() {
            if !self.0.contains_key(mounted.mount) {
                self.0.insert(mounted.mount.to_owned(), medium.clone());
            }
        }
    }

    /// Takes note of what has changed of the media of a directory.
    pub(crate) fn change(&mut self, medium: &Medium, changes: &DirectoryChanges) {
        for mount in &changes.removed {
            self.0.remove(mount);
        }
        self.0.extend(changes.added.iter().map(|mount| (mount.clone(), medium.clone())));
    }

    /// Adds those of others, which take the place of these.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(others.0.iter().map(|(mount, medium)| (mount.clone(), medium.clone())));
    }

    /// Returns whether anything is served for a medium.
    pub(crate) fn has(&self, medium: &Medium) -> bool {
        self.0.values().any(|other| other.is(medium))
    }

    /// Returns the medium that is served at a path.
    pub(crate) fn medium_of(&self, mount: &str) -> Option<&Medium> {
        self.0.get(mount)
    }

    /// Takes what was served for a medium out of the library.
    pub(crate) fn remove(&mut self, medium: &Medium, library: &mut Library) {
        self.0.retain(|mount, other| !other.is(medium) || !library.remove(mount));
    }

    /// Returns from where clients may come, and watch which media, as the configuration says.
    pub(crate) fn access(&self, configuration: &Configuration) -> Access {
        let media = self.0.iter().map(|(mount, medium)| {
            let keys = &now(medium, configuration).keys;
            (mount.as_str().into(), AddressList::new(keys.allow.iter().copied(), keys.deny.iter().copied()))
        });
        let media = media.filter(|(_, list)| *list != AddressList::default()).collect();
        Access { all: configuration.serve.addresses.list(), media }
    }

    /// Restricts media to the users that the configuration names for them.
    pub(crate) fn restrict(&self, mut users: Users, configuration: &Configuration) -> Users {
        for (mount, medium) in &self.0 {
            if let Some(names) = &now(medium, configuration).keys.users {
                users.restrict(mount, names.iter().map(String::as_str));
            }
        }
        users
    }
}

/// Returns a medium as the configuration has it now: others may watch it than before.
fn now<'a>(medium: &'a Medium, configuration: &'a Configuration) -> &'a Medium {
    configuration.media.iter().find(|other| other.is(medium)).unwrap_or(medium)
}
