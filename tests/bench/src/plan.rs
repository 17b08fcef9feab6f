//! Says which measurements are made, and in which order.
use crate::cell::{self, Figures, Setting};
use crate::clip::Clip;
use crate::load::Receive;
use crate::sender::Kind;
use crate::target::{self, Medium, Target};
use crate::{Common, Result, prepare, report};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::process::repository;
use std::path::PathBuf;
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The first clip only, with 50 sessions, and no stock server.
    Quick,
    /// All that `docs/benchmarks.md` shows.
    Full,
}

/// A way to send and to receive, and the senders that are compared in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// The short name of the mode, in names of files.
    pub(crate) key: &'static str,
    /// The name of the mode, in headings.
    pub(crate) title: &'static str,
    /// The kind of medium that is sent.
    pub(crate) medium: Medium,
    /// How the clients receive.
    pub(crate) receive: Receive,
    /// The senders that are compared. The first is the bare sender that is the limit: ratios are to it.
    pub(crate) targets: &'static [Target],
}

const GSO: Target = Target::Bare(Kind::Gso);

/// All modes, in the order of the tables.
pub(crate) const MODES: [Mode; 4] = [
    Mode {
        key: "udp",
        title: "Recorded, UDP",
        medium: Medium::Recorded,
        receive: Receive::Udp { gro: false, stock: false },
        targets: &[GSO, Target::Pinhole, Target::Bare(Kind::Mmsg), Target::Gst],
    },
    Mode {
        key: "gro",
        title: "Recorded, UDP with GRO",
        medium: Medium::Recorded,
        receive: Receive::Udp { gro: true, stock: false },
        targets: &[GSO, Target::Pinhole, Target::Gst],
    },
    Mode {
        key: "tcp",
        title: "Recorded, TCP interleaved",
        medium: Medium::Recorded,
        receive: Receive::Tcp,
        targets: &[
            Target::Bare(Kind::Writev),
            Target::Pinhole,
            Target::PinholeTls,
            Target::Gst,
            Target::GstTls,
        ],
    },
    Mode {
        key: "live",
        title: "Live, shared, UDP",
        medium: Medium::Live,
        receive: Receive::Udp { gro: false, stock: false },
        targets: &[GSO, Target::Pinhole, Target::Gst],
    },
];

/// One row of a table: one sender at one number of sessions.
#[derive(Debug)]
pub(crate) struct Row {
    /// The name of the clip.
    pub(crate) clip: String,
    /// The [`Mode::key`] of the mode.
    pub(crate) mode: &'static str,
    /// The sender.
    pub(crate) target: Target,
    /// The number of sessions.
    pub(crate) sessions: usize,
    /// The figures of each round, in the order of time. Rounds that failed are left out.
    pub(crate) rounds: Vec<Figures>,
    /// The sender's cost divided by the limit's cost in the same round: the median of the rounds. `None`
    /// if there is no finite ratio.
    pub(crate) ratio: Option<f64>,
}

/// All that a run has found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The rows of the tables of cost, in the order of time.
    pub(crate) rows: Vec<Row>,
    /// How many sessions one processor holds: the name of the clip, the key of the mode, the sender and
    /// the number of sessions.
    pub(crate) held: Vec<(String, &'static str, Target, usize)>,
    /// The memory of a session: the key of the mode, the bytes of physical memory, and how many of these
    /// no file backs.
    pub(crate) memory: Vec<(&'static str, f64, f64)>,
    /// The figures at a receiver that reads late into a buffer of the default size: the name of the
    /// clip, the sender and the figures.
    pub(crate) stock: Vec<(String, Target, Figures)>,
}

/// How late a receiver with the default buffer reads, for [`Found::stock`].
pub(crate) const STOCK_LATE: Duration = Duration::from_millis(2);
/// No more sessions are tried than this: three sockets each.
const MOST: usize = 1200;
/// A server that has a thread or more for each session takes too long to set up more.
const MOST_PIPELINES: usize = 100;

/// Makes the measurements, prints the tables, and writes the files. A single measurement that fails is
/// told on standard error and left out.
///
/// # Errors
/// Returns an error if there is no clip, if a program cannot be built or the bare senders' packets
/// cannot be recorded, or if a file cannot be written.
pub(crate) fn run(common: &Common, extent: Extent) -> Result<()> {
    let scratch = prepare()?;
    let full = extent == Extent::Full;
    let window = common.window(Duration::from_secs(if full { 6 } else { 3 }));
    let mut clips = common.clips(&scratch, window)?;
    if !full {
        clips.truncate(1);
    }
    let plan = Plan {
        extra: &common.server_args,
        window,
        rounds: common.repeat.unwrap_or(1),
        gst: full && available(&[Peer::GstServer, Peer::Ffmpeg]),
        full,
    };
    let mut found = Found::default();
    for clip in &clips {
        eprintln!("{}: {:.1} Mbit/s a session", clip.name, clip.gbit_per_frame() * crate::clip::RATE * 1e3);
        target::record(clip, plan.extra)?;
        plan.costs(clip, &mut found);
        plan.stock(clip, &mut found);
    }
    if let Some(clip) = clips.first().filter(|_| full) {
        plan.held(clip, &mut found);
        plan.memory(clip, &mut found);
    }
    let out = common.out.clone().unwrap_or_else(|| PathBuf::from(repository()).join("target/benchmarks"));
    report::write(&found, &clips, &out)
}

struct Plan<'a> {
    extra: &'a [String],
    window: Duration,
    rounds: usize,
    gst: bool,
    full: bool,
}

