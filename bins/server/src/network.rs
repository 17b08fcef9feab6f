//! Networks, as options and files have them.
use pinhole_std::server::ipnet::IpNet;
use std::net::IpAddr;

/// Parses an address or a network.
///
/// # Errors
/// It is none. The error says what is expected.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map_err(|_| "an address such as 10.0.0.7, or a network such as 10.0.0.0/8, is expected".to_owned())
}
