//! The metrics of a server, as OpenMetrics. All names, units and labels are here; docs/operations.md lists them.
use super::super::observe::{Carrier, Observed, Phase, SourceState, Totals};
use super::Shared;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Writes the metrics of a server.
pub(super) struct Metrics(Registry);

/// Reads what is known of a server when it is asked for.
#[derive(Debug)]
struct Reading(Arc<Shared>);

/// The labels of a line.
type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// What writes metrics, each as its name, its help, its unit and its lines.
struct Writer<'e>(DescriptorEncoder<'e>);

impl Metrics {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let mut registry = Registry::with_prefix("pinhole");
        registry.register_collector(Box::new(Reading(shared)));
        Self(registry)
    }

    pub(super) fn write(&self) -> String {
        let mut out = String::new();
        // A string takes all that is written.
        let _ = text::encode(&mut out, &self.0);
        out
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Writer(encoder);
        let observed = self.0.observed();
        out.info("build", "The version of the server", &[("version", env!("CARGO_PKG_VERSION"))])?;
        let is_ready = observed.is_some_and(|observed| observed.phase() == Phase::Serving);
        out.gauge(
            "ready",
            "Whether clients are let in: 1, or 0 while the server starts or drains",
            None,
            [([], u64::from(is_ready))],
        )?;
        let Some(observed) = observed else { return Ok(()) };
        sessions(&mut out, observed)?;
        refusals(&mut out, observed)?;
        loading(&mut out, observed)?;
        loops(&mut out, observed)?;
        sources(&mut out, observed)
    }
}

