//! What errors and events say.
use core::fmt::{self, Debug, Display, Write};
use pinhole::client::{ClientConn, ClientError, NotWaiting};
use pinhole::codec::jpeg::{JpegInfo, Missing, RecodeOptions, Sampling, check, inspect, mend, recode};
use pinhole::media::{FrameReader, SliceReader};
use pinhole::payload::jpeg;
use pinhole::payload::jpeg::DepacketizeError;
use pinhole::rtp;
use pinhole::rtp::rtcp;
use pinhole::rtsp::{Range, Url, WriteError, parse, transports};
use pinhole::sdp::Description;
use pinhole::server::{CloseReason, ConnError, LowerTransport, SessionId};
use probe::{any, bytes, now, room, text, used};

struct Screen;

impl Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        used(text);
        any(Ok(()))
    }
}

fn shown(error: impl Display + Debug) {
    used(write!(Screen, "{error}"));
    used(write!(Screen, "{error:?}"));
}

fn fails<T, E: Display + Debug>(result: Result<T, E>) {
    if let Err(error) = result {
        shown(error);
    }
}

pub(crate) fn all() {
    connections();
    pictures();
    fails(rtp::Packet::new_checked(bytes()));
    fails(jpeg::Payload::parse(bytes()));
    rtcp::Compound::new(bytes()).for_each(fails);
    fails(Description::parse(bytes()));
    fails(Range::parse(bytes()));
    fails(Url::parse(bytes()));
    fails(parse(bytes()));
    transports(bytes()).for_each(fails);
    shown(any(WriteError::<ConnError>::Control));
}

fn connections() {
    let mut other = [0; 100];
    fails(ClientConn::new(any(Default::default()), now(), text(), any(1), room(&mut other)));
    shown(any(ConnError::Idle));
    shown(any(ClientError::Disconnected));
    shown(any(SessionId(0)));
    shown(any(NotWaiting));
    used(any(LowerTransport::Udp).name());
    used(any(CloseReason::Closed).description());
}

fn pictures() {
    let mut out = [0; 100];
    fails(inspect(bytes()));
    fails(check(bytes()));
    fails(recode(bytes(), room(&mut out), any(RecodeOptions::default())));
    let info = any(JpegInfo::of_size(1, 1, Sampling::Yuv420));
    if let Some(missing) = any(Missing::new(any(&[]))) {
        fails(mend(bytes(), &info, &missing, room(&mut out)));
    }
    shown(any(DepacketizeError::Full));
    shown(any(pinhole::payload::DepacketizeError::from(any(DepacketizeError::Full))));
    let Ok(mut reader) = FrameReader::new(SliceReader::new(bytes()), room(&mut out), any(0)) else { return };
    if let Err(pinhole::media::ReadError::Media(error)) = any(&mut reader).next() {
        shown(error);
    }
}
