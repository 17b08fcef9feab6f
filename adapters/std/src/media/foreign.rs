//! What is no Motion-JPEG: what it is, and the command that makes Motion-JPEG of it.
use std::fmt;
use std::path::Path;

/// The most bytes from the start of a file that [`format_of`] looks at.
pub(super) const LOOKED_AT: usize = 1024;

/// Returns what a file is that begins with these bytes, by what is known for certain; `None` if it may be
/// Motion-JPEG. Pass [`LOOKED_AT`] bytes, or the whole file if it is shorter.
pub(super) fn format_of(first: &[u8]) -> Option<&'static str> {
    let name = by_start(first).or_else(|| ebml(first)).or_else(|| picture(first)).or_else(|| movie(first));
    name.or_else(|| riff(first))
        .or_else(|| transport_stream(first))
        .or_else(|| start_codes(first))
        .or_else(|| web_page(first))
}

/// A container that may hold Motion-JPEG, in which frames are found by its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// Matroska or WebM.
    Matroska,
    /// MP4 or QuickTime.
    Mp4,
}

/// Returns the container that begins with these bytes, and its name; `None` if it is none of these. Pass
/// [`LOOKED_AT`] bytes, or the whole file if it is shorter.
pub(super) fn container_of(first: &[u8]) -> Option<(Container, &'static str)> {
    let matroska = ebml(first).map(|name| (Container::Matroska, name));
    matroska.or_else(|| movie(first).map(|name| (Container::Mp4, name)))
}

/// Does what [`container_of`] does for a file in which other bytes may be before the container. Returns their number,
/// too.
pub(super) fn container_after(first: &[u8]) -> Option<(usize, Container, &'static str)> {
    if let Some((container, name)) = container_of(first) {
        return Some((0, container, name));
    }
    // What is known by more than the name of a box, and is no part of a picture.
    let is_sure = |rest: &[u8]| match rest {
        [0, 0, _, _, b'f', b't', b'y', b'p', ..] => true,
        rest => ebml(rest).is_some(),
    };
    let end = first.windows(3).position(|start| start == [0xFF, 0xD8, 0xFF]).unwrap_or(first.len());
    (1..end).find_map(|at| {
        let rest = first.get(at..).filter(|rest| is_sure(rest))?;
        container_of(rest).map(|(container, name)| (at, container, name))
    })
}

/// The command that makes Motion-JPEG of what is piped into it.
pub(super) const PIPE: &str = "ffmpeg -i - -an -c:v mjpeg -pix_fmt yuvj420p -q:v 4 -f mjpeg -";

/// What follows the input in a command that pipes Motion-JPEG into a server.
#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub(super) const PIPED: &str = "-an -c:v mjpeg -pix_fmt yuvj420p -q:v 4 -f mjpeg -";

/// The command that makes Motion-JPEG of a file, which is displayed.
pub(super) struct Command<'a>(pub(super) &'a Path);

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_avi = self.0.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("avi"));
        let output = self.0.with_extension(if is_avi { "mjpeg.avi" } else { "avi" });
        let (input, output) = (quoted(self.0), quoted(&output));
        write!(f, "ffmpeg -i {input} -an -c:v mjpeg -pix_fmt yuvj420p -q:v 4 {output}")
    }
}

/// Returns a path as it is written on the command line of a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    // An option would begin with a dash.
    let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

const STARTS: [(&[u8], &str); 24] = [
    (b"\x89PNG\r\n\x1A\n", "a PNG picture"),
    (b"GIF87a", "a GIF"),
    (b"GIF89a", "a GIF"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\0\x0CjP  ", "a JPEG 2000 picture"),
    (b"\xFF\x4F\xFF\x51", "JPEG 2000"),
    (b"\0\0\0\x0CJXL ", "a JPEG XL picture"),
    (b"OggS", "an Ogg file"),
    (b"FLV\x01", "an FLV file"),
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "a WMV file"),
    (b"DKIF", "an IVF file"),
    (b"YUV4MPEG2 ", "raw video (Y4M)"),
    (b"nut/multimedia container\0", "a NUT file"),
    (b"\x06\x0E\x2B\x34\x02\x05\x01\x01", "an MXF file"),
    (b".RMF", "a RealMedia file"),
    (b"\0\0\x01\xBA", "an MPEG program stream"),
    (b"\0\0\x01\xB3", "MPEG-1 or MPEG-2 video"),
    (b"\0\0\x01\xB0", "MPEG-4 video"),
    (b"\x12\0\x0A", "AV1 video"),
    (b"fLaC", "a FLAC file"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1F\x8B\x08", "a gzip archive"),
];

fn by_start(first: &[u8]) -> Option<&'static str> {
    // The length in the header of a bitmap, and its reserved bytes.
    if matches!(first, [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..]) {
        return Some("a BMP picture");
    }
    STARTS.iter().find(|(start, _)| first.starts_with(start)).map(|(_, name)| *name)
}

/// The header names the kind of EBML document (RFC 8794, 11.2.4).
fn ebml(first: &[u8]) -> Option<&'static str> {
    let header = first.get(..64).unwrap_or(first);
    let webm = header.windows(4).any(|name| name == b"webm");
    let is_ebml = first.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]);
    is_ebml.then_some(if webm { "a WebM file" } else { "a Matroska file" })
}

/// Boxes of ISO base media (ISO/IEC 14496-12, 4.2), a length and a name, that hold single pictures.
fn picture(first: &[u8]) -> Option<&'static str> {
    let [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] = first else { return None };
    match brand {
        [b'h', b'e', b'i' | b'v', ..] | [b'm', b'i', b'f', b'1', ..] => Some("a HEIF picture"),
        [b'a', b'v', b'i', b'f' | b's', ..] => Some("an AVIF picture"),
        _ => None,
    }
}

