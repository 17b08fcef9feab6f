//! One measurement: one server, one way to receive, and one number of sessions.
use crate::Result;
use crate::clip::{Clip, RATE};
use crate::load::{Count, Load, Receive, quantile};
use crate::machine;
use crate::target::{Medium, Order, Spread, Started, Target};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// After the last session has started, and before anything counts.
pub(crate) const WARM_UP: Duration = Duration::from_millis(1500);

/// What one measurement measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// The server, or the bare sender.
    pub(crate) target: Target,
    /// The kind of medium that is sent.
    pub(crate) medium: Medium,
    /// How the clients receive.
    pub(crate) receive: Receive,
    /// The number of sessions, one for each client.
    pub(crate) sessions: usize,
    /// How long frames and processor time are counted, after all sessions have started.
    pub(crate) window: Duration,
    /// How long the clients wait before they read a socket that has something.
    pub(crate) late: Duration,
}

/// What one measurement has found, for all sessions together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// The number of frames of which every packet came.
    pub(crate) whole: u64,
    /// The number of frames of which some packets came, but not all.
    pub(crate) damaged: u64,
    /// The number of frames that were to come and did not come whole, with the damaged ones.
    pub(crate) missing: u64,
    /// The original file's bytes in the whole frames, in Gbit.
    pub(crate) gbit: f64,
    /// The processor time of the server in seconds.
    pub(crate) server: f64,
    /// The share of a processor that the clients took; 1 is a whole processor.
    pub(crate) load: f64,
    /// The median lateness of a whole frame in microseconds, from the frame of its session that was the
    /// least late.
    pub late_p50: u32,
    /// The lateness in microseconds that 99 % of the whole frames do not exceed.
    pub late_p99: u32,
    /// How long frames and processor time were counted, in seconds.
    pub(crate) seconds: f64,
}

impl Figures {
    /// Returns the server's processor seconds for each Gbit that was delivered. It is not finite if
    /// nothing was.
    pub(crate) fn per_gbit(&self) -> f64 {
        self.server / self.gbit
    }

    /// Returns the share of whole frames among those that were to come, from 0 to 1.
    pub(crate) fn whole_share(&self) -> f64 {
        self.whole as f64 / (self.whole + self.missing).max(1) as f64
    }

    /// Returns the share of its processor that the server took; 1 is all of it.
    pub(crate) fn server_load(&self) -> f64 {
        self.server / self.seconds
    }

    /// Returns the figures as a JSON object of numbers.
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

/// Returns how the clients are spread over the long file of `clip`, so that none of them reaches its end
/// in a measurement of `window`.
pub(crate) fn spread(clip: &Clip, window: Duration) -> Spread {
    let starts = Duration::from_secs(1);
    let margin = Duration::from_secs(3);
    let length = (clip.copies * clip.frames.len()) as f64 / RATE;
    Spread { places: (length - (starts + WARM_UP + window + margin).as_secs_f64()).max(0.0), starts }
}

/// Starts the server and the clients, and counts. `extra` are further command-line arguments of
/// pinhole-server.
///
/// # Errors
/// Returns an error if the server or a client cannot be started, or if the server ends.
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

/// Finds the most sessions, up to `most`, of which 99.9 % of the frames come whole. Returns that number,
/// to about a twentieth, and the figures at it; 0 and `None` if not even one session is held.
///
/// # Errors
/// Returns the errors of [`measure`].
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

/// Returns how many bytes each session after the first adds to the server's physical memory, and how
/// many of these no file backs. `sessions` must be 2 or more, because the growth is divided by the
/// number of sessions after the first. The clip is short and repeats, so that the first session has had
/// all of it read.
///
/// # Errors
/// Returns an error if the server or a client cannot be started, or if the server ends.
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