impl Plan<'_> {
    fn setting(&self, mode: &Mode, target: Target, sessions: usize) -> Setting {
        let Mode { medium, receive, .. } = *mode;
        Setting { target, medium, receive, sessions, window: self.window, late: Duration::ZERO }
    }

    /// Those that are compared in a mode, the limit first.
    fn targets(&self, mode: &Mode, sessions: usize) -> impl Iterator<Item = Target> {
        let heavy = mode.medium == Medium::Recorded && sessions > MOST_PIPELINES;
        let gst = self.gst && !heavy;
        let full = self.full;
        mode.targets.iter().enumerate().filter_map(move |(n, &target)| match target {
            Target::Gst | Target::GstTls => gst.then_some(target),
            _ => (full || n < 2).then_some(target),
        })
    }

    fn costs(&self, clip: &Clip, found: &mut Found) {
        let sessions: &[usize] = if self.full { &[1, 10, 50, 100, 200] } else { &[50] };
        let modes = if self.full { &MODES[..] } else { &MODES[..3] };
        for mode in modes {
            for &sessions in sessions {
                self.compare(clip, mode, sessions, found);
            }
        }
    }

    /// All of a mode in turn, so that what changes on the machine changes for all.
    fn compare(&self, clip: &Clip, mode: &Mode, sessions: usize, found: &mut Found) {
        let mut rows: Vec<Row> = self
            .targets(mode, sessions)
            .map(|target| Row {
                clip: clip.name.clone(),
                mode: mode.key,
                target,
                sessions,
                rounds: Vec::new(),
                ratio: None,
            })
            .collect();
        for _ in 0..self.rounds {
            for row in &mut rows {
                let setting = self.setting(mode, row.target, sessions);
                match cell::measure(clip, &setting, self.extra) {
                    Ok(figures) => {
                        eprintln!("  {}, {sessions}: {}", mode.title, report::line(row.target, &figures));
                        row.rounds.push(figures);
                    }
                    Err(error) => eprintln!("  {}, {sessions}: {}: {error}", mode.title, row.target.name()),
                }
            }
        }
        let limit: Vec<f64> =
            rows.first().map_or_else(Vec::new, |row| row.rounds.iter().map(Figures::per_gbit).collect());
        for row in &mut rows {
            let ratios = row.rounds.iter().zip(&limit).map(|(figures, limit)| figures.per_gbit() / limit);
            row.ratio = median(ratios.collect());
        }
        found.rows.extend(rows);
    }

    fn stock(&self, clip: &Clip, found: &mut Found) {
        let receive = Receive::Udp { gro: false, stock: true };
        let gst = self.gst.then_some(Target::Gst);
        for target in [Target::Pinhole].into_iter().chain(gst) {
            let setting = Setting { receive, late: STOCK_LATE, ..self.setting(&MODES[0], target, 1) };
            match cell::measure(clip, &setting, self.extra) {
                Ok(figures) => {
                    eprintln!("  stock receiver: {}", report::line(target, &figures));
                    found.stock.push((clip.name.clone(), target, figures));
                }
                Err(error) => eprintln!("  stock receiver: {}: {error}", target.name()),
            }
        }
    }

    fn held(&self, clip: &Clip, found: &mut Found) {
        for mode in MODES.iter().filter(|mode| mode.medium == Medium::Recorded) {
            let both = mode.targets.iter().filter(|&&target| target != Target::Bare(Kind::Mmsg));
            for &target in both.filter(|&&target| !is_gst(target) || self.gst) {
                let most = if is_gst(target) { MOST_PIPELINES } else { MOST };
                eprintln!("  {}: sessions held by {}", mode.title, target.name());
                match cell::held(clip, &self.setting(mode, target, 50), self.extra, most) {
                    Ok((sessions, _)) => found.held.push((clip.name.clone(), mode.key, target, sessions)),
                    Err(error) => eprintln!("  {error}"),
                }
            }
        }
    }

    fn memory(&self, clip: &Clip, found: &mut Found) {
        for mode in [&MODES[0], &MODES[2]] {
            match cell::memory(clip, Target::Pinhole, mode.receive, 200, self.extra) {
                Ok((all, anonymous)) => found.memory.push((mode.key, all, anonymous)),
                Err(error) => eprintln!("  memory: {error}"),
            }
        }
    }
}

fn is_gst(target: Target) -> bool {
    matches!(target, Target::Gst | Target::GstTls)
}

/// Returns the middle one of the finite values, or the mean of the two in the middle if their number is
/// even. Returns `None` if there is no finite value.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 0 => Some(values[middle - 1].midpoint(values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_the_finite_values() {
        assert_eq!(median(vec![3.0, f64::NAN, 1.0, 2.0, f64::INFINITY]), Some(2.0));
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
        assert_eq!(median(vec![f64::NAN]), None);
    }

    #[test]
    fn the_limit_stands_first_in_each_mode() {
        assert!(MODES.iter().all(|mode| matches!(mode.targets[0], Target::Bare(_))));
    }
}
