//! One measurement: one server, one way to receive, so many sessions.
use crate::Result;
use crate::clip::{Clip, RATE};
use crate::load::{Count, Load, Receive, quantile};
use crate::machine;
use crate::target::{Medium, Order, Spread, Started, Target};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// After the last session has started, and before anything counts.
const WARM_UP: Duration = Duration::from_millis(1500);

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Who sends.
    pub(crate) target: Target,
    /// What.
    pub(crate) medium: Medium,
    /// How it is received.
    pub(crate) receive: Receive,
    /// By how many.
    pub(crate) sessions: usize,
    /// For how long it counts.
    pub(crate) window: Duration,
    /// How long after a socket has something it is read.
    pub(crate) late: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Frames of which every packet came.
    pub(crate) whole: u64,
    /// Frames of which some came.
    pub(crate) damaged: u64,
    /// Frames that did not come whole though their time had come.
    pub(crate) missing: u64,
    /// Gbit of the original file's bytes in whole frames.
    pub(crate) gbit: f64,
    /// Processor seconds of the server.
    pub(crate) server: f64,
    /// The share of a processor that the load took.
    pub(crate) load: f64,
    /// Median lateness of a frame, in microseconds.
    pub late_p50: u32,
    /// Lateness that 99 % of frames do not exceed.
    pub late_p99: u32,
    /// The window's length in seconds.
    pub(crate) seconds: f64,
}

impl Figures {
    /// Processor seconds for each Gbit delivered.
    pub(crate) fn per_gbit(&self) -> f64 {
        self.server / self.gbit
    }

    /// Whole frames of those that were to come, 0 to 1.
    pub(crate) fn whole_share(&self) -> f64 {
        self.whole as f64 / (self.whole + self.missing).max(1) as f64
    }

    /// The share of its processor that the server took.
    pub(crate) fn server_load(&self) -> f64 {
        self.server / self.seconds
    }

    /// As an object of numbers.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "frames_whole": self.whole, "frames_damaged": self.damaged, "frames_missing": self.missing,
            "whole_share": self.whole_share(), "gbit": self.gbit, "server_cpu_seconds": self.server,
            "server_cpu_seconds_per_gbit": self.per_gbit(), "server_load": self.server_load(),
            "client_load": self.load, "late_p50_us": self.late_p50, "late_p99_us": self.late_p99,
            "seconds": self.seconds,
        })
    }
}

/// Where the watchers of a run of `window` are in a clip of `clip_seconds`: none reaches its end.
pub(crate) fn spread(clip: &Clip, window: Duration) -> Spread {
    let starts = Duration::from_secs(1);
    let margin = Duration::from_secs(3);
    let length = (clip.copies * clip.frames.len()) as f64 / RATE;
    Spread { places: (length - (starts + WARM_UP + window + margin).as_secs_f64()).max(0.0), starts }
}

/// Starts the server and the clients, and counts.
///
/// # Errors
/// Where either cannot be started.
pub(crate) fn measure(clip: &Clip, setting: &Setting, extra: &[String]) -> Result<Figures> {
    let spread = spread(clip, setting.window);
    let &Setting { target, medium, sessions, .. } = setting;
    let started = Started::new(&Order { target, medium, clip, sessions, spread, extra })?;
    let place = |n: usize| {
        let place = spread.places * n as f64 / sessions as f64;
        (medium == Medium::Recorded && n > 0).then_some(place)
    };
    let mut load = Load::new(&started.source, setting.receive, sessions, RATE, setting.late, place)?;
    load.play(spread.starts)?;
    load.run(Instant::now() + WARM_UP)?;
    load.take(0.0).for_each(drop);
    let own = std::process::id();
    let (begin, server, client) = (Instant::now(), machine::cpu_time(started.id())?, machine::cpu_time(own)?);
    load.run(begin + setting.window)?;
    let seconds = begin.elapsed().as_secs_f64();
    let server = machine::cpu_time(started.id())?.saturating_sub(server).as_secs_f64();
    let client = machine::cpu_time(own)?.saturating_sub(client).as_secs_f64();
    let mut sum = Count::default();
    for count in load.take(seconds) {
        sum.whole += count.whole;
        sum.damaged += count.damaged;
        sum.missing += count.missing;
        sum.late.extend(count.late);
    }
    Ok(Figures {
        whole: sum.whole,
        damaged: sum.damaged,
        missing: sum.missing,
        gbit: sum.whole as f64 * clip.gbit_per_frame(),
        server,
        load: client / seconds,
        late_p50: quantile(&mut sum.late, 0.5),
        late_p99: quantile(&mut sum.late, 0.99),
        seconds,
    })
}

/// The most sessions of which 99.9 % of frames come whole, and the figures at that number.
///
/// # Errors
/// As [`measure`].
pub(crate) fn held(
    clip: &Clip,
    setting: &Setting,
    extra: &[String],
    most: usize,
) -> Result<(usize, Option<Figures>)> {
    const WHOLE: f64 = 0.999;
    let mut best = (0, None);
    let (mut low, mut high) = (0, most + 1);
    let mut next = setting.sessions.min(most);
    // To a twentieth; each step at least halves what is between, or doubles what is held.
    while high - low > (low / 20).max(1) {
        let figures = measure(clip, &Setting { sessions: next, ..*setting }, extra)?;
        eprintln!(
            "  {next} sessions: {:.3} % whole, server {:.0} %, load {:.0} %",
            100.0 * figures.whole_share(),
            100.0 * figures.server_load(),
            100.0 * figures.load
        );
        if figures.whole_share() >= WHOLE {
            (low, best) = (next, (next, Some(figures)));
        } else {
            high = next;
        }
        // What one processor can bear at most, by what it bore.
        let guess = (next as f64 / figures.server_load().max(0.05)) as usize;
        next = if high > most && guess > low && guess < high { guess } else { low.midpoint(high) };
        next = next.clamp(low + 1, (high - 1).max(low + 1));
    }
    Ok(best)
}

/// Bytes that each session after the first adds to the server's memory: all of it, and what no
/// file backs. The clip is short and repeats, that the first has had it all read.
///
/// # Errors
/// As [`measure`].
pub(crate) fn memory(
    clip: &Clip,
    target: Target,
    receive: Receive,
    sessions: usize,
    extra: &[String],
) -> Result<(f64, f64)> {
    let short = match target {
        Target::Pinhole => Clip { long: clip.original.clone(), copies: 1, ..clip.clone() },
        _ => clip.clone(),
    };
    let extra: Vec<_> = extra.iter().cloned().chain(["--loop".to_owned()]).collect();
    let spread = Spread { places: 0.0, starts: Duration::from_secs(1) };
    let order = Order { target, medium: Medium::Recorded, clip: &short, sessions: 1, spread, extra: &extra };
    let started = Started::new(&order)?;
    let watch = |sessions| -> Result<(Load, (u64, u64))> {
        let mut load = Load::new(&started.source, receive, sessions, RATE, Duration::ZERO, |_| None)?;
        load.play(spread.starts)?;
        load.run(Instant::now() + Duration::from_secs_f64(clip.frames.len() as f64 / RATE + 1.0))?;
        Ok((load, machine::memory(started.id())?))
    };
    let (first, one) = watch(1)?;
    drop(first);
    thread::sleep(Duration::from_millis(200));
    let (_all, many) = watch(sessions)?;
    let each = |many: u64, one: u64| many.saturating_sub(one) as f64 / (sessions - 1) as f64;
    Ok((each(many.0, one.0), each(many.1, one.1)))
}
