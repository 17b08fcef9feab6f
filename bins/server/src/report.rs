//! What the server tells about itself, in words or as JSON.
use crate::indexing::{Seen, Told};
use pinhole::codec::jpeg::Sampling;
use pinhole::sdp::FrameRate;
use pinhole::server::{LowerTransport, Summary};
use pinhole::text::Count;
use pinhole_log::{Log, Output, Rate, cut, now, redacted_value};
use pinhole_std::Authority;
use pinhole_std::media::{
    Ignored, InputEvent, InputTrouble, Library, Mounted, PatternFormat, Prepared, Problem,
};
use pinhole_std::server::{Event, Options, RevokeReason};
use pinhole_std::tls::Fingerprint;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many lines about sessions a client may cause in ten seconds.
const SESSION_LINES: u32 = 1_000;
/// The same of lines about anything else, and of each kind of lines about live input.
const OTHER_LINES: u32 = 20;
/// How many lines about the configuration there may be in ten seconds.
const RELOAD_LINES: u32 = 100;

/// Tells events on standard output, and problems on standard error.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    json: bool,
    log: Log,
}

impl Report {
    /// Makes a report in words, or with one JSON object on each line.
    pub(crate) fn new(json: bool, log: Log) -> Self {
        Self { json, log }
    }

    /// Tells why something cannot be served.
    pub(crate) fn problem(&self, problem: &Problem) {
        self.log.complain(&format_args!("{problem}{}", remedy(problem)));
        if self.json {
            let path = problem.path.display().to_string();
            self.say(json!({ "event": "problem", "path": path, "frame": problem.frame, "byte": problem.at,
                "reason": cut(&problem.reason), "transcode": problem.transcode }));
        }
    }

    /// Tells how a camera is served by a program that was built without them.
    #[cfg(not(all(feature = "v4l2", target_os = "linux")))]
    pub(crate) fn device(&self, path: &Path) {
        let path = path.display().to_string();
        let reason = format!(
            "this is a device; to serve a camera, build this program with --features v4l2, or pipe what it gives: \
             ffmpeg -f v4l2 -input_format mjpeg -i {path} -c:v copy -f mjpeg - | pinhole-server -"
        );
        self.log.complain(&format_args!("{path}: {reason}"));
        if self.json {
            self.say(json!({ "event": "problem", "path": path, "reason": reason, "transcode": false }));
        }
    }

    /// Tells what of a directory is not served, by name if `names`.
    pub(crate) fn ignored(&self, ignored: &Ignored, names: bool) {
        let Ignored { directory, count, paths, .. } = ignored;
        let directory = directory.display();
        let entries = Count(*count, "entry is", "entries are");
        let hint = if names { "" } else { "; -v names what that is" };
        self.log.complain(&format_args!(
            "{directory}: {entries} not served: only files that end in .mjpeg, .mjpg, .avi, .mkv, .mov, .mp4, \
             .multipart, .jpg or .jpeg are{hint}"
        ));
        for path in paths.iter().filter(|_| names) {
            self.log.complain(&format_args!("{}: not served", path.display()));
        }
        if self.json {
            let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
            let directory = directory.to_string();
            self.say(json!({ "event": "ignored", "path": directory, "count": count, "names": names }));
        }
    }

    /// Tells that a medium is played by its own clock, if it has one and another rate was asked for.
    pub(crate) fn own_clock(&self, medium: &str, own: Option<FrameRate>, asked: Option<FrameRate>) {
        let (Some(own), Some(asked)) = (own, asked) else { return };
        if own == asked {
            return;
        }
        let [own, asked] = [own, asked].map(|rate| f64::from(rate.0) / 1000.0);
        let rate = Count(own, "frame a second", "frames a second");
        self.log.complain(&format_args!(
            "{medium}: --fps {asked} is not used: it has a clock of its own, of {rate}"
        ));
        if self.json {
            self.say(json!({ "event": "own_clock", "medium": medium, "fps": own, "asked": asked }));
        }
    }

