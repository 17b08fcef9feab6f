//! What a run has shown, and what it must show.
use super::Settings;
use super::attacked::Usage;
use super::troop::Deeds;
use super::viewer::Watched;
use std::fmt;
use std::process::ExitStatus;
use std::time::Duration;

/// By how much the longest gap of the steady viewers may be longer than the interval of frames, beyond what the
/// machine itself causes: as promised, and where the machine may be busy with other work.
const GAP: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(900)];
/// By how much memory may grow in hundredths, and in bytes in addition: what an allocator keeps for itself.
const MEMORY: (u64, [u64; 2]) = (5, [1 << 20, 4 << 20]);
/// The same for descriptors.
const DESCRIPTORS: (u64, u64) = (5, 4);

/// What a chaos run has shown. [`fmt::Display`] writes it as a table.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) settings: Settings,
    /// The steady viewers.
    pub(super) watched: Vec<Watched>,
    /// The viewers of another server, which nobody attacks.
    pub(super) control: Vec<Watched>,
    /// By how much a thread that sleeps for 10 milliseconds slept too long at most.
    pub(super) oversleep: Duration,
    pub(super) usage: [Usage; 2],
    pub(super) deeds: Vec<Deeds>,
    /// How the server ended when it was told to.
    pub(super) ended: Option<ExitStatus>,
    /// How many bytes of its output were read.
    pub(super) output: [u64; 2],
    pub(super) said: String,
}

impl Report {
    /// Asserts what the server promises; see [`super::run`].
    ///
    /// # Panics
    /// Panics with the table if anything of it is not so.
    pub fn assert(&self) {
        let faults = self.faults();
        assert!(faults.is_empty(), "{}\n{self}\nThe server said at last:\n{}", faults.join("\n"), self.said);
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |good: bool, what: String| {
            if !good {
                faults.push(what);
            }
        };
        let strict = self.settings.strict;
        let of = |[strictly, otherwise]: [Duration; 2]| if strict { strictly } else { otherwise };
        let longest = |watched: &[Watched]| watched.iter().map(|w| w.tally.longest).max().unwrap_or_default();
        // What the machine did to those who are not attacked.
        let machine = longest(&self.control) + self.oversleep;
        for Watched { viewer, tally, lasted, dropped } in &self.watched {
            expect(*lasted, format!("the stream of {viewer} did not last"));
            let lost = tally.damaged + tally.missing;
            // What the viewer's own system has dropped, the server has sent.
            expect(lost <= if strict { 0 } else { *dropped }, format!("{viewer} lost {lost} frames"));
            let most = of(GAP) + machine;
            expect(tally.longest <= most, format!("{viewer}: a gap of {:?}, not {most:?}", tally.longest));
            // A busy machine makes nothing early, but for a viewer whose first frame was late.
            expect(tally.early <= GAP[0] + machine, format!("{viewer}: a frame {:?} too early", tally.early));
        }
        let [first, last] = self.usage;
        let grown = |before: u64, hundredths: u64, more: u64| before + before * hundredths / 100 + more;
        let most = grown(first.memory, MEMORY.0, MEMORY.1[usize::from(!strict)]);
        expect(
            last.memory <= most,
            format!("memory has grown from {} to {} bytes", first.memory, last.memory),
        );
        let most = grown(first.descriptors, DESCRIPTORS.0, DESCRIPTORS.1);
        let [before, after] = [first.descriptors, last.descriptors];
        expect(after <= most, format!("{before} descriptors have become {after}"));
        for deeds in &self.deeds {
            expect(deeds.done > 0, format!("nothing was done of: {}", deeds.kind));
        }
        let ended = self.ended.and_then(|status| status.code());
        expect(ended == Some(0), format!("the server did not end well: {:?}", self.ended));
        faults
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { seed, length, strict } = self.settings;
        writeln!(f, "chaos: seed {seed}, {length:?}{}", if strict { ", strict" } else { "" })?;
        writeln!(
            f,
            "{:<24}{:>9}{:>9}{:>9}{:>9}{:>7}{:>10}{:>9}",
            "viewer", "frames", "damaged", "missing", "gap ms", "at s", "early ms", "dropped"
        )?;
        let control = self.control.iter().map(|watched| ("control ", watched));
        for (of, Watched { viewer, tally, dropped, .. }) in
            self.watched.iter().map(|watched| ("", watched)).chain(control)
        {
            let gap = tally.longest.as_secs_f64() * 1000.0;
            write!(f, "{:<24}{:>9}{:>9}", format!("{of}{viewer}"), tally.complete, tally.damaged)?;
            let early = tally.early.as_secs_f64() * 1000.0;
            write!(f, "{:>9}{gap:>9.1}{:>7.1}", tally.missing, tally.longest_at.as_secs_f64())?;
            writeln!(f, "{early:>10.1}{dropped:>9}")?;
        }
        writeln!(f, "a thread overslept by {:.1} ms", self.oversleep.as_secs_f64() * 1000.0)?;
        for (when, usage) in ["before", "at the end"].iter().zip(self.usage) {
            writeln!(f, "{when}: {} KiB, {} descriptors", usage.memory >> 10, usage.descriptors)?;
        }
        writeln!(f, "output read: {} and {} bytes", self.output[0], self.output[1])?;
        writeln!(f, "{:<34}{:>9}{:>9}", "what was done", "done", "refused")?;
        for Deeds { kind, done, refused } in &self.deeds {
            writeln!(f, "{kind:<34}{done:>9}{refused:>9}")?;
        }
        Ok(())
    }
}
