//! Child processes of tests. Every wait for a process has a limit, and no child process outlives the
//! value that stands for it.
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The output and the exit status of a process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit status of the process. Its `code()` is `None` if a signal has killed the process.
    pub status: ExitStatus,
    /// All that the process wrote to standard output. Bytes that are not UTF-8 are replaced. If the process
    /// was started by [`Running::sending`], this is empty. If another process still holds the pipe open five
    /// seconds after the process has ended, output that comes after these five seconds is missing.
    pub stdout: String,
    /// All that the process wrote to standard error. Bytes that are not UTF-8 are replaced. If another
    /// process still holds the pipe open five seconds after the process has ended, output that comes after
    /// these five seconds is missing.
    pub stderr: String,
}

impl Finished {
    /// Asserts that the process ended with the exit code `code`, and that each of `words` occurs somewhere in
    /// its standard error. Upper and lower case differ. If `words` is empty, only the code is checked.
    ///
    /// # Panics
    /// Panics if the exit code is another one, if a signal ended the process, or if one of `words` is
    /// missing.
    #[track_caller]
    pub fn assert_says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "nothing of '{word}' in: {}", self.stderr);
        }
    }
}

/// Runs `command` to its end, with an empty standard input. Returns the output and the exit status of the
/// process. If the program fails, the result is still `Ok`: check [`Finished::status`].
///
/// # Errors
/// Returns an error if the program cannot be started, for example because it is not installed.
///
/// # Panics
/// Panics if the program has not ended within `limit`. The program is killed first, and the message has its
/// output.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Finished> {
    let mut child =
        Guard(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?);
    let stdout = drain(child.0.stdout.take());
    let stderr = drain(child.0.stderr.take());
    let status = wait(&mut child.0, limit);
    // A grandchild may hold a pipe open for longer than the child lives.
    let text = |pipe: mpsc::Receiver<String>| pipe.recv_timeout(Duration::from_secs(5)).unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    match status {
        Some(status) => Ok(Finished { status, stdout, stderr }),
        None => panic!("not done within {limit:?}: {command:?}\n{stdout}\n{stderr}"),
    }
}

/// A process that runs beside the test, and whose output is collected. When this is dropped, the process is
/// killed; its own child processes are not. To wait for the end of the process, call [`Self::finish`].
#[derive(Debug)]
pub struct Running {
    child: Guard,
    stdout: Arc<Lines>,
    stderr: Arc<Lines>,
    name: String,
}

