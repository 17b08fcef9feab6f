//! Traces of a seed: events, and the packets of each host.
use crate::wire::Medium;
use pinhole::time::Instant;
use pinhole_smoltcp::time::to_smoltcp;
use smoltcp::phy::{PcapLinkType, PcapSink};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What [`Soak::replay`](super::Soak::replay) writes about the run of one seed. The default writes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trace<'a> {
    /// Whether to write the scenario and its events to standard error, with virtual times in seconds.
    pub verbose: bool,
    /// The path from which the names of capture files are made. For each host, a file in the format of
    /// libpcap is written with the packets that the host sends and receives. The host's name is put before
    /// the extension of the path: with `fail.pcap`, the files are `fail-server.pcap`, `fail-client1.pcap`
    /// and so on. Files that exist are overwritten. With `None`, no file is written.
    pub pcap: Option<&'a Path>,
}

impl Trace<'_> {
    /// Writes an event of a host.
    pub(super) fn tell(&self, at: Instant, host: &str, what: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{:>11.6} {host:<9} {}", at.as_micros() as f64 / 1e6, what());
        }
    }

    /// Creates the capture file of a host, if packets are to be written.
    pub(super) fn capture(&self, host: &str, medium: Medium) -> io::Result<Option<Capture>> {
        self.pcap.map(|path| Capture::create(of_host(path, host), medium)).transpose()
    }
}

/// `fail.pcap` of the host `server` is `fail-server.pcap`.
fn of_host(path: &Path, host: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or("pcap".into(), |extension| extension.to_string_lossy());
    path.with_file_name(format!("{stem}-{host}.{extension}"))
}

/// A capture file of one host, in the format of libpcap.
#[derive(Debug)]
pub(super) struct Capture {
    path: PathBuf,
    /// `None` after an error of writing.
    file: Option<BufWriter<File>>,
}

impl Capture {
    fn create(path: PathBuf, medium: Medium) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::create(&path).map_err(named)?;
        let mut capture = Self { path, file: Some(BufWriter::new(file)) };
        capture.global_header(match medium {
            Medium::Ethernet => PcapLinkType::Ethernet,
            Medium::Ip => PcapLinkType::Ip,
        });
        Ok(capture)
    }

    /// Writes a packet.
    pub(super) fn on_packet(&mut self, at: Instant, frame: &[u8]) {
        self.packet(to_smoltcp(at), frame);
    }
}

impl PcapSink for Capture {
    fn write(&mut self, data: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(data) {
            eprintln!("pinhole-sim: {}: {error}", self.path.display());
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_own_file() {
        assert_eq!(of_host(Path::new("a/fail.pcap"), "server"), Path::new("a/fail-server.pcap"));
        assert_eq!(of_host(Path::new("fail"), "client 1"), Path::new("fail-client 1.pcap"));
    }
}
