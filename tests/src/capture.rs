//! Captures what goes over the wire, and has tshark dissect it.
use crate::clip::TempDir;
use crate::process::{Running, run};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// A running capture of the loopback interface.
#[derive(Debug)]
pub struct Capture {
    tshark: Running,
    recording: Recording,
}

/// A finished capture.
#[derive(Debug)]
pub struct Recording {
    file: PathBuf,
    rtsp_port: u16,
    /// The UDP port of RTP packets of which no RTSP tells.
    rtp_port: Option<u16>,
    _directory: TempDir,
}

impl Capture {
    /// Starts to capture a server's RTSP connections at this port, and all UDP, whose ports are not
    /// known yet.
    ///
    /// # Panics
    /// Panics if tshark does not start.
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

    /// Ends the capture.
    ///
    /// # Panics
    /// Panics if tshark does not end, or has lost packets.
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
    /// Makes a recording of a file in `directory` that another program has captured of the server at
    /// this port.
    pub fn of(directory: TempDir, file: &str, rtsp_port: u16) -> Self {
        Self { file: directory.path().join(file), rtsp_port, rtp_port: None, _directory: directory }
    }

    /// Has UDP packets from or to this port dissected as RTP, although no RTSP tells of them.
    #[must_use]
    pub fn with_rtp(self, port: u16) -> Self {
        Self { rtp_port: Some(port), ..self }
    }

    /// Returns one row for each packet that matches a display filter: the values of `fields`, separated
    /// by tabs.
    ///
    /// # Panics
    /// Panics if tshark fails.
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

    /// Returns one row for each packet of RTSP, RTP, RTCP or JPEG that tshark finds malformed.
    ///
    /// # Panics
    /// Panics if tshark fails.
    pub fn malformed(&self) -> Vec<String> {
        let filter = "(rtsp || rtp || rtcp || jpeg) && (_ws.malformed || _ws.expert.severity == error)";
        self.rows(filter, &["frame.number", "_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"])
    }

    /// Returns how many packets match a display filter.
    ///
    /// # Panics
    /// Panics if tshark fails.
    pub fn count(&self, filter: &str) -> usize {
        self.rows(filter, &["frame.number"]).len()
    }

    /// Returns how many RTP/JPEG packets have the marker bit, which is the number of frames. It counts
    /// RTP packets and not TCP segments, of which one can hold several.
    ///
    /// # Panics
    /// Panics if tshark fails.
    pub fn markers(&self) -> usize {
        let rows = self.rows("rtp.marker == 1 && rtp.p_type == 26", &["rtp.marker"]);
        rows.iter().flat_map(|row| row.split(',')).filter(|bit| matches!(*bit, "1" | "True")).count()
    }
}
