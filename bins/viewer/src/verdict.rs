//! Whether a stream was played as the user asked.
use crate::model::Model;
use crate::show::Ending;
use pinhole::client::LowerTransport;
use pinhole::time::MediaTime;
use std::time::Duration;

/// Decides whether the stream was played as the user asked.
///
/// `shown` says whether a picture was shown, or none was wanted. `start` is where playing was to begin.
///
/// # Errors
/// The stream was not played; the message says why.
pub(crate) fn verdict(
    ending: Ending,
    model: &Model,
    shown: bool,
    errors: &[String],
    start: Option<MediaTime>,
) -> Result<(), String> {
    let name = &model.url;
    let frames = model.session.frames_complete + model.session.frames_damaged;
    // The output says itself why it failed.
    if ending == Ending::Output {
        return Ok(());
    }
    if matches!(ending, Ending::User | Ending::Next | Ending::Previous) {
        return match &model.undecodable {
            Some(reason) if !shown => Err(format!("{name}: no picture can be shown: {reason}")),
            _ => Ok(()),
        };
    }
    if frames == 0
        && let Some(error) = beyond_the_end(model, start)
    {
        return Err(error);
    }
    match (ending, &model.over) {
        (Ending::Stream, Some(Err(reason))) => {
            return Err(match &model.refusal {
                Some(refusal) if frames == 0 => format!("{reason}; {}", unusable(model, refusal)),
                _ => reason.clone(),
            });
        }
        (Ending::Stream, None) => return Err(format!("{name}: a thread of the player has died; try -v")),
        _ => {}
    }
    if frames == 0 {
        let by_tcp = model.session.transport == Some(LowerTransport::Interleaved);
        return Err(match (&model.refusal, model.session.packets) {
            (Some(refusal), _) => format!("{name}: {}", unusable(model, refusal)),
            (None, 1..) => format!("{name}: no picture could be made of what came; try -v to see more"),
            (None, 0) if by_tcp => format!("{name}: no picture came; is the stream live? -v tells more"),
            (None, 0) => {
                format!("{name}: no picture came; is the stream live? try --transport tcp, or -v to see more")
            }
        });
    }
    if !shown {
        let reason = errors.first().map_or("they came too late", String::as_str);
        let none = match frames {
            1 => "the only frame could not".to_owned(),
            _ => format!("none of {frames} frames could"),
        };
        return Err(format!("{name}: {none} be shown: {reason}"));
    }
    Ok(())
}

/// Returns what to say if no picture could be made of the packets that came.
fn unusable(model: &Model, refusal: &str) -> String {
    format!("no picture could be made of {} packets that came: {refusal}", model.session.packets)
}

/// Returns what to say if playing was to begin where the medium is over.
fn beyond_the_end(model: &Model, start: Option<MediaTime>) -> Option<String> {
    let (start, length) = (start?, model.duration?);
    let start = Duration::from(start.since(MediaTime::ZERO));
    (start >= length).then(|| {
        let (name, start, length) = (&model.url, start.as_secs_f64(), length.as_secs_f64());
        format!("{name}: --start {start} is beyond the end: the medium is {length:.2} s long")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionFigures;

    fn model(frames_complete: u64, over: Option<Result<(), String>>) -> Model {
        let session = SessionFigures { frames_complete, ..SessionFigures::default() };
        Model { session, over, ..Model::default() }
    }

    #[test]
    fn the_verdict_needs_a_shown_picture() {
        let judge = |ending, model: &Model, shown| verdict(ending, model, shown, &[], None).is_ok();
        assert!(judge(Ending::Stream, &model(9, Some(Ok(()))), true));
        assert!(judge(Ending::Deadline, &model(9, None), true));
        assert!(judge(Ending::User, &model(0, None), false));
        assert!(!judge(Ending::Stream, &model(9, Some(Err("gone".into()))), true));
        assert!(!judge(Ending::Stream, &model(9, None), true));
        assert!(!judge(Ending::Stream, &model(0, Some(Ok(()))), false));
        assert!(!judge(Ending::Deadline, &model(0, None), false));
        assert!(!judge(Ending::Deadline, &model(9, None), false));
        let undecodable = Model { undecodable: Some("it is damaged".into()), ..model(9, None) };
        assert!(!judge(Ending::User, &undecodable, false) && judge(Ending::User, &undecodable, true));
        assert!(judge(Ending::Output, &undecodable, false));
    }

    #[test]
    fn a_start_beyond_the_end_is_told_with_the_length() {
        let told = |over, duration, start: f64| {
            let model = Model { duration: Some(Duration::from_secs_f64(duration)), ..model(0, over) };
            let start = MediaTime::from_micros((start * 1e6) as u64);
            verdict(Ending::Stream, &model, false, &[], Some(start)).unwrap_err()
        };
        for over in [Some(Err("457".to_owned())), Some(Ok(()))] {
            let beyond = told(over.clone(), 2.0, 99.0);
            assert!(beyond.contains("--start 99 is beyond the end") && beyond.contains("2.00 s"), "{beyond}");
            assert!(!told(over, 2.0, 1.5).contains("--start"));
        }
    }

    #[test]
    fn the_reason_is_told_for_which_no_picture_came_and_no_advice_that_was_followed() {
        let told = |refusal: Option<&str>, packets, transport| {
            let session = SessionFigures { packets, transport, ..SessionFigures::default() };
            let refusal = refusal.map(str::to_owned);
            let model = Model { session, refusal, ..Model::default() };
            verdict(Ending::Deadline, &model, false, &[], None).unwrap_err()
        };
        let (tcp, udp) = (Some(LowerTransport::Interleaved), Some(LowerTransport::Udp));
        let named = told(Some("JPEG frame of unknown size"), 30, udp);
        assert!(named.contains("30 packets that came: JPEG frame of unknown size"), "{named}");
        assert!(!named.contains("--transport"), "{named}");
        assert!(told(None, 0, udp).contains("--transport tcp"));
        assert!(!told(None, 0, tcp).contains("--transport"));
        assert!(!told(None, 30, udp).contains("--transport"));
    }
}
