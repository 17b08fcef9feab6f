//! Makes the RTP packets of JPEG files byte by byte (RFC 2435), so that a test can spoil any of them.

/// The most bytes of a picture in one packet.
const FRAGMENT: usize = 1_300;
/// The index of the payload's first byte in a packet that [`Sender`] has made. This is the length of the RTP
/// header, 12 bytes.
pub const PAYLOAD: usize = 12;

/// The places of the fields of the RTP/JPEG header (RFC 2435, 3.1), as indexes of bytes from the start of a
/// packet, with its RTP header, that [`Sender::frame`] has made. A test changes the bytes there to spoil a
/// packet.
pub mod field {
    use super::PAYLOAD;

    /// The index of the fragment offset: three bytes, big-endian. The fragment offset says at which byte of
    /// the frame's scan data the data of this packet begins; the first packet has 0.
    pub const OFFSET: usize = PAYLOAD + 1;
    /// The index of the type: one byte that says how the chroma is sampled, 0 for 4:2:2 and 1 for 4:2:0. The
    /// packets of [`Sender::frame`](super::Sender::frame) have 1.
    pub const TYPE: usize = PAYLOAD + 4;
    /// The index of the Q value in the RTP packet: one byte that says which quantisation tables the frame has.
    /// The packets of [`Sender::frame`](super::Sender::frame) have 255, which means that the tables are in the
    /// first packet of each frame.
    pub const Q: usize = PAYLOAD + 5;
    /// The index of the width of the picture: one byte, in units of 8 pixels.
    pub const WIDTH: usize = PAYLOAD + 6;
    /// The index of the height of the picture: one byte, in units of 8 pixels.
    pub const HEIGHT: usize = PAYLOAD + 7;
    /// The index of the length of the quantisation tables in bytes: two bytes, big-endian. Only the first
    /// packet of a frame has this field; the other packets have scan data at this index.
    pub const TABLES_LEN: usize = PAYLOAD + 10;
}

/// The parts of a JPEG file that RTP/JPEG carries: the size, the quantisation tables and the scan data.
/// [`Sender::frame`] makes packets of it.
#[derive(Clone, Debug)]
pub struct Picture {
    tables: Vec<u8>,
    /// The width and the height in units of 8 pixels.
    blocks: [u8; 2],
    scan: Vec<u8>,
}

impl Picture {
    /// Reads all pictures of a file of concatenated JPEG, in order. Returns no pictures for an empty
    /// file. The pictures must be baseline JPEG with the standard Huffman tables and without restart
    /// markers, as [`crate::clip::Clip::sample`] has them; this is not checked.
    ///
    /// # Panics
    /// Panics if a picture is not 4:2:0, is wider or higher than 2040 pixels, or is cut short, or if
    /// there are other bytes between the pictures.
    pub fn all_of(mut file: &[u8]) -> Vec<Self> {
        let mut pictures = Vec::new();
        while !file.is_empty() {
            let (picture, rest) = Self::first_of(file);
            pictures.push(picture);
            file = rest;
        }
        pictures
    }

    fn first_of(file: &[u8]) -> (Self, &[u8]) {
        assert_eq!(file[..2], [0xff, 0xd8], "no JPEG");
        let (mut at, mut tables, mut used, mut blocks) = (2, [[0; 64]; 4], [0; 2], [0; 2]);
        loop {
            let (kind, len) = (file[at + 1], usize::from(u16_at(file, at + 2)));
            let body = &file[at + 4..at + 2 + len];
            at += 2 + len;
            match kind {
                0xdb => {
                    for table in body.chunks(65) {
                        tables[usize::from(table[0])].copy_from_slice(&table[1..]);
                    }
                }
                0xc0 => {
                    let sides = [u16_at(body, 3), u16_at(body, 1)];
                    blocks = sides.map(|side| u8::try_from(side.div_ceil(8)).expect("up to 2040 pixels"));
                    assert_eq!(body[7], 0x22, "only 4:2:0 is made here");
                    used = [body[8], body[11]];
                }
                0xda => break,
                _ => {}
            }
        }
        let end = file[at..].windows(2).position(|w| w == [0xff, 0xd9]).expect("an end") + at;
        let tables = used.map(|table| tables[usize::from(table)]).concat();
        (Self { tables, blocks, scan: file[at..end].to_vec() }, &file[end + 2..])
    }
}