/// Boxes that hold videos.
fn movie(first: &[u8]) -> Option<&'static str> {
    let ([_, _, _, _, name @ ..], None) = (first, picture(first)) else { return None };
    Some(match name {
        [b'f', b't', b'y', b'p', b'q', b't', ..] => "a QuickTime file (MOV)",
        [b'f', b't', b'y', b'p', ..] | [b's', b't', b'y', b'p', ..] => "an MP4 file",
        [b'm', b'o', b'o', b'v' | b'f', ..] | [b'm', b'd', b'a', b't', ..] => "an MP4 or QuickTime file",
        [b'f', b'r', b'e', b'e', ..] | [b's', b'k', b'i', b'p', ..] => "an MP4 or QuickTime file",
        [b'w', b'i', b'd', b'e', ..] | [b'p', b'n', b'o', b't', ..] => "a QuickTime file (MOV)",
        _ => return None,
    })
}

fn riff(first: &[u8]) -> Option<&'static str> {
    match first {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("a WebP picture"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some("a WAV file"),
        _ => None,
    }
}

/// Three packets with sync bytes at their starts (ISO/IEC 13818-1, 2.4.3.2), perhaps after four bytes of time.
fn transport_stream(first: &[u8]) -> Option<&'static str> {
    let is = |from: usize, packet: usize| {
        (0..3).all(|n| first.get(from + n * packet).is_some_and(|byte| *byte == 0x47))
    };
    (is(0, 188) || is(4, 192)).then_some("an MPEG transport stream")
}

/// Start codes of H.264 and H.265 (ISO/IEC 14496-10 and 23008-2, Annex B), before what a stream begins with.
fn start_codes(first: &[u8]) -> Option<&'static str> {
    let zeros = first.iter().position(|byte| *byte != 0).filter(|zeros| (2..8).contains(zeros))?;
    let &[1, unit, next, ..] = first.get(zeros..)? else { return None };
    match (unit, next) {
        // VPS, SPS, PPS, access unit delimiter, SEI.
        (0x40 | 0x42 | 0x44 | 0x46 | 0x4E, 1) => Some("H.265 video"),
        // SPS, access unit delimiter, SEI, PPS and IDR slices.
        (0x67 | 0x47 | 0x27 | 0x09 | 0x06 | 0x68 | 0x28 | 0x65, _) => Some("H.264 video"),
        _ => None,
    }
}

/// What cameras answer that want a password.
fn web_page(first: &[u8]) -> Option<&'static str> {
    let text = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first).trim_ascii_start();
    let starts = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    (starts(b"<!doctype html") || starts(b"<html")).then_some("a web page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_named() {
        let padded = |start: &[u8]| [start, &[0x55; 1024]].concat();
        for (start, name) in [
            (&b"\0\0\0\x20ftypisom"[..], "an MP4 file"),
            (b"\0\0\0\x14ftypqt  ", "a QuickTime file (MOV)"),
            (b"\0\0\x30\x39mdat", "an MP4 or QuickTime file"),
            (b"\0\0\0\x1Cftypavif", "an AVIF picture"),
            (b"\0\0\0\x1Cftypheic", "a HEIF picture"),
            (b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm", "a WebM file"),
            (b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x88matroska", "a Matroska file"),
            (b"\x89PNG\r\n\x1A\n", "a PNG picture"),
            (b"GIF89a", "a GIF"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
            (b"\0\0\0\x01\x67\x64\0\x1F", "H.264 video"),
            (b"\0\0\x01\x09\xF0", "H.264 video"),
            (b"\0\0\0\x01\x40\x01\x0C", "H.265 video"),
            (b"\0\0\x01\xBA\x44", "an MPEG program stream"),
            (b"<!DOCTYPE html>", "a web page"),
        ] {
            assert_eq!(format_of(&padded(start)), Some(name), "{}", start.escape_ascii());
        }
        let mut packets = vec![0x55; 1024];
        for at in [0, 188, 376] {
            packets[at] = 0x47;
        }
        assert_eq!(format_of(&packets), Some("an MPEG transport stream"));
    }

    #[test]
    fn motion_jpeg_and_rubbish_may_be_served() {
        for start in [
            &b"\xFF\xD8\xFF\xE0"[..],
            b"",
            b"\0",
            b"\0\0\0\0\0\0\0\0\0\0\0\0",
            b"28473\xFF\xD8",
            b"RIFF\0\0\0\0AVI ",
            b"--x\r\n",
            b"HTTP/1.1 200 OK\r\n",
            b"ID3\x04\0",
            b"GGGGGG",
            b"a8\x10\x45",
        ] {
            assert_eq!(format_of(start), None, "{}", start.escape_ascii());
        }
    }

    #[test]
    fn the_command_can_be_pasted() {
        let command = |path: &str| Command(Path::new(path)).to_string();
        let how = "-an -c:v mjpeg -pix_fmt yuvj420p -q:v 4";
        assert_eq!(command("a/clip.mp4"), format!("ffmpeg -i a/clip.mp4 {how} a/clip.avi"));
        assert_eq!(command("clip.AVI"), format!("ffmpeg -i clip.AVI {how} clip.mjpeg.avi"));
        assert_eq!(command("clip.avi"), format!("ffmpeg -i clip.avi {how} clip.mjpeg.avi"));
        assert_eq!(command("my clip.ts"), format!("ffmpeg -i 'my clip.ts' {how} 'my clip.avi'"));
        assert_eq!(command("it's.ts"), format!(r"ffmpeg -i 'it'\''s.ts' {how} 'it'\''s.avi'"));
        assert_eq!(command("-x.ts"), format!("ffmpeg -i ./-x.ts {how} ./-x.avi"));
    }
}
