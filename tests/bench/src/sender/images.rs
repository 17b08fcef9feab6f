//! Packets as a server has sent them, kept to be sent again.
use crate::Result;
use crate::rtsp::SetUp;
use pinhole::rtsp::interleaved;
use std::fs;
use std::io::{BufReader, Read, Write};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// How long a server may send nothing.
const SILENCE: Duration = Duration::from_secs(5);
/// A frame's distance from the next in RTP time, at 30 frames a second.
const TICKS: u32 = 3000;
const MARKER: u8 = 0x80;

/// The RTP packets of a clip, laid out one after the other in memory.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// The bytes of all packets, with the framing in front of each if they are sent interleaved.
    pub(crate) bytes: Vec<u8>,
    /// The range in `bytes` of each packet, with its framing.
    pub(crate) packets: Vec<Range<usize>>,
    /// The range in `packets` of the packets of each frame.
    pub(crate) frames: Vec<Range<usize>>,
}

/// Has a server send `frames` frames of the medium `url`, interleaved, and keeps the RTP packets in
/// `file`: for each its length in two bytes, big-endian, and then its bytes. The server must send at
/// least so many frames.
///
/// # Errors
/// Returns an error if the server refuses, sends nothing for five seconds, or closes the connection, or
/// if the file cannot be written.
pub(crate) fn record(url: &str, frames: usize, file: &Path) -> Result<()> {
    let mut set_up = SetUp::new(url, "RTP/AVP/TCP;unicast;interleaved=0-1")?;
    let play = set_up.play(None);
    set_up.stream.write_all(play.as_bytes())?;
    set_up.stream.set_read_timeout(Some(SILENCE))?;
    let mut reader = BufReader::new(&set_up.stream);
    let mut kept = Vec::new();
    let mut left = frames;
    while left > 0 {
        let mut head = [0; interleaved::HEADER_LEN];
        reader.read_exact(&mut head[..1])?;
        if head[0] != interleaved::MAGIC {
            // The reply to PLAY: it has no such byte.
            continue;
        }
        reader.read_exact(&mut head[1..])?;
        let header = interleaved::Header::parse(&head).ok_or("no interleaved header")?;
        let mut packet = vec![0; usize::from(header.len)];
        reader.read_exact(&mut packet)?;
        if header.channel == 0 {
            left -= usize::from(packet.get(1).ok_or("an empty packet")? & MARKER != 0);
            kept.extend(header.len.to_be_bytes());
            kept.append(&mut packet);
        }
    }
    Ok(fs::write(file, kept)?)
}

impl Images {
    /// Reads what [`record`] has kept, and lays it out `copies` times. Sequence numbers and timestamps
    /// run on from copy to copy, from 0, at 30 frames a second. If `interleaved` is true, each packet
    /// has its interleaved framing in front.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read.
    pub(crate) fn load(file: &Path, copies: usize, interleaved: bool) -> Result<Self> {
        let recorded = fs::read(file)?;
        let mut images = Self::default();
        images.bytes.reserve(copies * recorded.len() * 101 / 100);
        for _ in 0..copies {
            images.append(&recorded, interleaved);
        }
        Ok(images)
    }

    fn append(&mut self, mut recorded: &[u8], interleaved: bool) {
        let mut first = self.packets.len();
        while let Some((&len, rest)) = recorded.split_first_chunk() {
            let len = u16::from_be_bytes(len);
            let (packet, rest) = rest.split_at(usize::from(len));
            recorded = rest;
            let start = self.bytes.len();
            if interleaved {
                self.bytes.extend(interleaved::Header { channel: 0, len }.emit());
            }
            let rtp = self.bytes.len();
            self.bytes.extend(packet);
            self.bytes[rtp + 2..][..2].copy_from_slice(&(self.packets.len() as u16).to_be_bytes());
            let timestamp = TICKS.wrapping_mul(self.frames.len() as u32);
            self.bytes[rtp + 4..][..4].copy_from_slice(&timestamp.to_be_bytes());
            self.packets.push(start..self.bytes.len());
            if packet[1] & MARKER != 0 {
                self.frames.push(first..self.packets.len());
                first = self.packets.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_run_on_in_number_and_time() {
        let file = std::env::temp_dir().join(format!("pinhole-images-{}", std::process::id()));
        let packet = |marker| [0x80, marker | 26, 9, 9, 9, 9, 9, 9, 0, 0, 0, 1, 7];
        let mut kept = Vec::new();
        for marker in [0, MARKER, MARKER] {
            kept.extend([0, 13]);
            kept.extend(packet(marker));
        }
        fs::write(&file, kept).unwrap();
        let images = Images::load(&file, 2, true).unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(images.frames, [0..2, 2..3, 3..5, 5..6]);
        let last = &images.bytes[images.packets[5].clone()];
        assert_eq!(last, [b'$', 0, 0, 13, 0x80, 0x9A, 0, 5, 0, 0, 0x23, 0x28, 0, 0, 0, 1, 7]);
    }
}
