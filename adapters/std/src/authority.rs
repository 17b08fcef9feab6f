//! The part of a URL that says where a server is.
use std::fmt;
use std::net::SocketAddr;

/// An address and a port. [`fmt::Display`] writes it as it stands in a URL (RFC 3986, 3.2): a link-local IPv6 address
/// with its interface, without which it leads nowhere, as in `[fe80::1%25eth0]:8554` (RFC 6874, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority(pub SocketAddr);

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V6(address) if address.scope_id() != 0 => {
                write!(f, "[{}%25", address.ip())?;
                match interface(address.scope_id()) {
                    Some(name) => f.write_str(&name)?,
                    None => write!(f, "{}", address.scope_id())?,
                }
                write!(f, "]:{}", address.port())
            }
            address => address.fmt(f),
        }
    }
}

/// Returns the name of an interface; `None` if the system does not know it, or if it cannot be in a URL.
#[cfg(all(feature = "sockets", target_os = "linux"))]
fn interface(index: u32) -> Option<String> {
    // Of an interface that is not there, the name may be empty.
    let name = nix::net::if_::if_indextoname(index).ok()?.into_string().ok()?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    Some(name).filter(|name| is_plain && !name.is_empty())
}

/// Returns `None`: interfaces go by their numbers.
#[cfg(not(all(feature = "sockets", target_os = "linux")))]
const fn interface(_: u32) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddrV6;

    #[test]
    fn an_address_of_one_link_has_its_interface() {
        let told = |address: SocketAddr| Authority(address).to_string();
        assert_eq!(told(([10, 0, 0, 1], 554).into()), "10.0.0.1:554");
        assert_eq!(told("[2001:db8::1]:8554".parse().unwrap()), "[2001:db8::1]:8554");
        let local = |scope| SocketAddrV6::new("fe80::1".parse().unwrap(), 8554, 0, scope).into();
        // No system has so many interfaces.
        assert_eq!(told(local(4_000_000_000)), "[fe80::1%254000000000]:8554");
        if cfg!(all(feature = "sockets", target_os = "linux")) {
            assert_eq!(told(local(1)), "[fe80::1%25lo]:8554");
        }
    }
}
