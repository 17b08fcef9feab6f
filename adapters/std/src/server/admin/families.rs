//! The families of metrics: their names, without the prefix and the suffixes of OpenMetrics, and their help.
//! docs/operations.md lists them, with their labels.
use prometheus_client::registry::Unit;

/// A family of metrics.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) unit: Option<Unit>,
}

impl Family {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: None }
    }

    const fn bytes(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: Some(Unit::Bytes) }
    }

    const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: Some(Unit::Seconds) }
    }
}

pub(super) static BUILD: Family = Family::new("build", "The version of the server");
pub(super) static READY: Family =
    Family::new("ready", "1 while clients are let in, 0 while the server starts or drains");

pub(super) static CONNECTIONS: Family =
    Family::new("connections", "Connections of clients that are open: RTSP, RTSP over HTTP (tunnel), HTTP");
pub(super) static CONNECTIONS_LIMIT: Family =
    Family::new("connections_limit", "The most connections at once");
pub(super) static SESSIONS: Family = Family::new(
    "sessions",
    "Sessions that are open: each track that is set up counts, and each browser that watches (http)",
);
pub(super) static SESSIONS_OPENED: Family = Family::new("sessions_opened", "Sessions that were opened");
pub(super) static SESSIONS_CLOSED: Family = Family::new(
    "sessions_closed",
    "Sessions that were closed: torn down by the client, not heard of, set up anew, or with their connection",
);

pub(super) static FRAMES_SENT: Family = Family::new("frames_sent", "Frames that were sent");
pub(super) static PACKETS_SENT: Family = Family::new("packets_sent", "RTP packets that were sent");
pub(super) static SENT: Family = Family::bytes("sent", "Bytes of frames that were sent, without headers");
pub(super) static FRAMES_SKIPPED: Family = Family::new(
    "frames_skipped",
    "Frames that were not sent: late or faulty ones (late), or as the client reports loss (loss)",
);
pub(super) static PACKETS_LOST: Family =
    Family::new("packets_lost", "RTP packets that clients have reported as lost");
pub(super) static RECEIVER_JITTER: Family = Family::seconds(
    "receiver_jitter",
    "The mean interarrival jitter in the newest reports of the sessions that have reported any",
);

pub(super) static REFUSALS: Family =
    Family::new("refusals", "Connections and plays that a limit has refused");
pub(super) static REQUESTS_REFUSED: Family = Family::new(
    "requests_refused",
    "Requests for what is not there (404), or whose source has failed (503) or sends nothing (504)",
);
pub(super) static LOGINS: Family =
    Family::new("logins", "Logins of connections, and attempts that were refused");
#[cfg(feature = "tls")]
pub(super) static HANDSHAKES_FAILED: Family =
    Family::new("handshakes_failed", "Handshakes of TLS that were not finished");

pub(super) static CACHE_HITS: Family = Family::new("cache_hits", "Look-ups of frames that were in the cache");
pub(super) static CACHE_MISSES: Family = Family::new("cache_misses", "Frames that sessions had to wait for");
pub(super) static CACHE: Family = Family::bytes("cache", "Bytes of frames in the cache");
pub(super) static CACHE_LIMIT: Family = Family::bytes("cache_limit", "Bytes that the cache may hold");
pub(super) static LOADER_QUEUE: Family =
    Family::new("loader_queue", "Streams for which there may be a frame to load");
pub(super) static LOADER_JOBS: Family = Family::new("loader_jobs", "Frames that are being loaded");
pub(super) static LOADER_JOBS_STALLED: Family =
    Family::new("loader_jobs_stalled", "Frames whose loading takes so long that their disk may hang");

pub(super) static LOOP_LAST_TURN: Family = Family::seconds(
    "loop_last_turn",
    "How long ago the event loop has turned; one with nothing to do turns once a second",
);
pub(super) static LOOP_TURN: Family =
    Family::seconds("loop_turn", "How long a turn of the event loop took, over all of its connections");

pub(super) static SOURCE_STATE: Family =
    Family::new("source_state", "1 for the state that a live input or source is in, 0 for the others");
pub(super) static SOURCE_RESTARTS: Family =
    Family::new("source_restarts", "How often a source was lost, and is tried again");
