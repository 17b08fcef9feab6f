//! Command-line options for the faults of a link.
use clap::Args;
use clap::error::ErrorKind;
use pinhole_sim::faults::Faults;
use std::time::Duration;

/// What is wrong with the link, in each of its directions alike.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Faults, in each direction")]
pub(crate) struct FaultArgs {
    /// Lose so many of the frames, such as 3%.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = pinhole_args::share)]
    pub(crate) loss: f64,

    /// Lose so many in a row, on average.
    #[arg(long, value_name = "N", default_value = "1", value_parser = frames)]
    pub(crate) burst: f64,

    /// Change a byte in so many of the IP packets.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = pinhole_args::share)]
    pub(crate) corrupt: f64,

    /// Let so many of the frames come behind up to three later ones.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = pinhole_args::share)]
    pub(crate) reorder: f64,

    /// Let so many of the frames come twice.
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = pinhole_args::share)]
    pub(crate) duplicate: f64,

    /// Let each frame travel for so long, such as 20ms.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = pinhole_args::time)]
    pub(crate) delay: Duration,

    /// Let it travel for up to so much longer; the order stays.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = pinhole_args::time)]
    pub(crate) jitter: Duration,

    /// Carry no more than this, such as 10Mbit.
    #[arg(long, value_name = "BITRATE", value_parser = pinhole_args::bit_rate)]
    pub(crate) rate: Option<u64>,

    /// Let a frame wait for its turn at that rate for so long; what would wait longer is lost.
    #[arg(long, value_name = "TIME", default_value = "100ms", requires = "rate", value_parser = pinhole_args::time)]
    pub(crate) queue: Duration,

    /// Leave with the sender what would wait longer, instead of losing it: a driver that stops its queue does.
    #[arg(long, requires = "rate")]
    pub(crate) push_back: bool,

    /// What chance does: the same seed does the same to the same frames. One is drawn, and told,
    /// where none is given.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl FaultArgs {
    /// Returns the faults.
    ///
    /// # Errors
    /// Returns wrong usage if `--loss` and `--burst` contradict each other.
    pub(crate) fn faults(&self) -> Result<Faults, clap::Error> {
        let refuse = |message: String| Err(clap::Error::raw(ErrorKind::ValueValidation, message + "\n"));
        if self.burst > 1.0 && self.loss == 0.0 {
            return refuse(
                "--burst says how what is lost is lost: it needs --loss, such as --loss 3%".into(),
            );
        }
        // Between two bursts at least one frame is delivered.
        let shortest = (self.loss / (1.0 - self.loss) * 1e6).round() / 1e6;
        if self.burst > 1.0 && self.loss < 1.0 && self.burst < shortest {
            return refuse(format!(
                "a share of {} is not lost {} in a row: --burst is {} or more then",
                self.loss,
                self.burst,
                shortest.ceil()
            ));
        }
        let mut faults = Faults::NONE;
        (faults.loss, faults.burst, faults.corrupt) = (self.loss, self.burst, self.corrupt);
        (faults.reorder, faults.duplicate) = (self.reorder, self.duplicate);
        (faults.delay, faults.jitter) = (self.delay.into(), self.jitter.into());
        (faults.rate, faults.queue) = (self.rate, self.queue.into());
        Ok(faults)
    }

    /// Returns the given seed, or a random one.
    pub(crate) fn seed(&self) -> u64 {
        // Short enough to be typed.
        self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000))
    }
}

fn frames(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 1.0);
    number.ok_or_else(|| "a number of frames is expected, 1 or more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use pinhole::time::Duration as Span;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        faults: FaultArgs,
    }

    fn parse(args: &str) -> Result<Faults, clap::Error> {
        let args = ["test"].into_iter().chain(args.split_whitespace());
        Cli::try_parse_from(args)?.faults.faults()
    }

    #[test]
    fn no_options_are_no_faults() {
        assert_eq!(parse("").unwrap(), Faults::NONE);
    }

    #[test]
    fn every_fault_has_an_option() {
        let mut expected = Faults::NONE;
        (expected.loss, expected.burst, expected.corrupt) = (0.03, 4.0, 0.01);
        (expected.reorder, expected.duplicate) = (0.02, 0.04);
        (expected.delay, expected.jitter) = (Span::from_millis(20), Span::from_millis(5));
        (expected.rate, expected.queue) = (Some(10_000_000), Span::from_millis(50));
        let args = "--loss 3% --burst 4 --corrupt 0.01 --reorder 2% --duplicate 4% \
                    --delay 20ms --jitter 5ms --rate 10Mbit --queue 50ms --seed 7";
        assert_eq!(parse(args).unwrap(), expected);
    }

    #[test]
    fn impossible_faults_are_wrong_usage() {
        for args in [
            "--loss 101%",
            "--loss 3",
            "--burst 4",
            "--loss 3% --burst 0.5",
            "--loss 3% --burst NaN",
            "--loss 90% --burst 2",
            "--delay 20km",
            "--jitter -1ms",
            "--rate 0",
            "--queue 50ms",
            "--push-back",
            "--seed -1",
        ] {
            assert_eq!(parse(args).err().map(|error| error.exit_code()), Some(2), "{args}");
        }
        let error = parse("--loss 90% --burst 2").unwrap_err().to_string();
        assert!(error.contains("--burst is 9 or more"), "{error}");
        assert!(parse("--loss 90% --burst 9").is_ok() && parse("--loss 100% --burst 2").is_ok());
    }
}
