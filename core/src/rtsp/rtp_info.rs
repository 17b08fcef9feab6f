//! The `RTP-Info` header (RFC 2326, 12.33).
use crate::text::{self, Emit, TextWriter};
use embedded_io::Write;

/// One entry of the header `RTP-Info` in the response to PLAY. It says at which packet and timestamp one
/// stream continues.
///
/// `U` is the type of the URL. In an entry that was read, the URL is bytes. In an entry that is to be
/// written, it is any [`Emit`], such as a [`ControlUrl`](super::ControlUrl). For a client the entry is only a
/// hint: a server may leave the entry out, send zeros in it, or send wrong values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RtpInfo<U> {
    /// The URL of the stream, as in its SETUP. Some servers send only the last part of that URL. To find the
    /// stream of an entry, look for the stream whose URL ends with these bytes.
    pub url: U,
    /// The sequence number of the first RTP packet that is sent after PLAY; `None` if it is missing or
    /// malformed.
    pub seq: Option<u16>,
    /// The RTP timestamp that stands for the start of the `Range` in the same response, in ticks of the
    /// stream's clock; `None` if it is missing or malformed.
    pub rtptime: Option<u32>,
}

impl<'a> RtpInfo<&'a [u8]> {
    /// Returns the entries in the value of an `RTP-Info` field. A `seq` or `rtptime` that is malformed or too
    /// large counts as missing. An entry without a URL is skipped. If the value has no entry with a URL, the
    /// iterator is empty.
    pub fn iter(value: &'a [u8]) -> impl Iterator<Item = Self> {
        Entries(value).map(Self::parse).filter(|info| !info.url.is_empty())
    }

    fn parse(entry: &'a [u8]) -> Self {
        let mut info = Self { url: &[], seq: None, rtptime: None };
        for part in text::split(entry, b';') {
            let (name, value) = text::parameter(part);
            if name.eq_ignore_ascii_case(b"url") {
                info.url = value;
            } else if name.eq_ignore_ascii_case(b"seq") {
                info.seq = text::decimal(value).and_then(|seq| u16::try_from(seq).ok());
            } else if name.eq_ignore_ascii_case(b"rtptime") {
                info.rtptime = text::decimal(value).and_then(|time| u32::try_from(time).ok());
            }
        }
        info
    }
}

/// Splits the value at commas that have `url` after them. Other commas belong to a URL.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let begins_at = |&at: &usize| {
            let rest = self.0.get(at..).unwrap_or_default().trim_ascii_start();
            text::starts_with_ignore_case(rest, b"url")
        };
        let mut commas = (1..).zip(self.0).filter(|&(_, &b)| b == b',').map(|(behind, _)| behind);
        let end = commas.find(begins_at).unwrap_or(self.0.len());
        let (entry, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(entry.strip_suffix(b",").unwrap_or(entry))
    }
}

impl<U: Emit> Emit for RtpInfo<U> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text("url=");
        self.url.emit(out);
        if let Some(seq) = self.seq {
            out.text(";seq=");
            out.dec(seq);
        }
        if let Some(rtptime) = self.rtptime {
            out.text(";rtptime=");
            out.dec(rtptime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tests::emitted;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn all(value: &[u8]) -> Vec<RtpInfo<&[u8]>> {
        RtpInfo::iter(value).collect()
    }

    #[test]
    fn gstreamer_sends_an_entry_for_each_stream() {
        let value = b"url=rtsp://h:8554/a/stream=0;seq=16;rtptime=4294967295, url=rtsp://h:8554/a/stream=1;seq=9;rtptime=7";
        let infos = all(value);
        assert_eq!(
            infos[0],
            RtpInfo { url: &b"rtsp://h:8554/a/stream=0"[..], seq: Some(16), rtptime: Some(u32::MAX) }
        );
        assert_eq!(infos[1].url, b"rtsp://h:8554/a/stream=1");
        assert_eq!(infos.len(), 2);
    }

    #[test]
    fn a_comma_in_a_url_ends_nothing() {
        for value in [
            &b"url=rtsp://h/a,b;seq=1,url=c"[..],
            b"url=\"rtsp://h/a,b\";seq=1,url=c",
            b"url=rtsp://h/a,b ; seq = 1 , url=c",
        ] {
            let infos = all(value);
            assert_eq!(infos[0], RtpInfo { url: &b"rtsp://h/a,b"[..], seq: Some(1), rtptime: None });
            assert_eq!(infos[1].url, b"c");
        }
    }

    #[test]
    fn what_is_missing_or_absurd_counts_as_none() {
        assert_eq!(
            all(b"url=trackID=1;seq=70000;rtptime=-3"),
            [RtpInfo { url: &b"trackID=1"[..], seq: None, rtptime: None }]
        );
        assert_eq!(all(b"url=a;seq=0;rtptime=0")[0].seq, Some(0));
        assert!(all(b"seq=1;rtptime=2").is_empty());
        assert!(all(b",,").is_empty());
    }

    proptest! {
        #[test]
        fn entries_round_trip(urls in prop::collection::vec("rtsp://h/[a-z0-9,=]{0,9}[a-z0-9]", 1..4), seq: Option<u16>, rtptime: Option<u32>) {
            let infos: Vec<_> = urls.iter().map(|url| RtpInfo { url: url.as_bytes(), seq, rtptime }).collect();
            // Only a comma with `url` after it reads as an end.
            prop_assume!(urls.iter().all(|url| !url.contains(",url")));
            let value = infos.iter().map(emitted).collect::<Vec<_>>().join(&b',');
            prop_assert_eq!(all(&value), infos);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = RtpInfo::iter(&bytes).count();
        }
    }
}
