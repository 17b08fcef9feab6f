//! What a running server takes over of its configuration when that has changed.
use crate::config::{Configuration, Origins};
use crate::mounts::Mounts;
use crate::options;
use crate::report::Report;
use crate::service;
use pinhole_std::server::{Handle, Options};

/// The options that can change while the server runs. Of others it is said that they need a restart.
const CHANGEABLE: [&str; 10] = [
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
];

/// A server that runs, and what it was made of.
pub(crate) struct Running {
    pub(crate) origins: Origins,
    /// The configuration with which it has started.
    pub(crate) started: Configuration,
    /// How many files it may have open.
    pub(crate) descriptors: Option<usize>,
    pub(crate) mounts: Mounts,
    /// The options in force.
    pub(crate) options: Options,
    pub(crate) handle: Handle,
}

impl Running {
    /// Reads the configuration anew, and takes over what has changed. If anything is wrong with it, nothing changes.
    pub(crate) fn reload(&mut self, report: &Report) {
        service::reloading();
        match self.apply() {
            Ok(restart) => report.reloaded(&restart),
            Err(faults) => report.not_reloaded(&faults),
        }
        service::ready();
    }

    /// Takes over what has changed. Returns what needs a restart for that.
    ///
    /// # Errors
    /// What is wrong with the configuration, a line each. Nothing has changed.
    fn apply(&mut self) -> Result<Vec<String>, Vec<String>> {
        let new = self.origins.read()?;
        let users = new.users().map_err(|error| vec![error])?;
        let users = users.map(|users| self.mounts.restrict(users, &self.started, &new));
        self.handle.set_users(users).map_err(|error| vec![error.to_string()])?;
        let options = options(&new, self.descriptors);
        self.options.max_connections = options.max_connections;
        self.options.max_connections_per_ip = options.max_connections_per_ip;
        self.options.max_bitrate = options.max_bitrate;
        self.options.max_bitrate_per_ip = options.max_bitrate_per_ip;
        self.options.config.request_timeout = options.config.request_timeout;
        self.options.config.session_timeout = options.config.session_timeout;
        self.options.config.adapt = options.config.adapt;
        self.handle.set_options(&self.options);
        let mut restart = self.started.differences(&new);
        restart.retain(|key| !CHANGEABLE.contains(&key.as_str()));
        if !self.started.has_media_of(&new) {
            restart.push("media".to_owned());
        }
        Ok(restart)
    }
}
