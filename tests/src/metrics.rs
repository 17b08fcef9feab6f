//! Reads what the admin port of a server tells.
use crate::http::get;
use crate::process::poll;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// How long figures may take until they are published: a server does so once a second.
const LIMIT: Duration = Duration::from_secs(30);

/// The metrics of a server at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// The type of each family by its name, such as `counter`, in the order of the names.
    pub families: BTreeMap<String, String>,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    /// Gets the metrics from the admin port at `address`.
    ///
    /// # Panics
    /// Panics if the response is not OpenMetrics, as [`Self::parse`] says.
    pub fn get(address: SocketAddr) -> Self {
        let response = get(address, "/metrics");
        let content = response.field("Content-Type");
        assert_eq!(response.status, 200);
        assert_eq!(content, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
        Self::parse(response.text())
    }

    /// Reads metrics in the text format of OpenMetrics.
    ///
    /// # Panics
    /// Panics if a family has no help, no type or no known suffix, or comes twice; if a sample comes before its family
    /// or twice; or if the end is missing.
    pub fn parse(text: &str) -> Self {
        let (mut families, mut samples) = (BTreeMap::new(), Vec::new());
        let (mut helped, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut family = String::new();
        let body = text.strip_suffix("# EOF\n").expect("an end");
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help");
                assert!(help.len() > 10 && helped.insert(name.to_owned()), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert!(helped.contains(name), "{line}");
                assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
                name.clone_into(&mut family);
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let (name, unit) = rest.split_once(' ').expect("a unit");
                assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
            } else {
                let (labelled, value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = labelled.split_once('{').unwrap_or((labelled, "}"));
                let suffixes: &[&str] = match &*families[&family] {
                    "counter" => &["_total"],
                    "info" => &["_info"],
                    "histogram" => &["_sum", "_count", "_bucket"],
                    "gauge" => &[""],
                    other => panic!("{other}: {line}"),
                };
                let suffix = name.strip_prefix(&*family).expect("a sample is of the family before it");
                assert!(suffixes.contains(&suffix), "{line}");
                assert!(seen.insert(labelled.to_owned()), "{line}");
                let value = value.parse().expect("a number");
                samples.push((name.to_owned(), labels_of(labels), value));
            }
        }
        Self { families, samples }
    }

    /// Returns the sum of the samples of this name that have all of `labels`; 0 if there are none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |own: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| own.get(*label).is_some_and(|own| own == value))
        };
        let found = self.samples.iter().filter(|(own, labels, _)| own == name && has(labels));
        found.map(|(.., value)| value).sum()
    }

    /// Returns the names of all samples and families.
    pub fn names(&self) -> BTreeSet<String> {
        let samples = self.samples.iter().map(|(name, ..)| name.clone());
        let of_families = self.families.iter().flat_map(|(name, kind)| match &**kind {
            "counter" => vec![format!("{name}_total")],
            "info" => vec![format!("{name}_info")],
            "histogram" => ["_sum", "_count", "_bucket"].map(|suffix| format!("{name}{suffix}")).into(),
            _ => vec![name.clone()],
        });
        samples.chain(of_families).collect()
    }
}

/// Gets the metrics from the admin port at `address` until `done` returns something, and returns that.
///
/// # Panics
/// Panics if that takes longer than half a minute. The message has the newest metrics.
#[track_caller]
pub fn wait_for<T>(address: SocketAddr, mut done: impl FnMut(&Metrics) -> Option<T>) -> T {
    let found = poll(LIMIT, || done(&Metrics::get(address)));
    found.unwrap_or_else(|| panic!("not in time: {:#?}", Metrics::get(address)))
}

/// Returns the sessions that the admin port at `address` lists.
///
/// # Panics
/// Panics if the response is not the JSON that it should be.
pub fn sessions(address: SocketAddr) -> Vec<Value> {
    let response = get(address, "/sessions");
    assert_eq!((response.status, response.field("Content-Type")), (200, Some("application/json")));
    let list: Value = serde_json::from_str(response.text()).expect("JSON");
    list["sessions"].as_array().expect("a list").clone()
}

/// Reads labels up to the closing brace.
fn labels_of(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text.strip_suffix('}').expect("a closing brace");
    while let Some((name, value)) = rest.split_once("=\"") {
        let mut end = 0;
        let bytes = value.as_bytes();
        while bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let unescaped = value[..end].replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\");
        labels.insert(name.to_owned(), unescaped);
        rest = value[end + 1..].trim_start_matches(',');
    }
    assert!(rest.is_empty(), "{text}");
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_their_labels() {
        let text = "# HELP a_b How much.....\n# TYPE a_b counter\na_b_total{x=\"1\",y=\"a,\\\"b\"} 2\n\
                    a_b_total{x=\"1\",y=\"}\"} 3\n# HELP c Something else\n# TYPE c gauge\nc 0.5\n# EOF\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a_b_total", &[]), 5.0);
        assert_eq!(metrics.sum("a_b_total", &[("y", "a,\"b")]), 2.0);
        assert_eq!((metrics.sum("c", &[]), metrics.sum("c", &[("x", "1")])), (0.5, 0.0));
    }
}
