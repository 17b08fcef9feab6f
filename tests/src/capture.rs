//! Captures the packets on the loopback interface, and has tshark, a packet analyser, dissect them.
use crate::clip::TempDir;
use crate::process::{Running, run};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A running capture by tshark, a packet analyser, on the loopback interface of the network that the test is
/// in. [`Self::start`] makes it. Call [`Self::finish`] to get the packets. If this is dropped instead, the
/// packets are lost.
#[derive(Debug)]
pub struct Capture {
    tshark: Running,
    recording: Recording,
}

/// A file of captured packets, in which tshark, a packet analyser, finds packets by display filters. When
/// this is dropped, the file is removed.
#[derive(Debug)]
pub struct Recording {
    file: PathBuf,
    rtsp_port: u16,
    /// The UDP port of RTP packets of which no RTSP tells.
    rtp_port: Option<u16>,
    _directory: TempDir,
}

impl Capture {
    /// Starts to capture the RTSP connections of a server, and all UDP, because the ports of RTP are not
    /// known yet. `rtsp_port` is the TCP port of the server. Returns once tshark captures. Packets before
    /// that are not captured, so call this before the traffic begins. tshark needs a network of the test's
    /// own: see [`crate::network::in_own_network`].
    ///
    /// # Panics
    /// Panics if tshark does not begin to capture within a minute.
    pub fn start(rtsp_port: u16) -> Self {
        let directory = TempDir::new();
        let file = directory.path().join("session.pcapng");
        let mut command = Command::new("tshark");
        // A buffer that holds the whole of a clip, or a busy machine loses packets here.
        command.args(["-q", "-i", "lo", "-B", "64", "-f", &format!("tcp port {rtsp_port} or udp")]);
        let tshark = Running::start(command.arg("-w").arg(&file));
        tshark.wait_stderr(LIMIT, |lines| {
            lines.iter().any(|line| line.contains("Capture started")).then_some(())
        });
        Self { tshark, recording: Recording { file, rtsp_port, rtp_port: None, _directory: directory } }
    }

    /// Waits half a second, so that no packet is left in the kernel's buffer, and ends the capture. Returns
    /// the captured packets.
    ///
    /// # Panics
    /// Panics if tshark does not end within a minute, or if it says that it has lost packets.
    pub fn finish(self) -> Recording {
        // What is still in the kernel's buffer would be lost.
        thread::sleep(Duration::from_millis(500));
        self.tshark.signal("INT");
        let done = self.tshark.finish(LIMIT);
        let lost = done.stderr.lines().find(|line| line.contains("dropped"));
        assert_eq!(lost, None, "tshark lost packets");
        self.recording
    }
}

impl Recording {
    /// Makes a recording of a capture file that another program has written. `file` is the name of the file
    /// in `directory`, in a format that tshark reads, such as pcap. `rtsp_port` is the server's TCP port in
    /// the file. When the recording is dropped, `directory` is removed.
    ///
    /// Whether the file exists is not checked here. If the file does not exist, the methods that return
    /// packets or counts panic.
    pub fn of(directory: TempDir, file: &str, rtsp_port: u16) -> Self {
        Self { file: directory.path().join(file), rtsp_port, rtp_port: None, _directory: directory }
    }

    /// Returns the same recording, in which tshark dissects UDP packets from or to the port `port` as RTP.
    /// This is for RTP ports that no RTSP message in the capture names. A second call replaces the port of
    /// the first.
    #[must_use]
    pub fn with_rtp(self, port: u16) -> Self {
        Self { rtp_port: Some(port), ..self }
    }

    /// Returns one row for each captured packet that matches a display filter of tshark, in the order of
    /// capture. A row has the values of `fields`, such as `rtp.seq`, separated by tabs. If the packet lacks a
    /// field, the value of that field is empty. If the packet has a field several times, as a TCP segment
    /// with several RTP packets does, the value has all occurrences, separated by commas. If no packet
    /// matches, there are no rows.
    ///
    /// # Panics
    /// Panics if tshark fails, for example because `filter` or a field is none that it knows.
    pub fn rows(&self, filter: &str, fields: &[&str]) -> Vec<String> {
        let mut command = Command::new("tshark");
        // The RTSP dissector finds the ports of RTP and RTCP in the Transport headers.
        command.args(["-n", "-d", &format!("tcp.port=={},rtsp", self.rtsp_port), "-T", "fields"]);
        if let Some(port) = self.rtp_port {
            command.args(["-d", &format!("udp.port=={port},rtp")]);
        }
        command
            .arg("-r")
            .arg(&self.file)
            .args(["-Y", filter])
            .args(fields.iter().flat_map(|field| ["-e", field]));
        let done = run(&mut command, LIMIT).expect("tshark runs");
        assert!(done.status.success(), "{command:?} failed:\n{}", done.stderr);
        done.stdout.lines().map(str::to_owned).collect()
    }

    /// Returns one row for each packet of RTSP, RTP, RTCP or JPEG in which tshark finds an error. A row has
    /// the number of the packet in the capture, counted from 1, its protocol, a summary and the error,
    /// separated by tabs. If all packets are well-formed, there are no rows.
    ///
    /// # Panics
    /// Panics if tshark fails.
    pub fn malformed(&self) -> Vec<String> {
        let filter = "(rtsp || rtp || rtcp || jpeg) && (_ws.malformed || _ws.expert.severity == error)";
        self.rows(filter, &["frame.number", "_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"])
    }

    /// Returns how many captured packets match a display filter of tshark. A TCP segment with several
    /// RTP packets counts once: to count frames, use [`Self::markers`].
    ///
    /// # Panics
    /// Panics if tshark fails, for example because `filter` is wrong.
    pub fn count(&self, filter: &str) -> usize {
        self.rows(filter, &["frame.number"]).len()
    }

    /// Returns how many captured RTP/JPEG packets have the marker bit set. This is the number of frames whose
    /// last packet was captured. If a TCP segment holds several RTP packets, each of them counts.
    ///
    /// # Panics
    /// Panics if tshark fails.
    pub fn markers(&self) -> usize {
        let rows = self.rows("rtp.marker == 1 && rtp.p_type == 26", &["rtp.marker"]);
        rows.iter().flat_map(|row| row.split(',')).filter(|bit| matches!(*bit, "1" | "True")).count()
    }
}