    /// Tells what was prepared.
    pub(crate) fn prepared(&self, output: &Path, prepared: &Prepared) {
        let Prepared { frames, changed, left_out, bytes, .. } = prepared;
        let path = output.display();
        if self.json {
            self.say(json!({ "event": "prepared", "path": path.to_string(), "frames": frames,
                "changed": changed, "left_out": left_out, "bytes": bytes }));
        } else {
            let (megabytes, frames) = (*bytes as f64 / 1e6, Count(*frames, "frame", "frames"));
            self.log.say(&format_args!(
                "{path}: {frames}, {changed} of them changed, {left_out} left out, {megabytes:.1} MB"
            ));
        }
    }

    /// Tells that nothing was named, and what is served for that.
    pub(crate) fn nothing_named(&self, media: &str) {
        if self.json {
            self.say(json!({ "event": "nothing_named", "path": media }));
        } else {
            self.log.say(&format_args!("no media are named, so these are served: {media}"));
        }
    }

    /// Tells how far a file or directory is searched for frames, or that it is waited for.
    pub(crate) fn indexing(&self, told: &Told) {
        match told {
            Told::Progress(Seen { path, done, of, frames }) => {
                let path = path.display();
                if self.json {
                    self.say(json!({ "event": "indexing", "path": path.to_string(), "done": done, "of": of,
                        "frames": frames }));
                } else {
                    let percent = 100.0 * *done as f64 / (*of).max(1) as f64;
                    let frames = Count(*frames, "frame", "frames");
                    self.log.say(&format_args!("reading {path}: {percent:.0} %, {frames} so far"));
                }
            }
            Told::Waiting(path, since) => {
                let (path, seconds) = (path.display(), since.as_secs());
                self.log.complain(&format_args!(
                    "{path}: waiting for the disk, which has sent nothing for {seconds} s"
                ));
                if self.json {
                    self.say(json!({ "event": "waiting", "path": path.to_string(), "seconds": seconds }));
                }
            }
        }
    }

    /// Tells that a test pattern is being made, which takes seconds if it is large.
    pub(crate) fn preparing(&self, pattern: PatternFormat) {
        let ((width, height), rate) = (pattern.size(), f64::from(pattern.frame_rate().0) / 1000.0);
        if self.json {
            self.say(json!({ "event": "preparing", "mount": "pattern", "width": width, "height": height,
                "fps": rate }));
        } else {
            let rate = Count(rate, "frame a second", "frames a second");
            self.log.say(&format_args!("preparing the test pattern, {width}x{height} at {rate}"));
        }
    }

    /// Tells the URL of each medium.
    pub(crate) fn serving(&self, address: SocketAddr, library: &Library) {
        let address = reachable(address);
        for mounted in library.mounted() {
            let url = mounted.url(address);
            if self.json {
                let (width, height) = mounted.size.unzip();
                self.say(json!({ "event": "serving", "url": url, "width": width, "height": height,
                    "frames": mounted.frames, "recoded": mounted.recoded, "transcoded": mounted.transcoded }));
            } else {
                self.log.say(&format_args!("{url}  {}", about(&mounted)));
            }
        }
    }

    /// Tells where browsers find the media.
    pub(crate) fn pages(&self, address: SocketAddr) {
        let url = format!("http://{}/", Authority(reachable(address)));
        if self.json {
            self.say(json!({ "event": "pages", "url": url }));
        } else {
            self.log.say(&format_args!("{url}  all of them, for browsers"));
        }
    }

    /// Tells where the media are inside TLS, and by which certificate.
    pub(crate) fn tls(&self, address: SocketAddr, fingerprint: Fingerprint) {
        let url = format!("rtsps://{}/", Authority(reachable(address)));
        if self.json {
            self.say(json!({ "event": "tls", "url": url, "fingerprint": fingerprint.to_string() }));
        } else {
            self.log.say(&format_args!(
                "{url}  all of them inside TLS; the certificate's SHA-256 fingerprint is {fingerprint}"
            ));
        }
    }

