//! How the values of options are written.
use super::Media;
use crate::network::network;
use pinhole::rtsp::DEFAULT_TLS_PORT;
use pinhole_std::media::SourceUrl;
use pinhole_std::server::ipnet::IpNet;
use pinhole_std::server::{MAX_USER, Users};
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::num::{IntErrorKind, NonZero};
use std::path::PathBuf;
use std::time::Duration;

const DEFAULT_PORT: u16 = 8554;
/// The port for browsers, where only an address is given.
const HTTP_PORT: u16 = 8080;
/// The port for RTSP inside TLS, where only an address is given.
pub(super) const TLS_PORT: u16 = DEFAULT_TLS_PORT;
/// The admin port, where only an address is given.
const ADMIN_PORT: u16 = 9554;

/// Takes the path of a medium, which may not be there, or a source of the network.
pub(super) fn media(text: OsString) -> Result<Media, String> {
    match text.to_str() {
        Some(text) if text.contains("://") || text.starts_with("rtsp:") => source(text),
        _ => Ok(Media::Path(text.into())),
    }
}

/// Takes a URL, or a name and a URL.
fn source(text: &str) -> Result<Media, String> {
    let named = text.split_once('=').filter(|(name, _)| !name.contains("://"));
    let (name, url) = named.map_or((None, text), |(name, url)| (Some(name.trim_matches('/')), url));
    let url = source_url(url)?;
    let name = mount(name.unwrap_or(url.name()))
        .map_err(|_| "a source is given a name as in front=rtsp://camera/stream")?;
    Ok(Media::Source { name, url })
}

pub(crate) fn source_url(text: &str) -> Result<SourceUrl, String> {
    SourceUrl::parse(text).map_err(|error| error.to_string())
}

/// Takes the path that a medium is served at, without the slashes around it.
pub(crate) fn mount(text: &str) -> Result<String, String> {
    let name = text.trim_matches('/');
    match name.is_empty() || name.contains(|c: char| c.is_control()) {
        true => Err("a name is expected, such as front or cams/front".to_owned()),
        false => Ok(name.to_owned()),
    }
}

/// Reads a timeout of at least a second, which is what clients are told it in.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let time = pinhole_args::time(text)?;
    if time < Duration::from_secs(1) {
        return Err("a time of a second or more is expected, such as 10, 10s or 1m30s".into());
    }
    Ok(time)
}

/// Parses where to listen for RTSP.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    address_or(text, (Ipv4Addr::UNSPECIFIED, DEFAULT_PORT))
}

/// Parses the address or network of a proxy. Not everybody can be one.
pub(super) fn proxy(text: &str) -> Result<IpNet, String> {
    let network = network(text)?;
    if network.prefix_len() == 0 {
        return Err("this is every address: whoever connects could claim any other one".into());
    }
    Ok(network)
}

/// Parses where to listen for browsers.
pub(super) fn http_address(text: &str) -> Result<SocketAddr, String> {
    address_or(text, (Ipv4Addr::UNSPECIFIED, HTTP_PORT))
}

/// Parses where to listen for RTSP inside TLS.
pub(super) fn tls_address(text: &str) -> Result<SocketAddr, String> {
    address_or(text, (Ipv4Addr::UNSPECIFIED, TLS_PORT))
}

/// Parses where an admin port listens.
pub(super) fn admin_address(text: &str) -> Result<SocketAddr, String> {
    address_or(text, (Ipv4Addr::LOCALHOST, ADMIN_PORT))
}

/// Parses an address, a port, or both. What is left out is that of `default`.
fn address_or(text: &str, (ip, port): (Ipv4Addr, u16)) -> Result<SocketAddr, String> {
    let host_port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = host_port.parse() {
        return Ok((ip, port).into());
    }
    let asked = text.rsplit(':').next().unwrap_or_default();
    if asked.parse::<u16>().is_err_and(|error| *error.kind() == IntErrorKind::PosOverflow) {
        return Err(format!("port {asked} is above 65535, the largest port"));
    }
    resolve(text, port)
        .ok_or_else(|| format!("this is no address of this machine and no port; try 127.0.0.1:{port}"))
}

/// Resolves a host and a port. A link-local IPv6 address has its interface after a percent sign, which may be encoded
/// as in the URLs that this program prints.
fn resolve(text: &str, default: u16) -> Option<SocketAddr> {
    let text = &*text.replacen("%25", "%", 1);
    let bracketed = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let found = match bracketed {
        Some((host, "")) => (host, default).to_socket_addrs(),
        Some((host, port)) => (host, port.strip_prefix(':')?.parse().ok()?).to_socket_addrs(),
        None => text.to_socket_addrs().or_else(|_| (text, default).to_socket_addrs()),
    };
    found.ok()?.next()
}

