//! This machine's side of the TAP: the addresses that it has, and gets.
use super::net::Net;
use crate::tun::{self, Place, Tap, TapError};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;
use std::io;
use std::net::IpAddr;

/// Why the board cannot be reached from this machine, or another is reached in its place.
#[derive(Debug, thiserror::Error)]
pub(super) enum HostError {
    #[error(transparent)]
    Tap(#[from] TapError),
    #[error("the addresses of this machine cannot be had: {0}")]
    Unknown(#[from] nix::Error),
    #[error("--ip {board} is this machine's own address, on {interface}: choose another")]
    Own { board: Net, interface: String },
    #[error("--ip {0} is given twice")]
    Twice(Net),
    #[error(
        "--ip {0} and the others leave no address of their network for this machine: give a shorter prefix"
    )]
    Full(Net),
    #[error(
        "--ip {board} overlaps {local}, which this machine has on {interface}: packets for the board would \
         go there; choose a network that is free, such as --ip 192.168.70.2/24"
    )]
    Overlap { board: Net, interface: String, local: Net },
    #[error("--ip {board} is taken: {hardware} answers for it; choose another address")]
    Taken { board: Net, hardware: String },
    #[error("{error}\nas root, this sets it up:\n  ip {}", left.join("\n  ip "))]
    NotSetUp { error: TapError, left: Vec<String> },
    #[error(transparent)]
    Gone(#[from] io::Error),
}

/// An address of this machine, and its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Local {
    interface: String,
    net: Net,
}

/// A TAP that is set up for a board.
pub(super) struct BoardTap {
    pub(super) tap: Tap,
    /// The TAP existed before: there may be other hosts on it.
    pub(super) is_old: bool,
}

/// Checks that the board's addresses are free, opens the TAP, and brings it up with an address for this
/// machine in each of the board's networks.
///
/// # Errors
/// Returns which address is taken, or why the TAP cannot be set up.
pub(super) fn set_up(name: &str, boards: &[Net], mtu: u16) -> Result<BoardTap, HostError> {
    check(name, boards, &locals()?)?;
    let is_old = if_nametoindex(name).is_ok();
    let place = Place { name: name.to_owned(), namespace: None, address: None };
    let tap = Tap::open(&place)?;

    let mine = locals()?.into_iter().filter(|local| local.interface == name);
    let mut mine: Vec<_> = mine.map(|local| local.net).collect();
    let mut commands = vec![];
    for board in boards {
        if !mine.iter().any(|net| net.overlaps(*board)) {
            let host = board.first_free(boards).ok_or(HostError::Full(*board))?;
            // No other host on it can have this address.
            let certain = if host.address.is_ipv6() { " nodad" } else { "" };
            commands.push(format!("address add {host} dev {name}{certain}"));
            mine.push(host);
        }
    }
    if tap.mtu()? < mtu {
        commands.push(format!("link set {name} mtu {mtu}"));
    }
    if !is_up(name)? {
        commands.push(format!("link set {name} up"));
    }
    for (done, command) in commands.iter().enumerate() {
        if let Err(error) = tun::ip(&command.split(' ').collect::<Vec<_>>(), "") {
            return Err(HostError::NotSetUp { error, left: commands[done..].to_vec() });
        }
    }
    Ok(BoardTap { tap, is_old })
}

/// Checks that only interface `name` has addresses in the board's networks, and none the board's own.
fn check(name: &str, boards: &[Net], locals: &[Local]) -> Result<(), HostError> {
    for (nth, board) in boards.iter().enumerate() {
        if boards[..nth].iter().any(|before| before.address == board.address) {
            return Err(HostError::Twice(*board));
        }
        for Local { interface, net } in locals {
            let (board, interface) = (*board, interface.clone());
            if net.address == board.address {
                return Err(HostError::Own { board, interface });
            }
            if interface != name && net.overlaps(board) {
                return Err(HostError::Overlap { board, interface, local: *net });
            }
        }
    }
    Ok(())
}

/// Returns all addresses of this machine.
fn locals() -> Result<Vec<Local>, nix::Error> {
    let local = |address: &SockaddrStorage, mask: &SockaddrStorage, interface: String| {
        let (address, prefix) = match (address.as_sockaddr_in(), mask.as_sockaddr_in()) {
            (Some(address), Some(mask)) => (IpAddr::from(address.ip()), mask.ip().to_bits().leading_ones()),
            _ => {
                let (address, mask) = (address.as_sockaddr_in6()?, mask.as_sockaddr_in6()?);
                (IpAddr::from(address.ip()), mask.ip().to_bits().leading_ones())
            }
        };
        // At most 128.
        Some(Local { interface, net: Net { address, prefix: prefix as u8 } })
    };
    let all = getifaddrs()?.filter_map(|entry| local(&entry.address?, &entry.netmask?, entry.interface_name));
    Ok(all.collect())
}

fn is_up(name: &str) -> Result<bool, nix::Error> {
    let flags = getifaddrs()?.find(|entry| entry.interface_name == name).map(|entry| entry.flags);
    Ok(flags.is_some_and(|flags| flags.contains(InterfaceFlags::IFF_UP)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tap::net::board_address;

    #[test]
    fn addresses_of_this_machine_are_refused() {
        let local = |interface: &str, net: &str| Local {
            interface: interface.to_owned(),
            net: board_address(net).unwrap(),
        };
        let locals = [local("eth0", "10.0.0.9/8"), local("tap0", "192.168.69.1/24")];
        let check = |board: &str| {
            let error = check("tap0", &[board_address(board).unwrap()], &locals).err();
            error.map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(check("192.168.69.2/24"), "");
        assert_eq!(check("fd00::2/64"), "");
        let own = check("192.168.69.1/24");
        assert!(own.contains("own address, on tap0"), "{own}");
        let overlap = check("10.1.2.3/24");
        assert!(overlap.contains("10.0.0.9/8") && overlap.contains("eth0"), "{overlap}");
        let twice = ["10.9.0.2/16", "10.9.0.2/24"].map(|text| board_address(text).unwrap());
        assert!(matches!(super::check("tap0", &twice, &[]), Err(HostError::Twice(_))));
    }
}