    /// Tells where the admin port is.
    pub(crate) fn admin(&self, address: SocketAddr) {
        let url = format!("http://{}/", Authority(reachable(address)));
        if self.json {
            self.say(json!({ "event": "admin", "url": url, "reachable": !address.ip().is_loopback() }));
        } else {
            self.log.say(&format_args!("{url}  metrics, health and sessions"));
        }
        if !address.ip().is_loopback() {
            self.log.complain(
                &"other machines can reach the admin port, which asks for no login: it tells the paths of media, and the \
                  addresses and names of clients",
            );
        }
    }

    /// Tells how many clients there can be.
    pub(crate) fn limits(&self, options: &Options) {
        let (all, each) = (options.max_connections, options.max_connections_per_ip);
        if self.json {
            self.say(json!({ "event": "limits", "connections": all, "connections_per_ip": each }));
        } else {
            let all = Count(all, "connection", "connections");
            self.log.say(&format_args!("up to {all} at once, {each} of them from one address"));
        }
    }

    /// Tells who may log in.
    pub(crate) fn logins(&self, users: usize, realm: &str) {
        if self.json {
            self.say(json!({ "event": "logins", "users": users, "realm": realm }));
        } else {
            let count = Count(users, "user", "users");
            self.log.say(&format_args!("only {count} may watch, who log in to {realm:?}"));
        }
    }

    /// Tells that the configuration is right.
    pub(crate) fn checked(&self) {
        if self.json {
            self.say(json!({ "event": "checked" }));
        } else {
            self.log.say(&"the configuration is right");
        }
    }

    /// Tells that the configuration was read anew, and what of it needs a restart.
    pub(crate) fn reloaded(&self, restart: &[String]) {
        let rate = Rate { kind: "reload", label: "reloads", peer: None, lines: RELOAD_LINES };
        let line = || match restart {
            _ if self.json => timed(json!({ "event": "reloaded", "restart": restart })),
            [] => "the configuration was read anew".to_owned(),
            restart => {
                format!("the configuration was read anew; these need a restart: {}", restart.join(", "))
            }
        };
        self.log.offer(Output::Out, rate, line);
    }

    /// Tells why the configuration was not read anew.
    pub(crate) fn not_reloaded(&self, faults: &[String]) {
        let rate = |kind| Rate { kind, label: "reloads", peer: None, lines: RELOAD_LINES };
        for fault in faults {
            self.log.offer(Output::Err, rate("reload fault"), || fault.clone());
        }
        let line = || match self.json {
            true => timed(json!({ "event": "not_reloaded", "faults": faults })),
            false => "the configuration is wrong, and nothing has changed".to_owned(),
        };
        let output = if self.json { Output::Out } else { Output::Err };
        self.log.offer(output, rate("reload"), line);
    }

    /// Tells that everybody may watch.
    pub(crate) fn open(&self) {
        if self.json {
            self.say(json!({ "event": "open" }));
        } else {
            self.log.say(&"there are no users: anyone who reaches this server can watch; --users FILE asks for a login");
        }
    }

    /// Tells whose password was set.
    pub(crate) fn password(&self, done: &str) {
        if self.json {
            self.say(json!({ "event": "password", "done": done }));
        } else {
            self.log.say(&done);
        }
    }

    /// Tells an event of the server. Called by event loops, it does not wait.
    pub(crate) fn event(&self, event: &Event) {
        if let Event::Input { mount, event: InputEvent::Trouble(trouble) } = event {
            let line = || format!("/{}: {}", cut(mount), lost(trouble));
            self.log.offer(Output::Err, other("input trouble", None), line);
        }
        // What is wrong with a frame was told with that frame.
        if let Event::Input { mount, event: InputEvent::Nothing(problem @ Problem { frame: None, .. }) } =
            event
        {
            let line = || format!("/{}: {}{}", cut(mount), cut(&problem.reason), remedy(problem));
            self.log.offer(Output::Err, other("input_nothing", None), line);
        }
        if self.json {
            if let Some(rate) = rate(event) {
                let line = || timed(as_json(event).unwrap_or_default());
                self.log.offer(Output::Out, rate, line);
            }
            return;
        }
        match event {
            Event::Disconnected { peer, error } => tracing::info!(%peer, %error, "disconnected"),
            Event::Skipped { peer, session, mount, frames } => {
                tracing::info!(%peer, %session, medium = %cut(mount), frames, "late: frames left out");
            }
            event => match rate(event).zip(in_words(event)) {
                Some((rate, words)) => self.log.offer(Output::Out, rate, words),
                None => tracing::debug!(?event),
            },
        }
    }

