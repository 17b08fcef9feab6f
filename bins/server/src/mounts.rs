//! Which medium of the configuration is served at which paths: a directory may be several.
use crate::config::Configuration;
use pinhole_std::media::Library;
use pinhole_std::server::Users;

/// The paths in URLs, without the leading slash, each with the number of its medium in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Mounts(Vec<(String, usize)>);

impl Mounts {
    /// Takes note of what was added to the library for a medium, after those before it.
    pub(crate) fn note(&mut self, medium: usize, library: &Library) {
        let known = self.0.len();
        self.0.extend(library.mounted().skip(known).map(|mounted| (mounted.mount.to_owned(), medium)));
    }

    /// Returns the number of the medium that is served at a path.
    pub(crate) fn medium_of(&self, mount: &str) -> Option<usize> {
        self.0.iter().find(|(other, _)| other == mount).map(|(_, medium)| *medium)
    }

    /// Restricts media to the users that `configuration` names for them. `running` is the configuration with which the
    /// media were added: what it names counts for those that `configuration` has no more.
    pub(crate) fn restrict(
        &self,
        mut users: Users,
        running: &Configuration,
        configuration: &Configuration,
    ) -> Users {
        for (mount, number) in &self.0 {
            let Some(medium) = running.media.get(*number) else { continue };
            let now = configuration.media.iter().find(|other| other.is(medium)).unwrap_or(medium);
            if let Some(names) = &now.keys.users {
                users.restrict(mount, names.iter().map(String::as_str));
            }
        }
        users
    }
}