impl Running {
    /// Starts `command`, and collects the lines of its standard output and standard error. Does not wait
    /// for anything. Standard input is a pipe: see [`Self::take_stdin`].
    ///
    /// # Panics
    /// Panics if the program cannot be started, for example because it is not installed. If the program
    /// starts and then fails, this does not panic: see [`Self::is_alive`] and [`Self::finish`].
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = Guard(child.unwrap_or_else(|error| panic!("cannot start {name}: {error}")));
        let stdout = Lines::collect(child.0.stdout.take());
        let stderr = Lines::collect(child.0.stderr.take());
        Self { child, stdout, stderr, name }
    }

    /// Starts `command` with the standard output that the caller has set in it, such as a pipe to
    /// another process, and with an empty standard input. Only the lines of standard error are
    /// collected: [`Self::stdout`] stays empty, so do not call [`Self::wait_stdout`].
    ///
    /// # Panics
    /// Panics if the program cannot be started.
    pub fn sending(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = Guard(child.unwrap_or_else(|error| panic!("cannot start {name}: {error}")));
        let stderr = Lines::collect(child.0.stderr.take());
        Self { child, stdout: Arc::default(), stderr, name }
    }

    /// Returns the pipe to the standard input of the process. Write to the pipe, and drop the pipe to end the
    /// input. If this method is never called, the input stays open and empty for as long as this [`Running`]
    /// exists.
    ///
    /// # Panics
    /// Panics if this was called before, or if the process was started by [`Self::sending`].
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.0.stdin.take().expect("standard input is taken once")
    }

    /// Returns the process id, for example to find the process in `/proc`.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Returns all lines that the process has written to standard output so far, oldest first, without white
    /// space at the end of each line. Does not wait.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.snapshot()
    }

    /// Calls `find` with all lines of standard output since the start of the process, and again after
    /// each further line, until `find` returns a value. Returns that value. `find` is called at least
    /// once, so lines from before this call count.
    ///
    /// # Panics
    /// Panics if `find` has not returned a value within `limit`, or when standard output ends. The
    /// message has the output of the process.
    pub fn wait_stdout<T>(&self, limit: Duration, find: impl FnMut(&[String]) -> Option<T>) -> T {
        self.stdout
            .wait(limit, find)
            .unwrap_or_else(|| panic!("{self}\ndid not say within {limit:?} what was awaited"))
    }

    /// Calls `find` with all lines of standard error since the start of the process, and again after
    /// each further line, until `find` returns a value. Returns that value. `find` is called at least
    /// once, so lines from before this call count.
    ///
    /// # Panics
    /// Panics if `find` has not returned a value within `limit`, or when standard error ends. The
    /// message has the output of the process.
    pub fn wait_stderr<T>(&self, limit: Duration, find: impl FnMut(&[String]) -> Option<T>) -> T {
        self.stderr
            .wait(limit, find)
            .unwrap_or_else(|| panic!("{self}\ndid not say within {limit:?} what was awaited"))
    }

    /// Returns a figure about the memory of the process, in bytes. `name` is a name in `/proc/PID/status`:
    /// `VmRSS` is the physical memory in use now, and `VmHWM` is the most that was in use at once. Returns
    /// `None` if the process has ended, if there is no figure of this name, or if the system is not Linux:
    /// leave out the check in these cases.
    pub fn memory(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    /// Returns true if the process is still running. This method does not wait.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.0.try_wait(), Ok(None))
    }

    /// Sends a signal to the process. `name` is the name of the signal without `SIG`, such as `TERM`. Does
    /// not wait for an effect: call [`Self::finish`] for that.
    ///
    /// # Panics
    /// Panics if there is no such signal, or if [`Self::is_alive`] has returned false before. If the
    /// process has ended and [`Self::is_alive`] was not called since, nothing happens.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(sent.success(), "{kill} failed");
    }

    /// Waits until the process ends by itself or because of an earlier [`Self::signal`], for `limit` at the
    /// longest. This does not end the process. Returns the exit status and all output since the start, with
    /// the lines joined by newlines.
    ///
    /// # Panics
    /// Panics if the process has not ended within `limit`. The process is killed first, and the message has
    /// its output.
    pub fn finish(mut self, limit: Duration) -> Finished {
        let status = wait(&mut self.child.0, limit);
        let Some(status) = status else { panic!("{self}\nnot done within {limit:?}") };
        let text = |lines: &Lines| {
            lines.wait_end(Duration::from_secs(5));
            lines.snapshot().join("\n")
        };
        Finished { status, stdout: text(&self.stdout), stderr: text(&self.stderr) }
    }
}

/// Writes the name of the program and all that it has printed, for the message of a failure.
impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (self.stdout.snapshot().join("\n"), self.stderr.snapshot().join("\n"));
        write!(f, "{} ({}):\n{stdout}\n{stderr}", self.name, self.id())
    }
}