    /// Tells that nobody else is let in, and for how long those who watch may go on.
    pub(crate) fn draining(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        if self.json {
            self.say(json!({ "event": "draining", "seconds": seconds }));
        } else {
            self.log
                .say(&format_args!("nobody else is let in; who watches may go on for {seconds} s at most"));
        }
    }

    /// Tells that the server has stopped.
    pub(crate) fn stopped(&self) {
        if self.json {
            self.say(json!({ "event": "stopped" }));
        }
    }

    /// Queues a JSON object for standard output.
    fn say(&self, object: Value) {
        self.log.say(&timed(object));
    }
}

/// Returns an object with the time in it.
fn timed(mut object: Value) -> String {
    if let Some(object) = object.as_object_mut() {
        object.insert("time".into(), now().into());
    }
    object.to_string()
}

/// Returns how many lines there may be about events of this kind; `None` if there are none.
fn rate(event: &Event) -> Option<Rate<'_>> {
    let session =
        |kind, peer: &SocketAddr| Rate { kind, label: kind, peer: Some(peer.ip()), lines: SESSION_LINES };
    Some(match event {
        Event::Opened { peer, .. } => session("opened", peer),
        Event::Closed { peer, .. } => session("closed", peer),
        Event::BrowserOpened { peer, .. } => session("browser_opened", peer),
        Event::BrowserClosed { peer, .. } => session("browser_closed", peer),
        Event::Ended { peer, .. } => session("ended", peer),
        Event::Skipped { peer, .. } => other("skipped", Some(peer)),
        Event::Adapted { peer, .. } => other("adapted", Some(peer)),
        Event::Refused { peer, .. } => other("refused", Some(peer)),
        Event::LoginRefused { peer, .. } => other("login_refused", Some(peer)),
        Event::HandshakeFailed { peer, .. } => other("handshake_failed", Some(peer)),
        Event::Revoked { peer, .. } => session("revoked", peer),
        Event::Disconnected { peer, .. } => other("disconnected", Some(peer)),
        Event::Input { event, .. } => match event {
            InputEvent::Format { .. } => other("input_format", None),
            InputEvent::Trouble(_) => other("input_trouble", None),
            InputEvent::Nothing(_) => other("input_nothing", None),
            InputEvent::Connected { .. } => other("source_connected", None),
            InputEvent::Lost { .. } => other("source_lost", None),
            InputEvent::Released => other("source_released", None),
            InputEvent::Ended => other("input_ended", None),
            _ => return None,
        },
        _ => return None,
    })
}