/// Makes the RTP packets of one JPEG stream, with rising sequence numbers and timestamps. It does not send
/// the packets: to send them, use [`crate::fake::Step::Packet`].
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    /// The sequence number of the next packet. A test may set it to any number. After 65,535 comes 0.
    pub sequence: u16,
    /// The RTP timestamp of the next frame, in units of 1/90,000 s. A test may set it to any number.
    pub timestamp: u32,
    /// The SSRC of the stream. A test may set it to any number.
    pub ssrc: u32,
}

impl Sender {
    /// The interval from one frame to the next, in units of 1/90,000 s: the stream has 50 frames a second.
    /// [`Self::frame`] adds it to [`Self::timestamp`].
    pub const INTERVAL: u32 = 90_000 / 50;

    /// Returns the RTP packets of the next frame, in order, each with up to 1,300 bytes of scan data. The
    /// last packet has the marker bit set. Adds the number of packets to [`Self::sequence`], and
    /// [`Self::INTERVAL`] to [`Self::timestamp`].
    pub fn frame(&mut self, picture: &Picture) -> Vec<Vec<u8>> {
        let count = picture.scan.len().div_ceil(FRAGMENT);
        let fragments = picture.scan.chunks(FRAGMENT).enumerate();
        let packets = fragments.map(|(n, data)| {
            let mut packet = self.header(n + 1 == count);
            let [_, o0, o1, o2] = u32::try_from(n * FRAGMENT).expect("a small picture").to_be_bytes();
            packet.extend([0, o0, o1, o2, 1, 255, picture.blocks[0], picture.blocks[1]]);
            if n == 0 {
                packet.extend([0, 0, 0, 128]);
                packet.extend(&picture.tables);
            }
            packet.extend(data);
            packet
        });
        let packets = packets.collect();
        self.timestamp = self.timestamp.wrapping_add(Self::INTERVAL);
        packets
    }

    /// Returns the RTP header of the next packet, 12 bytes (RFC 3550, 5.1), with payload type 26 and the
    /// marker bit as `marker` says. A test appends a payload of its own. Adds 1 to [`Self::sequence`],
    /// and leaves [`Self::timestamp`] as it is.
    pub fn header(&mut self, marker: bool) -> Vec<u8> {
        let mut header = vec![0x80, 26 | u8::from(marker) << 7];
        header.extend(self.sequence.to_be_bytes());
        header.extend(self.timestamp.to_be_bytes());
        header.extend(self.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        header
    }

    /// Returns a compound RTCP packet, of an empty receiver report and a BYE: the BYE says that the stream
    /// has ended (RFC 3550, 6.6).
    pub fn bye(&self) -> Vec<u8> {
        let ssrc = self.ssrc.to_be_bytes();
        [&[0x80, 201, 0, 1][..], &ssrc, &[0x81, 203, 0, 1], &ssrc].concat()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Clip;
    use crate::rtp::Rtp;

    #[test]
    fn the_packets_of_a_clip_are_its_scans() {
        let clip = Clip::sample();
        let file = std::fs::read(clip.path).unwrap();
        let pictures = Picture::all_of(&file);
        assert_eq!(pictures.len(), clip.frames);
        let mut sender = Sender { sequence: 65_530, timestamp: 5, ssrc: 7 };
        for (n, picture) in (0..).zip(&pictures) {
            let packets: Vec<_> = sender.frame(picture).iter().map(|packet| Rtp::parse(packet)).collect();
            assert!(packets.iter().all(|rtp| rtp.timestamp == 5 + n * Sender::INTERVAL && rtp.ssrc == 7));
            assert_eq!(packets.iter().filter(|rtp| rtp.marker).count(), 1);
            let first = &packets[0].payload;
            assert_eq!(first[..12], [0, 0, 0, 0, 1, 255, 64, 36, 0, 0, 0, 128]);
            let scan: Vec<u8> = packets
                .iter()
                .flat_map(|rtp| &rtp.payload[if rtp.fragment_offset() == 0 { 8 + 4 + 128 } else { 8 }..])
                .copied()
                .collect();
            assert!(scan == picture.scan && file.windows(scan.len()).any(|window| window == scan));
        }
    }
}
