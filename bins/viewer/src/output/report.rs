//! What is told at the end.
use crate::output::recording::Outcome;
use crate::player::Status;
use std::sync::{Mutex, PoisonError};

/// The most messages that are kept: a stream can fail at each frame, for days.
const MAX_ERRORS: usize = 32;

/// What went wrong without ending the stream.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog(Mutex<Errors>);

#[derive(Debug, Default)]
struct Errors {
    first: Vec<String>,
    more: u64,
}

impl ErrorLog {
    /// Adds a message, or counts it where there are too many.
    pub(crate) fn push(&self, message: String) {
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.first.len() < MAX_ERRORS {
            errors.first.push(message);
        } else {
            errors.more = errors.more.saturating_add(1);
        }
    }

    /// The messages in their order; the last may stand for many.
    pub(crate) fn messages(&self) -> Vec<String> {
        let errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut messages = errors.first.clone();
        if errors.more > 0 {
            messages.push(format!("and {} more", errors.more));
        }
        messages
    }
}

/// The report as one line of JSON.
pub(crate) fn json(url: &str, status: &Status, errors: &[String]) -> String {
    let s = &status.statistics;
    let first_frame = s.first_frame.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    serde_json::json!({
        "url": url,
        "start": s.start.map(|start| start.as_micros() as f64 / 1e6),
        "scale": f64::from(s.scale.thousandths()) / 1000.0,
        "speed": f64::from(s.speed.thousandths()) / 1000.0,
        "transport": s.transport.map(|transport| transport.name()),
        "codec": status.codec,
        "width": status.size.0,
        "height": status.size.1,
        "fps": (status.fps * 100.0).round() / 100.0,
        "frames_complete": s.frames_complete,
        "frames_damaged": s.frames_damaged,
        "frames_mended": status.mended.frames,
        "frames_missing": s.frames_missing,
        "strips_mended": status.mended.strips,
        "packets": s.packets,
        "packets_lost": s.packets_lost,
        "bytes": s.bytes,
        "bitrate": status.bitrate.round(),
        "jitter_ms": (s.jitter.as_secs_f64() * 1e5).round() / 100.0,
        "frames_shown": status.frames_shown,
        "frames_late": status.frames_late,
        "cache_bytes": status.usage.bytes,
        "reconnects": status.reconnects,
        "first_frame_ms": first_frame,
        "recorded": status.recorded.as_ref().map(recorded),
        "errors": errors,
    })
    .to_string()
}

fn recorded(outcome: &Outcome) -> serde_json::Value {
    let recorded = &outcome.recorded;
    let files: Vec<_> = recorded.files.iter().map(|file| file.to_string_lossy()).collect();
    serde_json::json!({
        "files": files,
        "frames": recorded.frames,
        "mended": recorded.mended,
        "left_out": recorded.left_out,
        "dropped": outcome.dropped,
        "bytes": recorded.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::conceal::Mended;
    use crate::stream::{Statistics, Transport};
    use pinhole::time::MediaTime;
    use std::time::Duration;

    const KEYS: [&str; 26] = [
        "bitrate",
        "bytes",
        "cache_bytes",
        "codec",
        "errors",
        "first_frame_ms",
        "fps",
        "frames_complete",
        "frames_damaged",
        "frames_late",
        "frames_mended",
        "frames_missing",
        "frames_shown",
        "height",
        "jitter_ms",
        "packets",
        "packets_lost",
        "reconnects",
        "recorded",
        "scale",
        "speed",
        "start",
        "strips_mended",
        "transport",
        "url",
        "width",
    ];

    fn object(text: &str) -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(text).unwrap_or_default()
    }

    #[test]
    fn the_report_is_one_line_with_exactly_its_keys() {
        let statistics = Statistics {
            transport: Some(Transport::Tcp),
            frames_complete: 300,
            start: Some(MediaTime::from_micros(1_966_667)),
            first_frame: Some(Duration::from_micros(41_900)),
            jitter: Duration::from_micros(1_234),
            ..Statistics::default()
        };
        let mended = Mended { frames: 3, strips: 7 };
        let (codec, size, fps) = (Some("JPEG"), (512, 288), 29.970_03);
        let recorded = Some(Outcome { dropped: 2, ..Outcome::default() });
        let status = Status {
            statistics,
            mended,
            codec,
            size,
            fps,
            recorded,
            frames_shown: 299,
            frames_late: 1,
            bitrate: 8e6,
            ..Status::default()
        };
        let text = json("rtsp://[::1]/\"a\"\n", &status, &["one".to_owned()]);
        assert_eq!(text.lines().count(), 1);
        let report = object(&text);
        let mut keys: Vec<_> = report.keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, KEYS);
        assert_eq!(report["url"], "rtsp://[::1]/\"a\"\n");
        assert_eq!(report["transport"], "tcp");
        assert_eq!(report["start"], 1.966_667);
        assert_eq!(report["fps"], 29.97);
        assert_eq!(report["frames_complete"], 300);
        assert_eq!((&report["frames_mended"], &report["strips_mended"]), (&3.into(), &7.into()));
        assert_eq!(report["first_frame_ms"], 41);
        assert_eq!((&report["jitter_ms"], &report["bitrate"]), (&1.23.into(), &8e6.into()));
        assert_eq!((&report["frames_shown"], &report["frames_late"]), (&299.into(), &1.into()));
        assert_eq!(report["errors"][0], "one");
        assert_eq!((&report["recorded"]["dropped"], &report["recorded"]["frames"]), (&2.into(), &0.into()));
    }

    #[test]
    fn a_stream_that_never_came_has_the_same_keys() {
        let report = object(&json("rtsp://host/", &Status::default(), &[]));
        assert_eq!(report.len(), KEYS.len());
        assert_eq!([&report["scale"], &report["speed"]], [1.0, 1.0]);
        assert!(report["start"].is_null() && report["recorded"].is_null());
        assert!(report["transport"].is_null() && report["first_frame_ms"].is_null());
        assert_eq!(report["fps"], 0.0);
    }

    #[test]
    fn errors_without_end_are_counted() {
        let log = ErrorLog::default();
        for n in 0..MAX_ERRORS + 5 {
            log.push(n.to_string());
        }
        let messages = log.messages();
        assert_eq!(messages.len(), MAX_ERRORS + 1);
        assert_eq!(messages.last().map(String::as_str), Some("and 5 more"));
    }
}