fn other(kind: &'static str, peer: Option<&SocketAddr>) -> Rate<'static> {
    Rate { kind, label: kind, peer: peer.map(SocketAddr::ip), lines: OTHER_LINES }
}

/// Returns what makes the line of an event in words; `None` if there is none.
fn in_words(event: &Event) -> Option<Box<dyn FnOnce() -> String + '_>> {
    Some(match event {
        Event::Opened { peer, session, mount, transport, user } => Box::new(move || {
            format!("{peer} opened /{} by {}, session {session}{}", cut(mount), transport.name(), whose(user))
        }),
        Event::Closed { peer, session, mount, transport, reason, summary, user } => Box::new(move || {
            let (mount, why, figures) = (cut(mount), reason.description(), figures(summary));
            let by = transport.name();
            format!("{peer} closed /{mount} by {by}, session {session}{}: {why}; {figures}", whose(user))
        }),
        Event::BrowserOpened { peer, mount, user } => {
            Box::new(move || format!("{peer} opened /{} by HTTP{}", cut(mount), whose(user)))
        }
        Event::BrowserClosed { peer, mount, frames, frames_skipped, bytes, lifetime, user, problem } => {
            Box::new(move || {
                let why = problem
                    .as_ref()
                    .map_or_else(String::new, |problem| format!("; {}", cut(&problem.to_string())));
                let megabytes = *bytes as f64 / 1e6;
                let frames = Count(*frames, "frame", "frames");
                format!(
                    "{peer} closed /{}{}: {frames} ({frames_skipped} left out for time), {megabytes:.1} MB in {:.1} s by HTTP{why}",
                    cut(mount),
                    whose(user),
                    seconds(*lifetime)
                )
            })
        }
        Event::Ended { peer, session, mount, problem: Some(problem) } => Box::new(move || {
            let (mount, problem) = (cut(mount), problem.to_string());
            format!("{peer} has no more of /{mount}, session {session}: {}", cut(&problem))
        }),
        Event::Refused { peer, url, status } => {
            Box::new(move || format!("{peer} was refused {}: {status}", cut(&redacted_value(url))))
        }
        Event::LoginRefused { peer, user: Some(user) } => {
            Box::new(move || format!("{peer} was not let in as {:?}", cut(user)))
        }
        Event::LoginRefused { peer, user: None } => Box::new(move || format!("{peer} was not let in")),
        Event::HandshakeFailed { peer, reason } => {
            Box::new(move || format!("{peer} has not made a handshake of TLS: {}", cut(&reason.to_string())))
        }
        Event::Revoked { peer, user, reason } => {
            Box::new(move || format!("{peer}{}: {}", whose(user), why(*reason)))
        }
        Event::Input { mount, event: InputEvent::Format { width, height, sampling } } => {
            let chroma = chroma(*sampling);
            Box::new(move || format!("/{} is {width}x{height}, {chroma}, from here on", cut(mount)))
        }
        Event::Input { mount, event: InputEvent::Connected { transport } } => {
            let by = transport.map_or("HTTP", LowerTransport::name);
            Box::new(move || format!("/{}: its source sends pictures, by {by}", cut(mount)))
        }
        Event::Input { mount, event: InputEvent::Lost { reason, again } } => Box::new(move || {
            let (mount, reason, again) = (cut(mount), cut(reason), again.as_secs());
            format!("/{mount}: its source is lost: {reason}; it is tried again in {again} s")
        }),
        Event::Input { mount, event: InputEvent::Released } => {
            Box::new(move || format!("/{}: nobody watches, and its source is let go", cut(mount)))
        }
        Event::Input { mount, event: InputEvent::Ended } => {
            Box::new(move || format!("/{} has ended", cut(mount)))
        }
        Event::Adapted { peer, session, mount, one_in: 1 } => Box::new(move || {
            let mount = cut(mount);
            format!("{peer} reports no more loss of /{mount}, session {session}, and is sent every frame")
        }),
        Event::Adapted { peer, session, mount, one_in } => Box::new(move || {
            let mount = cut(mount);
            format!("{peer} reports loss of /{mount}, session {session}, and is sent one frame in {one_in}")
        }),
        _ => return None,
    })
}

