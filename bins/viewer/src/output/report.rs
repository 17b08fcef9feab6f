//! The report at the end.
use crate::model::{Model, RecordingOutcome};
use std::time::Duration;

/// Returns the report as one line of JSON.
pub(crate) fn json(model: &Model, errors: &[String]) -> String {
    let Model { session: s, received, .. } = model;
    let millis = |span: Duration| (span.as_secs_f64() * 1e5).round() / 100.0;
    let first_frame = s.first_frame.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    serde_json::json!({
        "url": model.url,
        "start": s.start.map(|start| start.as_micros() as f64 / 1e6),
        "scale": f64::from(s.scale.thousandths()) / 1000.0,
        "speed": f64::from(s.speed.thousandths()) / 1000.0,
        "transport": s.transport.map(|transport| transport.name()),
        "codec": received.codec,
        "width": received.size.0,
        "height": received.size.1,
        "fps": (received.fps * 100.0).round() / 100.0,
        "frames_complete": s.frames_complete,
        "frames_damaged": s.frames_damaged,
        "frames_mended": received.concealed_frames,
        "frames_missing": s.frames_missing,
        "strips_mended": received.concealed_ranges,
        "packets": s.packets,
        "packets_lost": s.packets_lost,
        "bytes": s.bytes,
        "bitrate": received.bitrate.round(),
        "jitter_ms": millis(s.jitter),
        "latency_ms": model.live_delay.map(|_| millis(model.presented.latency)),
        "latency_target_ms": model.live_delay.map(millis),
        "frames_shown": model.presented.shown,
        "frames_late": model.frames_late(),
        "cache_bytes": model.cache.bytes,
        "silences": model.silences.0,
        "silence_ms": u64::try_from(model.silences.1.as_millis()).unwrap_or(u64::MAX),
        "reconnects": model.reconnects,
        "first_frame_ms": first_frame,
        "recorded": model.recorded.as_ref().map(recorded),
        "errors": errors,
    })
    .to_string()
}

fn recorded(outcome: &RecordingOutcome) -> serde_json::Value {
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
    use crate::model::{PresentedFigures, ReceivedFigures, SessionFigures};
    use pinhole::client::LowerTransport;
    use pinhole::time::MediaTime;

    const KEYS: [&str; 30] = [
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
        "latency_ms",
        "latency_target_ms",
        "packets",
        "packets_lost",
        "reconnects",
        "recorded",
        "scale",
        "silence_ms",
        "silences",
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
    fn the_report_is_one_line_of_json() {
        let session = SessionFigures {
            transport: Some(LowerTransport::Interleaved),
            frames_complete: 300,
            start: Some(MediaTime::from_micros(1_966_667)),
            first_frame: Some(Duration::from_micros(41_900)),
            jitter: Duration::from_micros(1_234),
            ..SessionFigures::default()
        };
        let received = ReceivedFigures {
            codec: Some("JPEG"),
            size: (512, 288),
            fps: 29.970_03,
            bitrate: 8e6,
            concealed_frames: 3,
            concealed_ranges: 7,
        };
        let model = Model {
            url: "rtsp://[::1]/\"a\"\n".to_owned(),
            session,
            received,
            recorded: Some(RecordingOutcome { dropped: 2, ..RecordingOutcome::default() }),
            presented: PresentedFigures {
                shown: 299,
                late: 1,
                latency: Duration::from_micros(4_321),
                ..PresentedFigures::default()
            },
            live_delay: Some(Duration::from_micros(5_678)),
            silences: (2, Duration::from_micros(5_500_400)),
            ..Model::default()
        };
        let text = json(&model, &["one".to_owned()]);
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
        let latencies = [&report["latency_ms"], &report["latency_target_ms"]];
        assert_eq!(latencies, [&serde_json::Value::from(4.32), &5.68.into()]);
        assert_eq!((&report["silences"], &report["silence_ms"]), (&2.into(), &5_500.into()));
        assert_eq!(report["errors"][0], "one");
        assert_eq!((&report["recorded"]["dropped"], &report["recorded"]["frames"]), (&2.into(), &0.into()));
    }

    #[test]
    fn a_stream_without_frames_has_all_keys() {
        let report = object(&json(&Model::default(), &[]));
        assert_eq!(report.len(), KEYS.len());
        assert_eq!([&report["scale"], &report["speed"]], [1.0, 1.0]);
        assert!(report["start"].is_null() && report["recorded"].is_null());
        assert!(report["latency_ms"].is_null() && report["latency_target_ms"].is_null());
        assert!(report["transport"].is_null() && report["first_frame_ms"].is_null());
        assert_eq!(report["fps"], 0.0);
    }
}
