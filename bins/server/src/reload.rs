//! What a running server takes over of its configuration when that has changed.
use crate::config::{Configuration, Medium, Origins};
use crate::directories::Directories;
use crate::mounts::Mounts;
use crate::report::Report;
use crate::{add, indexing, options, service};
use pinhole_std::media::{DirectoryChanges, DirectoryContent, Indexing, Library};
use pinhole_std::server::{Handle, Options, Users};
use std::io;
use std::path::Path;

/// The options that can change while the server runs. Of others it is said that they need a restart.
const CHANGEABLE: [&str; 15] = [
    "allow",
    "deny",
    "users",
    "realm",
    "allow-basic",
    "max-connections",
    "max-connections-per-ip",
    "max-bitrate",
    "max-bitrate-per-ip",
    "request-timeout",
    "session-timeout",
    "no-adapt",
    "tls-cert",
    "tls-key",
    "tls-self-signed",
];

/// A server that runs, and what it was made of.
pub(crate) struct Running {
    pub(crate) origins: Origins,
    /// The configuration with which it has started, with the media that are served now.
    pub(crate) configuration: Configuration,
    /// How many files it may have open.
    pub(crate) descriptors: Option<usize>,
    pub(crate) mounts: Mounts,
    pub(crate) directories: Directories,
    /// Those in force, before media are restricted to some of them.
    pub(crate) users: Option<Users>,
    /// Whether it listens for TLS.
    pub(crate) has_tls: bool,
    /// The options in force.
    pub(crate) options: Options,
    pub(crate) handle: Handle,
}

impl Running {
    /// Reads the configuration anew, and takes over what has changed. If anything is wrong with it, nothing changes.
    pub(crate) fn reload(&mut self, report: &Report) {
        service::reloading();
        match self.apply(report) {
            Ok(restart) => report.reloaded(&restart),
            Err(faults) => report.not_reloaded(&faults),
        }
        service::ready();
    }

    /// Takes over what has changed. Returns what needs a restart for that.
    ///
    /// # Errors
    /// What is wrong with the configuration, a line each.
    fn apply(&mut self, report: &Report) -> Result<Vec<String>, Vec<String>> {
        let new = self.origins.read()?;
        let users = new.users().map_err(|error| vec![error])?;
        // A file that is the same may have another certificate in it.
        let tls = new.serve.tls.identity().map_err(|error| vec![error.to_string()])?;
        let mut restart = self.configuration.differences(&new);
        restart.retain(|key| !CHANGEABLE.contains(&key.as_str()));
        match tls {
            Some((_, identity)) if self.has_tls => self.handle.replace_identity(identity),
            None if !self.has_tls => {}
            _ if restart.iter().any(|key| key == "tls-listen") => {}
            _ => restart.push("tls-listen".to_owned()),
        }
        self.set_options(&new);
        let all = self.set_media_and_users(&new, users, report).map_err(|error| vec![error.to_string()])?;
        if !all {
            restart.push("media".to_owned());
        }
        Ok(restart)
    }

    fn set_options(&mut self, new: &Configuration) {
        let options = options(new, self.descriptors);
        self.options.max_connections = options.max_connections;
        self.options.max_connections_per_ip = options.max_connections_per_ip;
        self.options.max_bitrate = options.max_bitrate;
        self.options.max_bitrate_per_ip = options.max_bitrate_per_ip;
        self.options.config.request_timeout = options.config.request_timeout;
        self.options.config.session_timeout = options.config.session_timeout;
        self.options.config.adapt = options.config.adapt;
        self.handle.set_options(&self.options);
    }

