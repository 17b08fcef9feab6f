//! TAPs: Ethernet interfaces of the kernel whose frames a program sends and receives.
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::process::Command;
use std::str::FromStr;
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Longest name of an interface, in bytes (`IFNAMSIZ` without the zero at its end).
const MAX_NAME: usize = 15;

/// An interface and its set-up: `NAME[@NETNS][=IP/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The interface's name.
    pub(crate) name: String,
    /// The network namespace that it is moved to. `None`: it stays in the program's namespace.
    pub(crate) namespace: Option<String>,
    /// The address with which it is brought up. `None`: it is left as it is.
    pub(crate) address: Option<(IpAddr, u8)>,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (place, address) = match text.split_once('=') {
            Some((place, address)) => (place, Some(parse_address(address)?)),
            None => (text, None),
        };
        let (name, namespace) = match place.split_once('@') {
            Some((name, namespace)) => (name, Some(namespace)),
            None => (place, None),
        };
        let name = parse_name(name)?;
        if namespace.is_some_and(|name| name.is_empty() || name.contains(['/', '@'])) {
            return Err("behind @ stands a network namespace's name, as `ip netns list` shows it".to_owned());
        }
        Ok(Self { name, namespace: namespace.map(str::to_owned), address })
    }
}

/// Parses the name of an interface.
///
/// # Errors
/// Returns a message if an interface cannot have this name.
pub(crate) fn parse_name(name: &str) -> Result<String, String> {
    // The kernel's rules; it also replaces %d by a number.
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':' | '%');
    if name.is_empty() || name.len() > MAX_NAME || name.contains(odd) || matches!(name, "." | "..") {
        return Err(format!(
            "'{name}' cannot be an interface's name: it has 1 to {MAX_NAME} bytes, without spaces, / : %"
        ));
    }
    Ok(name.to_owned())
}

/// Parses an address and the length of its prefix.
///
/// # Errors
/// Returns a message if it is not an address with a prefix.
pub(crate) fn parse_address(text: &str) -> Result<(IpAddr, u8), String> {
    let parsed = text.split_once('/').and_then(|(address, prefix)| {
        let (address, prefix) = (address.parse::<IpAddr>().ok()?, prefix.parse::<u8>().ok()?);
        let longest = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= longest).then_some((address, prefix))
    });
    parsed.ok_or_else(|| format!("'{text}' is no address with its prefix, such as 10.0.0.1/24"))
}

/// Errors of opening a TAP.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TapError {
    #[error(
        "this system has no TUN/TAP (/dev/net/tun): as root, run: modprobe tun; a container needs the device, too"
    )]
    Missing,
    #[error(
        "{0} cannot be had: run this as root, or have root make it for you: ip tuntap add dev {0} mode tap user NAME"
    )]
    NotPermitted(String),
    #[error("{0} is used by another program: end that, or choose another name")]
    Busy(String),
    #[error("{0} exists and is no TAP: choose another name")]
    OtherInterface(String),
    #[error("{0} cannot be had: {1}")]
    Failed(String, io::Error),
    #[error("`{command}` failed: {reason}")]
    Setup { command: String, reason: String },
}

/// An open TAP. Unless it is persistent, it is deleted when the program ends.
pub(crate) struct Tap {
    device: SyncDevice,
    name: String,
}

