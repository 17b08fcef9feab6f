//! Signals of the system and of the user.
use pinhole_log::{Log, Output, Rate};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The signals that ask a program to end.
const STOP: [i32; 3] = [SIGINT, SIGTERM, SIGQUIT];

type Reload = Box<dyn FnMut() + Send>;

/// What SIGHUP does.
pub(crate) struct HangUp(Arc<Mutex<Option<Reload>>>);

impl HangUp {
    /// Has the signal call `reload` from now on.
    pub(crate) fn call(&self, reload: impl FnMut() + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(reload));
    }
}

/// Has signals that end a program by default do nothing but cause a line in the log. A server is sent
/// SIGHUP when its terminal is closed, or to have it read its configuration: [`HangUp::call`].
///
/// # Errors
/// The system refuses a handler or a thread.
pub(crate) fn ignore(log: Log) -> io::Result<HangUp> {
    let mut signals = Signals::new([SIGHUP, SIGUSR1, SIGUSR2])?;
    let hang_up = HangUp(Arc::default());
    let called = hang_up.0.clone();
    thread::Builder::new().name("ignored".into()).spawn(move || {
        for signal in signals.forever() {
            if let Some(reload) = &mut *called.lock().unwrap_or_else(PoisonError::into_inner)
                && signal == SIGHUP
            {
                reload();
                continue;
            }
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("the signal");
            let rate = Rate { kind: "signal", label: "signals ignored", peer: None, lines: 20 };
            log.offer(Output::Err, rate, || format!("{name} is ignored"));
        }
    })?;
    Ok(hang_up)
}

/// What SIGINT, SIGTERM and SIGQUIT do.
pub(crate) struct Stop(Arc<Mutex<Box<dyn Fn() + Send>>>);

impl Stop {
    /// Has the signals call `stop` from now on.
    pub(crate) fn call(&self, stop: impl Fn() + Send + 'static) {
        *self.lock() = Box::new(stop);
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Fn() + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has SIGINT, SIGTERM and SIGQUIT call `stop`, on a thread of their own, until [`Stop::call`] says
/// otherwise. A second signal ends the program at once.
///
/// # Errors
/// The system refuses a handler or a thread.
pub(crate) fn on_stop(stop: impl Fn() + Send + 'static) -> io::Result<Stop> {
    let mut signals = Signals::new(STOP)?;
    let stop = Stop(Arc::new(Mutex::new(Box::new(stop))));
    let called = Stop(stop.0.clone());
    thread::Builder::new().name("signals".into()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(128 + signal);
            }
            (*called.lock())();
        }
    })?;
    Ok(stop)
}

/// Returns a flag that SIGINT, SIGTERM, SIGQUIT and SIGHUP set, for a command that has something to remove
/// before it ends. A second signal ends the program at once.
///
/// # Errors
/// The system refuses a handler.
pub(crate) fn stop_flag() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in STOP.into_iter().chain([SIGHUP]) {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(stop)
}