    /// Removes and adds media, and has other users log in. Returns false if there are media that need a restart.
    ///
    /// # Errors
    /// The system has no random numbers, or no more threads.
    fn set_media_and_users(
        &mut self,
        new: &Configuration,
        users: Option<Users>,
        report: &Report,
    ) -> io::Result<bool> {
        let Self { configuration, mounts, directories, handle, .. } = self;
        self.users.clone_from(&users);
        // What could not be added is tried again.
        configuration.media.retain(|medium| !medium.can_change() || mounts.has(medium));
        let (removed, stuck): (Vec<_>, Vec<_>) =
            configuration.media_beyond(new).cloned().partition(Medium::can_change);
        let (added, refused): (Vec<_>, Vec<_>) =
            new.media_beyond(configuration).cloned().partition(Medium::can_change);
        let all = stuck.is_empty() && refused.is_empty();
        // Others may watch what has stayed.
        for medium in &mut configuration.media {
            new.media
                .iter()
                .find(|other| other.is(medium))
                .into_iter()
                .for_each(|now| medium.clone_from(now));
        }
        configuration.serve.addresses.clone_from(&new.serve.addresses);
        if removed.is_empty() && added.is_empty() && directories.is_empty() {
            handle.restrict(mounts.access(new));
            handle.set_users(users.map(|users| mounts.restrict(users, new)))?;
            return Ok(all);
        }
        let changed = handle.change_media(|library| {
            // What is removed is restricted until it is gone, and what is added before it is there.
            let mut restricted = mounts.clone();
            for medium in &removed {
                mounts.remove(medium, library);
                directories.remove(medium);
            }
            // What was added before something fails is restricted all the same.
            let mut update = || -> io::Result<()> {
                for (medium, directory) in directories.all() {
                    let path = directory.path().to_owned();
                    let changes = indexing::read(&path, report.of_reading(), |watch| {
                        library.search_again(directory, watch)
                    })?;
                    note(medium, &path, &changes, mounts, report);
                }
                for medium in &added {
                    directories.remove(medium);
                    directories.note(medium, add(library, medium, &configuration.serve, report)?);
                    mounts.note(medium, library);
                }
                Ok(())
            };
            let updated = update();
            tell_problems(library, report);
            restricted.extend(mounts);
            handle.restrict(restricted.access(new));
            handle.set_users(users.map(|users| restricted.restrict(users, new))).and(updated)
        });
        configuration.media.retain(|medium| !removed.iter().any(|removed| removed.is(medium)));
        configuration.media.extend(added);
        // Without a server, nothing more is served.
        changed.unwrap_or(Ok(()))?;
        Ok(all)
    }

    /// Has the media of a directory follow what it holds.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn follow(
        &mut self,
        path: &Path,
        content: &DirectoryContent,
        report: &Report,
    ) -> io::Result<()> {
        let Self { configuration, mounts, directories, users, handle, .. } = self;
        if !directories.all().any(|(_, directory)| directory.path() == path && directory.is_behind(content)) {
            return Ok(());
        }
        let changed = handle.change_media(|library| {
            let mut restricted = mounts.clone();
            let mut of_path = directories.all().filter(|(_, directory)| directory.path() == path);
            let updated = of_path.try_for_each(|(medium, directory)| {
                let update = |watch: Watch<'_>| library.update_directory(directory, content, watch);
                let changes = indexing::read(path, report.of_reading(), update)?;
                note(medium, path, &changes, mounts, report);
                Ok(())
            });
            tell_problems(library, report);
            restricted.extend(mounts);
            handle.restrict(restricted.access(configuration));
            handle
                .set_users(users.clone().map(|users| restricted.restrict(users, configuration)))
                .and(updated)
        });
        changed.unwrap_or(Ok(()))
    }
}

type Watch<'w> = &'w mut dyn FnMut(Indexing<'_>);

/// Takes note of what has changed of the media of a directory, and tells it.
fn note(medium: &Medium, path: &Path, changes: &DirectoryChanges, mounts: &mut Mounts, report: &Report) {
    if !changes.is_empty() {
        mounts.change(medium, changes);
        report.followed(path, changes);
    }
}

fn tell_problems(library: &Library, report: &Report) {
    for problem in library.problems() {
        report.problem(problem);
    }
}
