//! The lines of events of the server.
use pinhole::codec::jpeg::Sampling;
use pinhole::server::{LowerTransport, Summary};
use pinhole::text::Count;
use pinhole_log::{Rate, cut, redacted_value};
use pinhole_std::media::{InputEvent, InputTrouble, Problem};
use pinhole_std::server::{Event, RevokeReason};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// How many lines about sessions a client may cause in ten seconds.
const SESSION_LINES: u32 = 1_000;
/// The same of lines about anything else, and of each kind of lines about live input.
const OTHER_LINES: u32 = 20;
/// Returns how many lines there may be about events of this kind; `None` if there are none.
pub(super) fn rate(event: &Event) -> Option<Rate<'_>> {
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

pub(super) fn other(kind: &'static str, peer: Option<&SocketAddr>) -> Rate<'static> {
    Rate { kind, label: kind, peer: peer.map(SocketAddr::ip), lines: OTHER_LINES }
}

/// Returns what makes the line of an event in words; `None` if there is none.
pub(super) fn in_words(event: &Event) -> Option<Box<dyn FnOnce() -> String + '_>> {
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
        Event::Revoked { peer, session, mount, user, reason } => Box::new(move || {
            let of =
                mount.as_ref().map_or_else(String::new, |mount| format!(" has no more of /{}", cut(mount)));
            let session = session.map_or_else(String::new, |session| format!(", session {session}"));
            format!("{peer}{of}{session}{}: {}", whose(user), why(*reason))
        }),
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
pub(super) fn as_json(event: &Event) -> Option<Value> {
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
        Event::Revoked { peer, session, mount, user, reason } => json!({ "event": "revoked",
            "peer": peer.to_string(), "session": session.map(|session| session.to_string()), "mount": mount, "user": user.as_deref(), "why": why(*reason) }),
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
        RevokeReason::Address => "nobody may watch this from its address any more",
        _ => "the users have changed, and this one may not watch any more",
    }
}

/// Returns who is logged in, as the end of a clause; an empty text if nobody has to be.
fn whose(user: &Option<Arc<str>>) -> String {
    user.as_deref().map_or_else(String::new, |user| format!(", of {:?}", cut(user)))
}

/// Returns what would help.
pub(super) const fn remedy(problem: &Problem) -> &'static str {
    if problem.transcode { "; --transcode would serve it" } else { "" }
}

const fn chroma(sampling: Sampling) -> &'static str {
    match sampling {
        Sampling::Yuv422 => "4:2:2",
        Sampling::Yuv420 => "4:2:0",
    }
}

/// Returns what of a live input was lost, and why.
pub(super) fn lost(trouble: &InputTrouble) -> String {
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
}
