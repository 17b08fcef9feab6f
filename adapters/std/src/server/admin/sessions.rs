//! The sessions of a server, as JSON.
use super::super::observe::{Carrier, Observed, Row, Snapshot};
use pinhole::frame::TrackId;
use pinhole::server::SessionId;
use pinhole::time::Instant;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The most sessions that are listed: those that are sent the most.
const MAX_LISTED: usize = 1000;

/// What tells a stream from others.
type Key = (Option<SessionId>, TrackId, SocketAddr);

/// Returns the sessions, those that are sent the most first, and how many more there are.
pub(super) fn list(observed: Option<&Observed>) -> String {
    let mut listed: Vec<(u64, Value)> = Vec::new();
    if let Some(observed) = observed {
        let media = observed.media().all;
        observed.each_snapshot(|_, snapshot| add(&media, snapshot, &mut listed));
    }
    listed.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
    let more = listed.len().saturating_sub(MAX_LISTED);
    listed.truncate(MAX_LISTED);
    let sessions: Vec<_> = listed.into_iter().map(|(_, session)| session).collect();
    json!({ "sessions": sessions, "more": more }).to_string()
}

/// Adds the sessions of one event loop, each with its rate. `media` are the paths of the media by their numbers.
fn add(media: &[String], snapshot: &Snapshot, listed: &mut Vec<(u64, Value)>) {
    let Snapshot { rows: (at, rows), rows_before: (before_at, rows_before), .. } = snapshot;
    let before: HashMap<Key, u64> = rows_before.iter().map(|row| (key(row), row.summary.octets)).collect();
    for row in rows {
        let rate = rate(row, before.get(&key(row)).copied(), (*before_at, *at));
        listed.push((rate, object(media, row, rate)));
    }
}

fn key(row: &Row) -> Key {
    (row.session, row.track, row.peer)
}

/// Returns how many bytes a second a session is sent, since the figures before or since it began.
fn rate(row: &Row, before: Option<u64>, (from, to): (Instant, Instant)) -> u64 {
    let (bytes, time) = match before {
        Some(before) => (row.summary.octets.saturating_sub(before), to.since(from)),
        None => (row.summary.octets, row.summary.lifetime),
    };
    bytes.saturating_mul(1_000_000).checked_div(time.as_micros()).unwrap_or(0)
}

fn object(media: &[String], row: &Row, rate: u64) -> Value {
    let Row { session, track, peer, user, carrier, summary } = row;
    // Nobody reports about frames by HTTP.
    let reports = *carrier != Carrier::Http;
    json!({
        "session": session.map(|session| session.to_string()),
        "peer": peer.to_string(),
        "user": user.as_deref(),
        "medium": media.get(usize::from(track.media)).map_or("", String::as_str),
        "transport": carrier.name(),
        "frames": summary.frames,
        "skipped": summary.frames_skipped + summary.frames_thinned,
        "bytes_per_second": rate,
        "packets": summary.packets,
        "lost": reports.then_some(summary.lost),
        "jitter_ms": reports.then(|| row.jitter(pinhole::codec::jpeg::TRACK.clock_rate) * 1000.0),
        "seconds": summary.lifetime.as_millis() as f64 / 1000.0,
    })
}