impl Tap {
    /// Opens the TAP of this name in the program's namespace, or creates it, and sets it up. It goes on
    /// working in another namespace. Its methods do not block.
    ///
    /// # Errors
    /// Returns an error if the TAP cannot be opened or set up.
    pub(crate) fn open(place: &Place) -> Result<Self, TapError> {
        let builder = DeviceBuilder::new().name(&place.name).layer(Layer::L2);
        let device = builder.inherit_enable_state().build_sync().and_then(|device| {
            device.set_nonblocking(true)?;
            Ok(device)
        });
        let device = device.map_err(|error| {
            let name = place.name.clone();
            match error.raw_os_error().map(Errno::from_raw) {
                Some(Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => TapError::Missing,
                Some(Errno::EPERM | Errno::EACCES) => TapError::NotPermitted(name),
                Some(Errno::EBUSY) => TapError::Busy(name),
                Some(Errno::EINVAL) => TapError::OtherInterface(name),
                _ => TapError::Failed(name, error),
            }
        })?;
        set_up(place)?;
        Ok(Self { device, name: place.name.clone() })
    }

    /// Returns the interface's MTU.
    ///
    /// # Errors
    /// Returns an error if the interface was deleted.
    pub(crate) fn mtu(&self) -> io::Result<u16> {
        self.device.mtu()
    }

    /// Reads the next frame that the kernel sends through the interface. Returns its length, or `None` if
    /// there is no frame.
    ///
    /// # Errors
    /// Returns an error if the interface was deleted.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.device.recv(buffer) {
                Ok(len) => return Ok(Some(len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::other(format!("{} is gone: {error}", self.name))),
            }
        }
    }

    /// Lets programs that are started from now on inherit the TAP. Returns its file descriptor.
    ///
    /// # Errors
    /// Returns an error if the descriptor's flags cannot be changed.
    pub(crate) fn hand_on(&self) -> io::Result<RawFd> {
        fcntl(&self.device, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(self.as_raw_fd())
    }

    /// Has the kernel receive a frame through the interface.
    ///
    /// # Errors
    /// Returns an error if the interface is down or was deleted.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.device.send(frame).map(drop)
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

fn set_up(place: &Place) -> Result<(), TapError> {
    let name = place.name.as_str();
    if let Some(namespace) = &place.namespace {
        let advice = format!("; `ip netns add {namespace}` makes that namespace");
        ip(&["link", "set", name, "netns", namespace], &advice)?;
    }
    if let Some((address, prefix)) = place.address {
        let address = format!("{address}/{prefix}");
        let within = place.namespace.as_ref().map_or(vec![], |namespace| vec!["-n", namespace]);
        // An address that the interface has already is kept.
        ip(&[&within[..], &["address", "replace", &address, "dev", name]].concat(), "")?;
        ip(&[&within[..], &["link", "set", name, "up"]].concat(), "")?;
    }
    Ok(())
}

/// Runs `ip`.
///
/// # Errors
/// Returns the message of a failed command, followed by `advice`.
pub(crate) fn ip(arguments: &[&str], advice: &str) -> Result<(), TapError> {
    let failed = |reason: String| TapError::Setup { command: format!("ip {}", arguments.join(" ")), reason };
    match Command::new("ip").args(arguments).output() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => {
            let said = String::from_utf8_lossy(&done.stderr).trim().replace('\n', "; ");
            Err(failed(if said.is_empty() { done.status.to_string() } else { said + advice }))
        }
        Err(error) => Err(failed(format!("{error}; it is in the package iproute2"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_parsed() {
        let place = |name: &str, namespace: Option<&str>, address: Option<(&str, u8)>| {
            let address = address.map(|(address, prefix)| (address.parse().unwrap(), prefix));
            Place { name: name.to_owned(), namespace: namespace.map(str::to_owned), address }
        };
        for (text, expected) in [
            ("va", place("va", None, None)),
            ("va@near", place("va", Some("near"), None)),
            ("va=10.0.0.1/24", place("va", None, Some(("10.0.0.1", 24)))),
            ("va@near=fd00::1/64", place("va", Some("near"), Some(("fd00::1", 64)))),
            ("fifteen-bytes-1", place("fifteen-bytes-1", None, None)),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn impossible_places_are_refused() {
        for text in [
            "",
            "@near",
            "va@",
            "va@a/b",
            "va@a@b",
            "sixteen-bytes-16",
            "v a",
            "tap%d",
            "..",
            "va=",
            "va=10.0.0.1",
            "va=10.0.0.1/33",
            "va=here/24",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn errors_of_ip_name_the_command() {
        let error = ip(&["link", "show", "no-such-device"], "; so it is").unwrap_err().to_string();
        let said = error.strip_prefix("`ip link show no-such-device` failed: ");
        assert!(said.is_some_and(|said| said.len() > 20 && said.ends_with("; so it is")), "{error}");
    }
}
