//! What the server tells about itself, in words or as JSON.
mod events;

use crate::indexing::{Seen, Told};
use events::{as_json, in_words, lost, other, rate, remedy};
use pinhole::sdp::FrameRate;
use pinhole::text::Count;
use pinhole_log::{Log, Output, Rate, cut, now};
use pinhole_std::Authority;
use pinhole_std::media::{
    DirectoryChanges, Ignored, InputEvent, Library, Mounted, PatternFormat, Prepared, Problem,
};
use pinhole_std::server::{Event, Options};
use pinhole_std::tls::Fingerprint;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// How many lines about the configuration there may be in ten seconds.
const RELOAD_LINES: u32 = 100;

/// How many media a line names.
const MAX_NAMES: usize = 20;

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

    /// Returns what tells, while something is read, how far it is: see [`Self::indexing`].
    pub(crate) fn of_reading(&self) -> impl FnMut(Told) + Send + use<> {
        let report = self.clone();
        move |told| report.indexing(&told)
    }

    /// Tells which media of a directory have come and gone.
    pub(crate) fn followed(&self, path: &Path, changes: &DirectoryChanges) {
        let rate = Rate { kind: "media", label: "changes of media", peer: None, lines: RELOAD_LINES };
        let DirectoryChanges { added, removed, .. } = changes;
        let line = || match self.json {
            true => timed(json!({ "event": "media_changed", "path": path.display().to_string(),
                "added": first(added), "removed": first(removed),
                "added_count": added.len(), "removed_count": removed.len() })),
            false => {
                let changes = [("not served any more", removed), ("served now", added)];
                let changes = changes.iter().filter(|(_, mounts)| !mounts.is_empty());
                let changes: Vec<_> =
                    changes.map(|(how, mounts)| format!("{how}: {}", named(mounts))).collect();
                format!("{}: {}", path.display(), changes.join("; "))
            }
        };
        self.log.offer(Output::Out, rate, line);
    }

    /// Tells why the media of a directory do not follow what it holds.
    pub(crate) fn not_followed(&self, path: &Path, fault: &str) {
        let fault = format!("it cannot be searched for changes, and its media stay as they are: {fault}");
        self.log.complain(&format_args!("{}: {fault}", path.display()));
        if self.json {
            let path = path.display().to_string();
            self.say(json!({ "event": "problem", "path": path, "reason": fault, "transcode": false }));
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

/// Returns the first of many names.
fn first(names: &[String]) -> &[String] {
    names.get(..MAX_NAMES).unwrap_or(names)
}

/// Returns the paths of media as a list.
fn named(mounts: &[String]) -> String {
    let mut text: Vec<_> = first(mounts).iter().map(|mount| format!("/{}", cut(mount))).collect();
    let more = mounts.len().saturating_sub(MAX_NAMES);
    text.extend((more > 0).then(|| format!("and {more} more")));
    text.join(", ")
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
    fn any_address_is_shown_as_loopback() {
        assert_eq!(reachable(([0, 0, 0, 0], 8554).into()).to_string(), "127.0.0.1:8554");
        assert_eq!(reachable(([10, 0, 0, 1], 1).into()).to_string(), "10.0.0.1:1");
    }
}