/// Calls `find` every ten milliseconds until it returns a value, and returns that value. If `find` has not
/// returned a value when `limit` is over, returns `None`. `find` is called at least once, even if `limit`
/// is zero. A call of `find` that takes long is not interrupted.
pub fn poll<T>(limit: Duration, mut find: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = find();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the path of one of the workspace's binaries, built in the profile of the running test. `name` is
/// `pinhole-server`, `pinhole-viewer` or `pinhole-sim`. For any other name, the path leads to no file.
///
/// Cargo itself builds only the binaries of a test's own package. So the first call in a process has Cargo
/// build all three binaries, which may take minutes. This way, the binaries are always up to date. Later
/// calls in the same process return at once. If the environment variable `PINHOLE_PROGRAMS` is set, it names the
/// directory with the binaries, and nothing is built.
///
/// # Panics
/// Panics if the binaries cannot be built within 15 minutes.
pub fn binary(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let packages = ["-p", "pinhole-server", "-p", "pinhole-viewer", "-p", "pinhole-sim"];
    let directory = DIRECTORY.get_or_init(|| build(&packages));
    directory.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Returns the path of the example `name` of the crate `pinhole`, built in the profile of the running
/// test. Each call has Cargo build the example first, which may take minutes, unless `PINHOLE_PROGRAMS` is set: see
/// [`binary`].
///
/// # Panics
/// Panics if there is no such example, or if it cannot be built within 15 minutes.
pub fn example(name: &str) -> PathBuf {
    let directory = build(&["-p", "pinhole", "--example", name]).join("examples");
    directory.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// Has Cargo build what these options name, if nobody did. Returns the directory with the result.
fn build(what: &[&str]) -> PathBuf {
    if let Some(built) = std::env::var_os("PINHOLE_PROGRAMS") {
        return built.into();
    }
    // .../target/PROFILE/deps/test-HASH
    let test = std::env::current_exe().expect("the test's own path");
    let directory = test.ancestors().nth(2).expect("a test lies in deps/").to_owned();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(repository()).args(["build", "--quiet"]).args(what);
    build.arg("--target-dir").arg(directory.parent().expect("a profile lies in target/"));
    match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => {}
        Some(profile) => drop(build.args(["--profile", profile])),
    }
    let built = run(&mut build, Duration::from_secs(900)).expect("cargo runs");
    assert!(built.status.success(), "{what:?} cannot be built:\n{}", built.stderr);
    directory
}

/// Returns the absolute path of the root directory of the repository. It is the path from which this crate
/// was compiled.
///
/// # Panics
/// Panics if this crate is not in the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the repository")
}

/// A child process that is killed and reaped when this is dropped.
#[derive(Debug)]
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail where it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let status = poll(limit, || child.try_wait().expect("the child is ours"));
    if status.is_none() {
        let _ = child.kill();
    }
    status
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (to, from) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        // The receiver is gone where the process took too long.
        let _ = to.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    from
}

/// The lines of a pipe, as they come.
#[derive(Debug, Default)]
struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Lines {
    fn collect(pipe: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let pipe = BufReader::new(pipe.expect("the pipe was asked for"));
        let to = Arc::clone(&lines);
        thread::spawn(move || {
            for line in pipe.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                to.change(|state| state.0.push(line));
            }
            to.change(|state| state.1 = true);
        });
        lines
    }

    fn change(&self, change: impl FnOnce(&mut (Vec<String>, bool))) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn wait<T>(&self, limit: Duration, mut find: impl FnMut(&[String]) -> Option<T>) -> Option<T> {
        let mut found = None;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let awaits = |state: &mut (Vec<String>, bool)| {
            found = find(&state.0);
            found.is_none() && !state.1
        };
        drop(self.changed.wait_timeout_while(state, limit, awaits));
        found
    }

    fn wait_end(&self, limit: Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(state, limit, |state| !state.1));
    }

    fn snapshot(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_and_the_exit_code_come_back() {
        let done = run(&mut sh("echo out; echo err >&2; exit 3"), Duration::from_secs(10)).unwrap();
        assert_eq!((done.status.code(), &*done.stdout, &*done.stderr), (Some(3), "out\n", "err\n"));
    }

    #[test]
    #[should_panic(expected = "not done within")]
    fn a_process_that_hangs_is_ended() {
        let _ = run(&mut sh("exec sleep 60"), Duration::from_millis(50));
    }

    #[test]
    fn lines_can_be_awaited_and_a_signal_ends_it() {
        let process = Running::start(&mut sh("echo ready; exec sleep 60"));
        process
            .wait_stdout(Duration::from_secs(10), |lines| lines.iter().any(|l| l == "ready").then_some(()));
        process.signal("TERM");
        assert_eq!(process.finish(Duration::from_secs(10)).status.code(), None);
    }

    #[test]
    #[should_panic(expected = "did not say")]
    fn a_process_that_ends_silently_is_not_awaited() {
        let process = Running::start(&mut sh("exit 0"));
        process.wait_stdout(Duration::from_secs(600), |_| None::<()>);
    }
}
