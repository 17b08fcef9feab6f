//! Measures what it costs to receive one stream: `pinhole-viewer` against the stock clients, in turn.
use crate::clip::{Clip, RATE};
use crate::plan::median;
use crate::target::{self, Medium, Order, Spread, Started, Target};
use crate::{Common, Result, load, machine, prepare, report};
use pinhole_tests::Transport;
use pinhole_tests::process::{Running, repository};
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Until all receivers run steadily: GStreamer holds the first picture back for two seconds.
const WARM_UP: Duration = Duration::from_secs(4);
/// Full before anything counts: that the system gives memory for the first time is no matter of the
/// stream.
const CACHE: &str = "16MiB";
/// How long one may take to end once it has what it was to have.
const ENDS: Duration = Duration::from_secs(15);
/// The most pixels across that ffmpeg receives (RFC 2435, 3.1.5).
const FFMPEG_MOST: u16 = 2040;

/// The program that receives the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    Pinhole,
    Gst,
    Ffmpeg,
}

impl Receiver {
    /// Returns the name of the program, as it is in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pinhole => "pinhole-viewer",
            Self::Gst => "GStreamer",
            Self::Ffmpeg => "ffmpeg",
        }
    }

    /// Returns the command that receives `frames` frames and then ends.
    fn command(self, url: &str, transport: Transport, frames: usize) -> Result<Command> {
        let (transport, count) = (transport.to_string(), frames.to_string());
        let mut command;
        match self {
            Self::Pinhole => {
                command = Command::new(target::binary("pinhole-viewer")?);
                let seconds = (frames as f64 / RATE).to_string();
                command.args(["--headless", "--no-decode", "--json", "--transport", &transport]);
                command.args(["--cache", CACHE, "--duration", &seconds, url]);
            }
            Self::Gst => {
                command = Command::new("gst-launch-1.0");
                command.args([
                    "-q",
                    "rtspsrc",
                    &format!("location={url}"),
                    &format!("protocols={transport}"),
                ]);
                command.args(["!", "rtpjpegdepay", "!", "fakesink", &format!("num-buffers={count}")]);
            }
            Self::Ffmpeg => {
                command = Command::new("ffmpeg");
                command.args(["-nostdin", "-v", "error", "-rtsp_transport", &transport, "-i", url]);
                command.args(["-frames:v", &count, "-c", "copy", "-f", "null", "-"]);
            }
        }
        Ok(command)
    }
}

/// One line of the table: one receiver of one clip over one transport.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) clip: String,
    pub(crate) transport: Transport,
    pub(crate) receiver: Receiver,
    /// The share of a processor that the receiver took in each round; 1 is a whole processor.
    pub(crate) shares: Vec<f64>,
    /// What `pinhole-viewer` took, divided by what this receiver took in the same round: the median of
    /// the rounds. `None` if there is no finite ratio.
    pub(crate) ratio: Option<f64>,
}

/// Measures all receivers, prints a table, and writes it into its part of `benchmarks.md`.
pub(crate) fn run(common: &Common) -> Result<()> {
    let scratch = prepare()?;
    target::build("pinhole-viewer")?;
    let window = common.window(Duration::from_secs(6));
    let rounds = common.repeat.unwrap_or(3);
    let mut rows = Vec::new();
    for clip in &common.clips(&scratch, window)? {
        let extra: Vec<_> = common.server_args.iter().cloned().chain(["--loop".to_owned()]).collect();
        let spread = Spread { places: 0.0, starts: Duration::ZERO };
        let (target, medium) = (Target::Pinhole, Medium::Recorded);
        let started = Started::new(&Order { target, medium, clip, sessions: 1, spread, extra: &extra })?;
        let load::Source::Rtsp(url) = &started.source else { return Err("a server has a URL".into()) };
        for transport in Transport::ALL {
            rows.extend(compare(clip, url, transport, window, rounds)?);
        }
    }
    let out = common.out.clone().unwrap_or_else(|| PathBuf::from(repository()).join("target/benchmarks"));
    report::write_receiving(&rows, rounds, window, &out)
}

/// Measures all receivers in turn in each round, so that what changes on the machine changes for all of
/// them.
fn compare(
    clip: &Clip,
    url: &str,
    transport: Transport,
    window: Duration,
    rounds: usize,
) -> Result<Vec<Row>> {
    let ffmpeg = (clip.size()?.0 <= FFMPEG_MOST).then_some(Receiver::Ffmpeg);
    let receivers = [Receiver::Pinhole, Receiver::Gst].into_iter().chain(ffmpeg);
    let row =
        |receiver| Row { clip: clip.name.clone(), transport, receiver, shares: Vec::new(), ratio: None };
    let mut rows: Vec<Row> = receivers.map(row).collect();
    for _ in 0..rounds {
        for row in &mut rows {
            let share = measure(row.receiver, url, transport, window)?;
            eprintln!("  {}, {transport}: {}: {:.2} %", clip.name, row.receiver.name(), 100.0 * share);
            row.shares.push(share);
        }
    }
    let own: Vec<f64> = rows.first().map_or_else(Vec::new, |row| row.shares.clone());
    for row in &mut rows {
        row.ratio = median(own.iter().zip(&row.shares).map(|(own, share)| own / share).collect());
    }
    Ok(rows)
}

/// Returns the share of a processor that a receiver takes while it runs steadily.
fn measure(receiver: Receiver, url: &str, transport: Transport, window: Duration) -> Result<f64> {
    let frames = ((WARM_UP + window).as_secs_f64() * RATE).ceil() as usize;
    let process = Running::start(&mut receiver.command(url, transport, frames)?);
    thread::sleep(WARM_UP);
    let before = machine::cpu_time(process.id())?;
    // Short of the end by what makes sure that it has not come.
    let counted = window - Duration::from_millis(500);
    thread::sleep(counted);
    let used = machine::cpu_time(process.id())?.saturating_sub(before);
    let done = process.finish(ENDS);
    if !done.status.success() {
        return Err(format!("{} failed:\n{}", receiver.name(), done.stderr).into());
    }
    if receiver == Receiver::Pinhole {
        let report: serde_json::Value = serde_json::from_str(done.stdout.trim())?;
        let [complete, damaged, missing] = ["frames_complete", "frames_damaged", "frames_missing"]
            .map(|name| report[name].as_u64().unwrap_or(0));
        // The first second may go by before the first frame.
        if (complete as f64) < frames as f64 - RATE || damaged + missing > 0 {
            return Err(format!("of {frames} frames, {complete} came whole: {report}").into());
        }
    }
    Ok(used.as_secs_f64() / counted.as_secs_f64())
}