fn sessions(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let mut sums: BTreeMap<(usize, usize), Totals> = BTreeMap::new();
    let mut connections = [0; 3];
    observed.each_snapshot(|_, snapshot| {
        for (place, carrier, totals) in
            snapshot.totals().filter(|(_, _, totals)| **totals != Totals::default())
        {
            sums.entry((place, carrier as usize)).or_default().add(totals);
        }
        connections.iter_mut().zip(snapshot.connections).for_each(|(sum, count)| *sum += count);
    });
    let sums: Vec<(Labels<'_, 2>, Totals)> = sums
        .into_iter()
        .map(|((place, carrier), totals)| {
            let carrier = Carrier::ALL.get(carrier).map_or("", |carrier| carrier.name());
            ([("medium", observed.medium_at(place)), ("transport", carrier)], totals)
        })
        .collect();
    let each = |value: fn(&Totals) -> u64| sums.iter().map(move |(labels, totals)| (*labels, value(totals)));
    out.gauge(
        "connections",
        "Connections of clients that are open: RTSP, RTSP over HTTP (tunnel), and HTTP",
        None,
        ["rtsp", "tunnel", "http"]
            .into_iter()
            .zip(connections)
            .map(|(name, count)| ([("protocol", name)], count)),
    )?;
    out.gauge(
        "connections_limit",
        "The most connections at once",
        None,
        [([], observed.limits.max_connections() as u64)],
    )?;
    out.gauge(
        "sessions",
        "Sessions that are open. Each track that is set up counts, and each browser that watches (http). The medium / is all media together after the first 1000",
        None,
        each(|totals| totals.sessions),
    )?;
    let opened = observed.counts.opened().map(|(transport, count)| ([("transport", transport)], count));
    out.counter("sessions_opened", "Sessions that were opened", None, opened)?;
    let closed = observed.counts.closed();
    let closed =
        closed.map(|(reason, transport, count)| ([("reason", reason), ("transport", transport)], count));
    out.counter("sessions_closed", "Sessions that were closed, and why: the client tore them down, was not heard of, set them up anew, or the connection ended", None, closed)?;
    out.counter("frames_sent", "Frames that were sent", None, each(|totals| totals.frames))?;
    out.counter("packets_sent", "RTP packets that were sent", None, each(|totals| totals.packets))?;
    out.counter(
        "sent",
        "Bytes of frames that were sent, without headers",
        Some(&Unit::Bytes),
        each(|totals| totals.bytes),
    )?;
    let skipped = sums.iter().flat_map(|([medium, transport], totals)| {
        [("late", totals.late), ("loss", totals.thinned)]
            .map(|(reason, count)| ([*medium, *transport, ("reason", reason)], count))
    });
    out.counter("frames_skipped", "Frames that were not sent, because they were late or faulty (late), or because the client reports loss (loss)", None, skipped)?;
    out.counter(
        "packets_lost",
        "RTP packets that clients have reported as lost",
        None,
        each(|totals| totals.lost),
    )?;
    let jitter = sums.iter().filter(|(_, totals)| totals.reporters > 0);
    out.gauge(
        "receiver_jitter",
        "The mean of the interarrival jitter in the newest reports of the sessions that have reported any",
        Some(&Unit::Seconds),
        jitter.map(|(labels, totals)| (*labels, totals.jitter / totals.reporters as f64)),
    )
}

fn refusals(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let refused = observed.limits.refusals().map(|(limit, count)| ([("limit", limit)], count));
    out.counter("refusals", "Connections and plays that a limit has refused", None, refused)?;
    let refused = observed.counts.refused().map(|(status, count)| ([("status", status)], count));
    out.counter("requests_refused", "Requests that were refused because there is no such medium (404), or because its source has failed (503) or sends nothing (504)", None, refused)?;
    let logins = observed.counts.logins().map(|(result, count)| ([("result", result)], count));
    out.counter("logins", "Logins of connections, and attempts that were refused", None, logins)
}

fn loading(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let loading = observed.loading.read().unwrap_or_default();
    out.counter("cache_hits", "Look-ups of frames that were in the cache", None, [([], loading.hits)])?;
    out.counter(
        "cache_misses",
        "Frames that sessions had to wait for until they were loaded",
        None,
        [([], loading.misses)],
    )?;
    out.gauge("cache", "Bytes of frames in the cache", Some(&Unit::Bytes), [([], loading.cached as u64)])?;
    out.gauge(
        "cache_limit",
        "Bytes that the cache may hold",
        Some(&Unit::Bytes),
        [([], loading.budget as u64)],
    )?;
    out.gauge(
        "loader_queue",
        "Streams for which there may be a frame to load",
        None,
        [([], loading.queued as u64)],
    )?;
    out.gauge("loader_jobs", "Frames that are being loaded", None, [([], loading.running as u64)])?;
    out.gauge(
        "loader_jobs_stalled",
        "Frames whose loading takes so long that their disk may hang",
        None,
        [([], loading.stalled as u64)],
    )
}

fn loops(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let rests: Vec<_> = observed.rests().map(|(number, rest)| (number.to_string(), rest)).collect();
    out.gauge(
        "loop_last_turn",
        "How long ago the event loop has turned; one with nothing to do turns once a second",
        Some(&Unit::Seconds),
        rests.iter().map(|(number, rest)| ([("loop", &**number)], rest.as_micros() as f64 / 1e6)),
    )?;
    let help = "How long a turn of the event loop took, over all of its connections";
    let mut encoder =
        out.0.encode_descriptor("loop_turn", help, Some(&Unit::Seconds), MetricType::Histogram)?;
    let mut result = Ok(());
    observed.each_snapshot(|number, snapshot| {
        let (number, turns) = (number.to_string(), &snapshot.turns);
        let labels: Labels<'_, 1> = [("loop", &number)];
        result = result.and_then(|()| {
            let mut family = encoder.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(turns.sum(), turns.count(), &turns.buckets(), None)
        });
    });
    result
}

fn sources(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let sources = &observed.sources;
    let states = sources.iter().flat_map(|(medium, current, _)| {
        SourceState::ALL
            .map(|state| ([("medium", medium), ("state", state.name())], u64::from(state == current)))
    });
    out.gauge(
        "source_state",
        "The state of each live input and source: 1 for the one that it is in",
        None,
        states,
    )?;
    let restarts = sources.iter().map(|(medium, _, restarts)| ([("medium", medium)], restarts));
    out.counter("source_restarts", "How often a source was lost, and is tried again", None, restarts)
}

impl Writer<'_> {
    fn info<const N: usize>(&mut self, name: &str, help: &str, labels: &Labels<'_, N>) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }

    fn gauge<'l, V: EncodeGaugeValue, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        lines: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        lines.into_iter().try_for_each(|(labels, value)| encoder.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counter<'l, V: EncodeCounterValue, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        lines: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        lines.into_iter().try_for_each(|(labels, value)| {
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }
}