/// Returns the JSON object of an event; `None` if it is not reported.
fn as_json(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Opened { peer, session, mount, transport, user } => {
            json!({ "event": "opened", "peer": peer.to_string(), "user": user.as_deref(),
            "session": session.to_string(), "mount": mount, "transport": transport.name() })
        }
        Event::BrowserOpened { peer, mount, user } => {
            json!({ "event": "browser_opened", "peer": peer.to_string(), "user": user.as_deref(), "mount": mount })
        }
        Event::BrowserClosed { peer, mount, frames, frames_skipped, bytes, lifetime, user, problem } => {
            let problem = problem.as_ref().map(|problem| cut(&problem.to_string()).into_owned());
            json!({ "event": "browser_closed", "peer": peer.to_string(), "user": user.as_deref(), "mount": mount, "frames": frames,
            "frames_skipped": frames_skipped, "bytes": bytes, "seconds": seconds(*lifetime), "problem": problem })
        }
        Event::Skipped { peer, session, mount, frames } => {
            json!({ "event": "skipped", "peer": peer.to_string(),
            "session": session.to_string(), "mount": mount, "frames": frames })
        }
        Event::Adapted { peer, session, mount, one_in } => {
            json!({ "event": "adapted", "peer": peer.to_string(),
            "session": session.to_string(), "mount": mount, "one_in": one_in })
        }
        Event::Ended { peer, session, mount, problem } => {
            let problem = problem.as_ref().map(|problem| cut(&problem.to_string()).into_owned());
            json!({ "event": "ended", "peer": peer.to_string(),
            "session": session.to_string(), "mount": mount, "problem": problem })
        }
        Event::Closed { peer, session, mount, transport, reason, summary, user } => {
            json!({ "event": "closed", "peer": peer.to_string(), "user": user.as_deref(),
            "session": session.to_string(), "mount": mount, "transport": transport.name(), "why": reason.description(), "frames": summary.frames,
            "frames_skipped": summary.frames_skipped, "frames_thinned": summary.frames_thinned, "packets": summary.packets, "bytes": summary.octets,
            "packets_lost": summary.lost, "seconds": seconds(summary.lifetime) })
        }
        Event::Refused { peer, url, status } => {
            json!({ "event": "refused", "peer": peer.to_string(), "url": cut(&redacted_value(url)),
            "status": status })
        }
        Event::LoginRefused { peer, user } => json!({ "event": "login_refused", "peer": peer.to_string(),
            "user": user.as_deref() }),
        Event::HandshakeFailed { peer, reason } => {
            json!({ "event": "handshake_failed", "peer": peer.to_string(),
            "reason": cut(&reason.to_string()) })
        }
        Event::Revoked { peer, user, reason } => json!({ "event": "revoked", "peer": peer.to_string(),
            "user": user.as_deref(), "why": why(*reason) }),
        Event::Input { mount, event } => match event {
            InputEvent::Format { width, height, sampling } => {
                json!({ "event": "input_format", "mount": mount,
                "width": width, "height": height, "sampling": chroma(*sampling) })
            }
            InputEvent::Trouble(trouble) => json!({ "event": "input_trouble", "mount": mount,
                "frames_dropped": trouble.dropped, "frames_left_out": trouble.left_out, "frames_damaged": trouble.damaged,
                "junk_bytes": trouble.junk, "junk_at": trouble.junk_at, "problem": trouble.problem.as_ref().map(|problem| cut(&problem.to_string()).into_owned()) }),
            InputEvent::Nothing(problem) => json!({ "event": "input_nothing", "mount": mount,
                "reason": cut(&problem.reason), "transcode": problem.transcode }),
            InputEvent::Connected { transport } => json!({ "event": "source_connected", "mount": mount,
                "transport": transport.map_or("HTTP", LowerTransport::name) }),
            InputEvent::Lost { reason, again } => json!({ "event": "source_lost", "mount": mount,
                "reason": cut(reason), "again_seconds": again.as_secs() }),
            InputEvent::Released => json!({ "event": "source_released", "mount": mount }),
            InputEvent::Ended => json!({ "event": "input_ended", "mount": mount }),
            _ => return None,
        },
        Event::Disconnected { peer, error } => json!({ "event": "disconnected", "peer": peer.to_string(),
            "why": error.to_string() }),
        _ => return None,
    })
}

/// Returns why somebody is sent away.
const fn why(reason: RevokeReason) -> &'static str {
    match reason {
        RevokeReason::Media => "the medium was removed",
        _ => "the users have changed, and this one may not watch any more",
    }
}

/// Returns who is logged in, as the end of a clause; an empty text if nobody has to be.
fn whose(user: &Option<Arc<str>>) -> String {
    user.as_deref().map_or_else(String::new, |user| format!(", of {:?}", cut(user)))
}

