//! The metrics of a server, as OpenMetrics.
use super::super::observe::{Carrier, Kind, Observed, Phase, SourceState, Totals};
use super::Shared;
use super::families::{self as family, Family};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
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

/// What writes metrics.
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
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        out.begin(&family::BUILD, MetricType::Info)?.encode_info(&version)?;
        let is_ready = observed.is_some_and(|observed| observed.phase() == Phase::Serving);
        out.gauge(&family::READY, one(u64::from(is_ready)))?;
        let Some(observed) = observed else { return Ok(()) };
        sessions(&mut out, observed)?;
        refusals(&mut out, observed)?;
        loading(&mut out, observed)?;
        loops(&mut out, observed)?;
        sources(&mut out, observed)
    }
}

fn sessions(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let (sums, connections) = sum_up(observed);
    let sums: Vec<(Labels<'_, 2>, Totals)> = sums
        .iter()
        .map(|((medium, carrier), totals)| ([("medium", &**medium), ("transport", carrier.name())], *totals))
        .collect();
    let each = |value: fn(&Totals) -> u64| sums.iter().map(move |(labels, totals)| (*labels, value(totals)));
    let protocols = Kind::NAMES.into_iter().zip(connections);
    out.gauge(&family::CONNECTIONS, protocols.map(|(protocol, count)| ([("protocol", protocol)], count)))?;
    out.gauge(&family::CONNECTIONS_LIMIT, one(observed.limits.max_connections() as u64))?;
    out.gauge(&family::SESSIONS, each(|totals| totals.sessions))?;
    let opened = observed.counts.opened();
    out.counter(
        &family::SESSIONS_OPENED,
        opened.map(|(transport, count)| ([("transport", transport)], count)),
    )?;
    let closed = observed.counts.closed().map(|(reason, transport, count)| {
        let labels = [("reason", reason), ("transport", transport)];
        (labels, count)
    });
    out.counter(&family::SESSIONS_CLOSED, closed)?;
    out.counter(&family::FRAMES_SENT, each(|totals| totals.frames))?;
    out.counter(&family::PACKETS_SENT, each(|totals| totals.packets))?;
    out.counter(&family::SENT, each(|totals| totals.bytes))?;
    let skipped = sums.iter().flat_map(|([medium, transport], totals)| {
        [("late", totals.late), ("loss", totals.thinned)]
            .map(|(reason, count)| ([*medium, *transport, ("reason", reason)], count))
    });
    out.counter(&family::FRAMES_SKIPPED, skipped)?;
    out.counter(&family::PACKETS_LOST, each(|totals| totals.lost))?;
    let jitter = sums.iter().filter(|(_, totals)| totals.reporters > 0);
    out.gauge(
        &family::RECEIVER_JITTER,
        jitter.map(|(labels, totals)| (*labels, totals.jitter / totals.reporters as f64)),
    )
}

/// What was sent of a medium by a carrier, over all event loops.
type Sum = ((Arc<str>, Carrier), Totals);

/// Sums up what all event loops have published. Returns the numbers of connections, too.
fn sum_up(observed: &Observed) -> (Vec<Sum>, [u64; Kind::NAMES.len()]) {
    let mut sums: BTreeMap<(Arc<str>, Carrier), Totals> = BTreeMap::new();
    let mut connections = [0; Kind::NAMES.len()];
    observed.each_snapshot(|_, snapshot| {
        let watched = snapshot.totals().filter(|(_, _, totals)| **totals != Totals::default());
        for (medium, carrier, totals) in watched {
            sums.entry((medium.clone(), carrier)).or_default().add(totals);
        }
        connections.iter_mut().zip(snapshot.connections).for_each(|(sum, count)| *sum += count);
    });
    (sums.into_iter().collect(), connections)
}

fn refusals(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let refused = observed.limits.refusals().map(|(limit, count)| ([("limit", limit)], count));
    out.counter(&family::REFUSALS, refused)?;
    let refused = observed.counts.refused().map(|(status, count)| ([("status", status)], count));
    out.counter(&family::REQUESTS_REFUSED, refused)?;
    let logins = observed.counts.logins().map(|(result, count)| ([("result", result)], count));
    out.counter(&family::LOGINS, logins)?;
    #[cfg(feature = "tls")]
    out.counter(&family::HANDSHAKES_FAILED, one(observed.counts.handshakes_failed()))?;
    Ok(())
}

fn loading(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let loading = observed.loading.read().unwrap_or_default();
    out.counter(&family::CACHE_HITS, one(loading.hits))?;
    out.counter(&family::CACHE_MISSES, one(loading.misses))?;
    out.gauge(&family::CACHE, one(loading.cached as u64))?;
    out.gauge(&family::CACHE_LIMIT, one(loading.budget as u64))?;
    out.gauge(&family::LOADER_QUEUE, one(loading.queued as u64))?;
    out.gauge(&family::LOADER_JOBS, one(loading.running as u64))?;
    out.gauge(&family::LOADER_JOBS_STALLED, one(loading.stalled as u64))
}

fn loops(out: &mut Writer<'_>, observed: &Observed) -> fmt::Result {
    let rests: Vec<_> = observed.rests().map(|(number, rest)| (number.to_string(), rest)).collect();
    let rests = rests.iter().map(|(number, rest)| ([("loop", &**number)], rest.as_micros() as f64 / 1e6));
    out.gauge(&family::LOOP_LAST_TURN, rests)?;
    let mut encoder = out.begin(&family::LOOP_TURN, MetricType::Histogram)?;
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
    let live = observed.media().live;
    let sources = observed.sources.read(&live);
    let states = sources.iter().flat_map(|&(medium, current, _)| {
        SourceState::ALL
            .map(|state| ([("medium", medium), ("state", state.name())], u64::from(state == current)))
    });
    out.gauge(&family::SOURCE_STATE, states)?;
    let restarts = sources.iter().map(|&(medium, _, restarts)| ([("medium", medium)], restarts));
    out.counter(&family::SOURCE_RESTARTS, restarts)
}

/// Returns a line without labels.
fn one<V>(value: V) -> [(Labels<'static, 0>, V); 1] {
    [([], value)]
}

impl Writer<'_> {
    /// Begins a family.
    fn begin<'s>(
        &'s mut self,
        family: &'s Family,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(family.name, family.help, family.unit.as_ref(), kind)
    }

    fn gauge<'l, V: EncodeGaugeValue, const N: usize>(
        &mut self,
        family: &Family,
        lines: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut encoder = self.begin(family, MetricType::Gauge)?;
        lines.into_iter().try_for_each(|(labels, value)| encoder.encode_family(&labels)?.encode_gauge(&value))
    }

    fn counter<'l, V: EncodeCounterValue, const N: usize>(
        &mut self,
        family: &Family,
        lines: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut encoder = self.begin(family, MetricType::Counter)?;
        lines.into_iter().try_for_each(|(labels, value)| {
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
        })
    }
}