pub(crate) fn user_name(text: &str) -> Result<String, String> {
    match (1..=MAX_USER).contains(&text.len()) && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err(format!("a user name has 1 to {MAX_USER} bytes, and no control characters")),
    }
}

pub(super) fn realm(text: &str) -> Result<String, String> {
    Users::new(text).map(|users| users.realm().to_owned()).map_err(|error| error.to_string())
}

pub(super) fn connections(text: &str) -> Result<usize, String> {
    let connections = text.parse().ok().filter(|connections: &usize| *connections > 0);
    connections.ok_or_else(|| "a number of connections is 1 or more".to_owned())
}

/// The most event loops: more would only take memory.
const MAX_THREADS: usize = 256;

pub(super) fn threads(text: &str) -> Result<NonZero<usize>, String> {
    let threads = text.parse().ok().filter(|threads: &NonZero<usize>| threads.get() <= MAX_THREADS);
    threads.ok_or_else(|| format!("a number of threads is from 1 to {MAX_THREADS}"))
}

pub(super) fn avi_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("avi") => Ok(path),
        _ => Err("an AVI file is written, and a name that ends in .avi is asked for".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_or_an_address_is_enough() {
        assert_eq!(address("9000"), Ok((Ipv4Addr::UNSPECIFIED, 9000).into()));
        assert_eq!(address(":9000"), Ok((Ipv4Addr::UNSPECIFIED, 9000).into()));
        assert_eq!(address("127.0.0.1"), Ok((Ipv4Addr::LOCALHOST, 8554).into()));
        let told = |text: &str| address(text).map(|address| address.to_string());
        assert_eq!(told("[::1]:554"), Ok("[::1]:554".to_owned()));
        assert_eq!(told("[::1]"), Ok("[::1]:8554".to_owned()));
        if cfg!(target_os = "linux") {
            assert_eq!(told("[fe80::1%lo]:554"), Ok("[fe80::1%1]:554".to_owned()));
        }
        assert!(address("[::1]x").is_err() && address("[::1").is_err());
        for port in ["127.0.0.1:99999", ":99999", "99999", "[::1]:65536"] {
            assert!(address(port).unwrap_err().contains("above 65535"), "{port}");
        }
        assert_eq!(http_address("127.0.0.1"), Ok((Ipv4Addr::LOCALHOST, 8080).into()));
        assert_eq!(http_address("81"), Ok((Ipv4Addr::UNSPECIFIED, 81).into()));
        assert!(http_address("a b").unwrap_err().contains("127.0.0.1:8080"));
        assert_eq!(admin_address("9000"), Ok((Ipv4Addr::LOCALHOST, 9000).into()));
        assert_eq!(admin_address("0.0.0.0"), Ok((Ipv4Addr::UNSPECIFIED, 9554).into()));
        assert_eq!(admin_address("10.0.0.1:1"), Ok(([10, 0, 0, 1], 1).into()));
    }

    fn path(path: &str) -> Media {
        Media::Path(PathBuf::from(path))
    }

    #[test]
    fn a_source_has_a_name_of_its_own_or_that_of_its_url() {
        for (text, expected, url) in [
            ("rtsp://camera/stream", "stream", "rtsp://camera/stream"),
            ("rtsph://camera:80/stream", "stream", "rtsph://camera:80/stream"),
            ("rtsps://camera/stream", "stream", "rtsps://camera/stream"),
            ("front=rtsp://u:p@camera/stream?a=b", "front", "rtsp://u:p@camera/stream?a=b"),
            ("/cams/front/=rtsp://camera/stream", "cams/front", "rtsp://camera/stream"),
            ("rtsp://camera/?name=front", "camera", "rtsp://camera/?name=front"),
            ("http://camera/a.mjpg?b=c", "a", "http://camera/a.mjpg?b=c"),
        ] {
            let url = SourceUrl::parse(url).unwrap();
            assert_eq!(media(text.into()), Ok(Media::Source { name: expected.to_owned(), url }), "{text}");
        }
        assert_eq!(media("a=b.mjpeg".into()), Ok(path("a=b.mjpeg")));
        for bad in [
            "rtsp:camera/stream",
            "=rtsp://camera/stream",
            "a=rtspu://camera/stream",
            "https://camera/",
            "ftp://camera/x",
        ] {
            assert!(media(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn threads_have_a_range() {
        assert_eq!(threads("1").map(NonZero::get), Ok(1));
        assert_eq!(threads("256").map(NonZero::get), Ok(256));
        for bad in ["0", "257", "-1", "all", ""] {
            assert!(threads(bad).unwrap_err().contains("from 1 to 256"), "{bad}");
        }
    }
}
