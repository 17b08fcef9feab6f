//! RTSP messages and header fields.
use pinhole::rtsp::{
    Headers, Message, MessageWriter, Method, Pair, Parsed, Range, RtpInfo, Scale, Session, Speed, Status,
    TransportSpec, Url, parse, parse_within, transports,
};
use pinhole::text::{Emit, OneLine, SliceSink, TextWriter};
use pinhole::time::MediaTime;
use probe::{any, bytes, room, text, used};

pub(super) fn all() {
    used(parse(bytes()));
    match parse_within(bytes(), any(0)) {
        Ok(Parsed::Complete(Message::Request(request), _)) => headers(&request.headers),
        Ok(Parsed::Complete(Message::Response(response), _)) => headers(&response.headers),
        other => used(other),
    }
    used((any(Method::Play).name(), Method::from_name(bytes())));
    let status = any(Status::OK);
    used((status.reason(), status.is_success(), status.is_redirect()));
    fields();
    url();
    write();
}

fn headers(headers: &Headers<'_>) {
    used((headers.get(text()), headers.cseq()));
    headers.get_all(text()).for_each(used);
    headers.iter().for_each(used);
}

fn emitted(value: &impl Emit) {
    let mut out = [0; 100];
    used(value.text_len());
    let mut out = TextWriter::new(SliceSink::new(room(&mut out)));
    value.emit(&mut out);
    used(out.finish());
}

fn fields() {
    transports(bytes()).filter_map(Result::ok).for_each(|spec| emitted(&spec));
    emitted(&TransportSpec::udp(any(Pair { rtp: 0, rtcp: 1 })));
    emitted(&TransportSpec::tcp(any(Pair { rtp: 0, rtcp: 1 })));
    Range::parse(bytes()).iter().for_each(emitted);
    emitted(&Range::starting_at(any(MediaTime::ZERO)));
    if let Some(scale) = Scale::parse(bytes()).or(Scale::from_thousandths(any(1))) {
        used((scale.thousandths(), scale.magnitude(), scale.is_reverse()));
        emitted(&scale);
    }
    if let Some(speed) = Speed::parse(bytes()).or(Speed::from_thousandths(any(1))) {
        used(speed.thousandths());
        emitted(&speed);
    }
    if let Some(session) = Session::parse(bytes()) {
        used(session.timeout());
        emitted(&session);
    }
    RtpInfo::iter(bytes()).for_each(|info| emitted(&info));
}

fn url() {
    let Ok(url) = Url::parse(bytes()) else { return };
    used((url.host(), url.port(), url.path(), url.query(), url.path_is(text())));
    emitted(&url);
    emitted(&url.control(bytes()));
    emitted(&Url::base(any(Some(bytes())), any(Some(bytes())), url));
    if let Some((base, track)) = url.track() {
        used(track);
        emitted(&base);
        emitted(&RtpInfo { url: base.control(bytes()), seq: any(Some(0)), rtptime: any(Some(0)) });
    }
}

fn write() {
    let mut out = [0; 100];
    let mut request =
        MessageWriter::request(SliceSink::new(room(&mut out)), any(Method::Play), text(), any(1));
    request.header(text(), &OneLine(bytes()));
    used(request.finish());
    let response = MessageWriter::response(SliceSink::new(room(&mut out)), any(Status::OK), any(Some(1)));
    used(response.body(text(), text()));
}
