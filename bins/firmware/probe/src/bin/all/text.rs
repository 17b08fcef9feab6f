//! Text and time.
use pinhole::text::{
    Counter, Emit, OneLine, SliceSink, TextWriter, decimal, first_word, fraction, hexadecimal, parameter,
    rsplit_once, split, split_once, starts_with_ignore_case, unquote,
};
use pinhole::time::{Duration, Instant, MediaTime, NtpTime};
use probe::{any, bytes, now, room, text, used};

pub(crate) fn all() {
    read();
    write();
    time();
}

fn read() {
    used((decimal(bytes()), hexadecimal(bytes()), fraction(bytes(), any(1))));
    used((first_word(bytes()), parameter(bytes()), unquote(bytes())));
    used((split_once(bytes(), any(b',')), rsplit_once(bytes(), any(b','))));
    used(starts_with_ignore_case(bytes(), bytes()));
    split(bytes(), any(b',')).for_each(used);
}

fn write() {
    let mut out = [0; 100];
    let mut out = TextWriter::new(SliceSink::new(room(&mut out)));
    out.text(text());
    out.dec(any(0_u64));
    out.hex(any(0));
    out.npt(any(MediaTime::ZERO));
    out.thousandths(any(0));
    out.url_text(bytes());
    OneLine(bytes()).emit(&mut out);
    used(OneLine(bytes()).text_len());
    used((out.sink_mut().len(), out.sink_mut().is_empty()));
    if let Ok(sink) = out.finish() {
        used(sink.written());
    }
    let mut counter = TextWriter::new(Counter::default());
    counter.text(bytes());
    let Ok(counter) = counter.finish();
    used(counter.count());
}

fn time() {
    let span = any(Duration::ZERO);
    used((span + any(span), span - any(span), span.scaled(any(1), any(1)), span.as_millis()));
    used((Duration::from_millis(any(0)), Duration::from_secs(any(0))));
    used(Duration::from(any(core::time::Duration::ZERO)));
    used(core::time::Duration::from(span));
    used((now().at + span, now().at - span, now().at.since(any(Instant::ZERO))));
    used((NtpTime::from_unix(span), any(NtpTime(0)).middle()));
}