/// Describes a medium.
fn about(mounted: &Mounted<'_>) -> String {
    let size = mounted.size.map_or_else(String::new, |(width, height)| format!("{width}x{height}, "));
    let live = if mounted.source { "live, from a source of the network" } else { "live" };
    let frames =
        mounted.frames.map_or_else(|| live.to_owned(), |frames| Count(frames, "frame", "frames").to_string());
    let recoded = match mounted.recoded {
        0 => String::new(),
        n => format!(", {n} re-coded without loss as they are sent"),
    };
    let transcoded = match mounted.transcoded {
        0 => String::new(),
        n => format!(", {n} transcoded as they are sent"),
    };
    format!("{size}{frames}{recoded}{transcoded}")
}

/// Returns what would help.
const fn remedy(problem: &Problem) -> &'static str {
    if problem.transcode { "; --transcode would serve it" } else { "" }
}

const fn chroma(sampling: Sampling) -> &'static str {
    match sampling {
        Sampling::Yuv422 => "4:2:2",
        Sampling::Yuv420 => "4:2:0",
    }
}

/// Returns what of a live input was lost, and why.
fn lost(trouble: &InputTrouble) -> String {
    let InputTrouble { dropped, left_out, junk, junk_at, damaged, problem, .. } = trouble;
    let counts = [
        Count(*dropped, "frame came too fast and was dropped", "frames came too fast and were dropped"),
        Count(*left_out, "frame cannot be sent", "frames cannot be sent"),
        Count(*damaged, "frame came without some of its strips", "frames came without some of their strips"),
    ];
    let counts = counts.iter().filter(|count| count.0 > 0).map(Count::to_string);
    let junk = junk_at.map(|at| match junk {
        1 => format!("1 byte belongs to no frame, at byte {at}"),
        _ => format!("{junk} bytes belong to no frame, the first of them at byte {at}"),
    });
    let counts = counts.chain(junk);
    // Whose it is, is said before.
    let place = |problem: &Problem| {
        let frame = problem.frame.map(|frame| format!("frame {frame}, ")).unwrap_or_default();
        frame + &problem.at.map(|at| format!("byte {at}: ")).unwrap_or_default()
    };
    let example =
        problem.iter().map(|problem| format!("{}{}{}", place(problem), problem.reason, remedy(problem)));
    counts.chain(example).collect::<Vec<_>>().join("; ")
}

/// Returns the figures of a session that has ended.
fn figures(summary: &Summary) -> String {
    let seconds = seconds(summary.lifetime);
    let megabytes = summary.octets as f64 / 1e6;
    let Summary { frames, frames_skipped, frames_thinned, packets, lost, .. } = summary;
    let (frames, packets) = (Count(*frames, "frame", "frames"), Count(*packets, "packet", "packets"));
    format!(
        "{frames} ({frames_skipped} left out as late or faulty, {frames_thinned} for loss), {packets} ({lost} reported lost), {megabytes:.1} MB in {seconds:.1} s"
    )
}

fn seconds(time: pinhole::time::Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// Returns an address that a client on this machine can use. A server on all addresses is also on the
/// loopback interface.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        // With its interface, if it has one.
        ip if !ip.is_unspecified() => return address,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_of_an_input_is_counted_in_words() {
        let told = |count, junk| {
            let mut trouble = InputTrouble::default();
            (trouble.dropped, trouble.left_out) = (count, count);
            (trouble.junk, trouble.junk_at) = (junk, Some(7));
            lost(&trouble)
        };
        assert_eq!(
            told(1, 1),
            "1 frame came too fast and was dropped; 1 frame cannot be sent; 1 byte belongs to no frame, at byte 7"
        );
        assert_eq!(
            told(2, 3),
            "2 frames came too fast and were dropped; 2 frames cannot be sent; 3 bytes belong to no frame, the \
             first of them at byte 7"
        );
    }

    #[test]
    fn any_address_is_shown_as_loopback() {
        assert_eq!(reachable(([0, 0, 0, 0], 8554).into()).to_string(), "127.0.0.1:8554");
        assert_eq!(reachable(([10, 0, 0, 1], 1).into()).to_string(), "10.0.0.1:1");
    }
}
