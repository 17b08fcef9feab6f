//! The part of `benchmarks.md` about latency.
use super::Row;
use crate::machine;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// The heading of the part.
pub(crate) const HEADING: &str = "\n## Latency\n";

const HEAD: &str = "
How old a live picture is when a client has decoded it, from the write of the last byte of its JPEG into the
server's standard input to the first byte of the picture at the client's output:

    cargo run --release -p pinhole-bench -- latency --out docs [CLIP.mjpeg]

The pictures are those of the clip, or else of the sample clip, with noise, and with a number drawn into each by
which it is known again. Server and client share two processors with the camera and with what reads the pictures.
*The last packet* is when the packet with the marker bit has come to a socket that is read at once; nothing is
decoded then. *With a large buffer* is a socket that says in SETUP how many packets it holds, as pinhole-viewer and a
second server do. *Twice* is a second pinhole-server that takes the pictures from the first. pinhole-viewer writes its
pictures with `--headless --pictures -`; they are converted for that, which counts. The others are `gst-launch-1.0 rtspsrc latency=0 ! rtpjpegdepay ! jpegdec ! fdsink` and
`ffmpeg -fflags nobuffer -flags low_delay -f rawvideo`. A picture that was not seen counts as slower than all
others. The ratio is to the median of GStreamer as a client of pinhole-server.
";

/// Returns the text of the part. `bytes` are the sizes, and how many bytes their pictures have.
pub(super) fn part(rows: &[Row], bytes: &[(&str, usize)], rounds: usize, window: Duration) -> String {
    let mut part = format!("{HEADING}{HEAD}\n");
    let seconds = window.as_secs_f64();
    let _ = writeln!(part, "Measured on: {}. Rounds: {rounds} of {seconds:.1} s each.", machine::name());
    for (size, bytes) in bytes {
        let _ = writeln!(part, "\n### {size}, {} KB a picture\n", bytes / 1_000);
        part += "| transport | server | client | seen | p50 | p99 | ratio |\n|-|-|-|-:|-:|-:|-:|\n";
        for row in rows.iter().filter(|row| row.size == *size) {
            let [p50, p99] = [0.5, 0.99].map(|share| {
                row.quantile(share).map_or_else(|| "-".to_owned(), |millis| format!("{millis:.1} ms"))
            });
            let ratio = ratio(row, rows).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            let seen = 100.0 * row.took.len() as f64 / row.written.max(1) as f64;
            let (server, client) = (row.server.name(), row.client.name());
            let _ = writeln!(
                part,
                "| {} | {server} | {client} | {seen:.1} % | {p50} | {p99} | {ratio} |",
                row.transport
            );
        }
    }
    part
}

/// Returns the median of a row divided by that of GStreamer as a client of pinhole-server.
fn ratio(row: &Row, rows: &[Row]) -> Option<f64> {
    let is_same = |other: &&Row| (other.size, other.transport) == (row.size, row.transport);
    let gst = rows.iter().filter(is_same).find(|other| {
        (other.server, &other.client) == (super::Server::Pinhole, &super::client::Client::Gst)
    })?;
    Some(row.quantile(0.5)? / gst.quantile(0.5)?)
}

/// Returns all figures of a row.
pub(super) fn to_json(row: &Row) -> Value {
    json!({
        "server": row.server.name(), "client": row.client.name(), "size": row.size,
        "transport": row.transport.to_string(), "pictures": row.written, "seen": row.took.len(),
        "p50_ms": row.quantile(0.5), "p90_ms": row.quantile(0.9), "p99_ms": row.quantile(0.99),
    })
}
