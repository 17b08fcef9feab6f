//! A moving picture without an encoder: every block has one colour, so that all of its code is a
//! difference of colours and an end.
//!
//! Colour bars, a square that goes about, and in the last row the lowest bits of the frame's number.
use pinhole::codec::jpeg::{self, Header, Sampling};
use pinhole::frame::{FrameEnd, FrameSink, Full};
use pinhole::sdp::{FrameRate, Track};
use pinhole::time::{Duration, MediaTime};

/// Pixels across.
pub const WIDTH: u16 = 256;
/// Pixels down.
pub const HEIGHT: u16 = 192;
/// From one frame to the next.
pub const INTERVAL: Duration = Duration::from_millis(40);
/// No frame has more bytes.
pub const MAX_LEN: usize = 1_750;

/// The pattern's track, for a session description.
pub const TRACK: Track<'static> = Track {
    info: jpeg::TRACK,
    dimensions: Some((WIDTH, HEIGHT)),
    frame_rate: Some(FrameRate(1_000_000_000 / INTERVAL.as_micros() as u32)),
};

/// When a frame is shown.
pub const fn time_of(number: u64) -> MediaTime {
    MediaTime::from_micros(INTERVAL.scaled(number, 1).as_micros())
}

/// The frame that is shown at `time`.
pub const fn at(time: MediaTime) -> u64 {
    time.as_micros() / INTERVAL.as_micros()
}

/// Draws a frame.
///
/// # Errors
/// [`Full`]: the sink has no room for [`MAX_LEN`] bytes.
pub fn draw<K: FrameSink + ?Sized>(sink: &mut K, number: u64) -> Result<(), Full> {
    let clock_rate = jpeg::TRACK.clock_rate;
    sink.begin(0, time_of(number).to_ticks(clock_rate))?;
    let written = write(sink, number);
    match written {
        Ok(len) => sink.finish(0, FrameEnd::intra(len, INTERVAL.to_ticks(clock_rate) as u32)),
        Err(Full) => sink.abandon(0),
    }
    written.map(drop)
}

/// An MCU is 16 by 16 pixels (4:2:0).
const ACROSS: u16 = WIDTH / 16;
const DOWN: u16 = HEIGHT / 16;
/// A DC coefficient is eight times the block's mean: behind this quantiser it is the mean itself.
const QUANTISER: [u8; 64] = [8; 64];

/// Y, Cb and Cr, each less 128.
type Colour = [i16; 3];

const BLACK: Colour = [-128, 0, 0];
/// What the first difference of an interval is from (T.81, F.1.1.5.1).
const GREY: Colour = [0, 0, 0];
const WHITE: Colour = [127, 0, 0];
/// White, yellow, cyan, green, magenta, red, blue and black at three quarters (ITU-T T.871, 7).
const BARS: [Colour; 8] = [
    [63, 0, 0],
    [41, -96, 16],
    [6, 32, -96],
    [-16, -63, -80],
    [-49, 63, 80],
    [-71, -32, 96],
    [-106, 96, -16],
    BLACK,
];
/// MCUs across and down in the square.
const SQUARE: u16 = 3;

fn colour(column: u16, row: u16, number: u64) -> Colour {
    if row == DOWN - 1 {
        let bit = number >> (ACROSS - 1 - column) & 1;
        return if bit == 1 { WHITE } else { BLACK };
    }
    let square_covers = |at: u16, space: u16| {
        let start = to_and_fro(number, space - SQUARE);
        (start..start + SQUARE).contains(&at)
    };
    if square_covers(column, ACROSS) && square_covers(row, DOWN - 1) {
        return WHITE;
    }
    BARS.get(usize::from(column * BARS.len() as u16 / ACROSS)).copied().unwrap_or(GREY)
}

/// Goes from 0 to `end` and back, one step a frame.
fn to_and_fro(number: u64, end: u16) -> u16 {
    let step = (number % (2 * u64::from(end))) as u16;
    step.min(2 * end - step)
}

/// Returns the bytes of the file.
fn write<K: FrameSink + ?Sized>(sink: &mut K, number: u64) -> Result<usize, Full> {
    let header = Header {
        width: WIDTH,
        height: HEIGHT,
        sampling: Sampling::Yuv420,
        restart_interval: ACROSS,
        luma: &QUANTISER,
        chroma: &QUANTISER,
    };
    let mut start = [0; Header::len(ACROSS)];
    header.emit(&mut start).ok_or(Full)?;
    sink.write_at(0, 0, &start)?;

    let mut scan = Scan { sink, at: start.len(), chunk: [0; CHUNK], filled: 0, bits: 0, count: 0 };
    for row in 0..DOWN {
        if row > 0 {
            scan.marker(0xD0 | (row - 1) as u8 & 7)?;
        }
        let mut before = GREY;
        for column in 0..ACROSS {
            let colour = colour(column, row, number);
            scan.mcu(before, colour)?;
            before = colour;
        }
    }
    scan.align()?;
    scan.marker(0xD9)?;
    scan.flush()?;
    Ok(scan.at)
}

/// Bytes that are handed on at once.
const CHUNK: usize = 64;

/// Writes an entropy-coded segment (T.81, F.1.2).
struct Scan<'a, K: ?Sized> {
    sink: &'a mut K,
    at: usize,
    chunk: [u8; CHUNK],
    filled: usize,
    /// The lowest `count` bits are still to be written.
    bits: u32,
    count: u32,
}

/// A code, and how many bits it has.
type Code = (u16, u32);

/// Of the standard tables: the codes for how many bits a difference of DC coefficients has (T.81, K.3
/// and K.4), and for the end of a block (K.5 and K.6).
struct Codes {
    dc: [Code; 9],
    end: Code,
}

const LUMA: Codes = Codes {
    dc: [
        (0b00, 2),
        (0b010, 3),
        (0b011, 3),
        (0b100, 3),
        (0b101, 3),
        (0b110, 3),
        (0b1110, 4),
        (0b1_1110, 5),
        (0b11_1110, 6),
    ],
    end: (0b1010, 4),
};

const CHROMA: Codes = Codes {
    dc: [
        (0b00, 2),
        (0b01, 2),
        (0b10, 2),
        (0b110, 3),
        (0b1110, 4),
        (0b1_1110, 5),
        (0b11_1110, 6),
        (0b111_1110, 7),
        (0b1111_1110, 8),
    ],
    end: (0b00, 2),
};

impl<K: FrameSink + ?Sized> Scan<'_, K> {
    /// An MCU of one colour behind one of another.
    fn mcu(&mut self, [y0, cb0, cr0]: Colour, [y, cb, cr]: Colour) -> Result<(), Full> {
        self.block(&LUMA, y - y0)?;
        for _ in 1..4 {
            self.block(&LUMA, 0)?;
        }
        self.block(&CHROMA, cb - cb0)?;
        self.block(&CHROMA, cr - cr0)
    }

    /// A block that differs so much from the one before: by up to 255.
    fn block(&mut self, codes: &Codes, difference: i16) -> Result<(), Full> {
        let size = u16::BITS - difference.unsigned_abs().leading_zeros();
        self.put(codes.dc.get(size as usize).copied().ok_or(Full)?)?;
        // Of a negative one, one less (T.81, F.1.2.1.1).
        let value = if difference < 0 { difference - 1 } else { difference };
        self.put((value as u16 & ((1 << size) - 1), size))?;
        self.put(codes.end)
    }

    fn put(&mut self, (code, len): Code) -> Result<(), Full> {
        self.bits = self.bits << len | u32::from(code);
        self.count += len;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.bits >> self.count) as u8;
            self.byte(byte)?;
            if byte == 0xFF {
                self.byte(0)?;
            }
        }
        Ok(())
    }

    /// Fills the last byte with ones.
    fn align(&mut self) -> Result<(), Full> {
        let len = self.count.wrapping_neg() % 8;
        self.put(((1 << len) - 1, len))
    }

    fn marker(&mut self, code: u8) -> Result<(), Full> {
        self.align()?;
        self.byte(0xFF)?;
        self.byte(code)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Full> {
        if self.filled == CHUNK {
            self.flush()?;
        }
        if let Some(place) = self.chunk.get_mut(self.filled) {
            *place = byte;
            self.filled += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Full> {
        self.sink.write_at(0, self.at, self.chunk.get(..self.filled).unwrap_or_default())?;
        self.at += self.filled;
        self.filled = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::codec::jpeg::{JpegInfo, RecodeOptions, inspect, recode};
    use pinhole::frame::{FrameId, FrameStore, TrackId};
    use pinhole::frame::{FrameRing, Slot};
    use std::vec;

    #[test]
    fn every_frame_is_a_whole_picture_and_the_next_is_another() {
        let mut ring = FrameRing::new(jpeg::TRACK, [Slot::EMPTY; 2], [0; 2 * MAX_LEN]);
        let mut before = vec![];
        for number in (0..2_000).chain(65_500..65_600) {
            ring.restart(FrameId(number));
            draw(&mut ring, number).unwrap();
            let frame = ring.frame(TrackId::default(), FrameId(number)).unwrap();
            let inspected = inspect(frame.data).unwrap();
            assert_eq!(JpegInfo::locate(frame.data), Some(inspected.info));
            assert_eq!(inspected.len, frame.data.len());
            assert!(!inspected.needs_recode() && inspected.eoi && frame.data.len() <= MAX_LEN);
            // Decodes every block, and finds each marker where it should be.
            let mut out = vec![0; 3 * MAX_LEN];
            recode(frame.data, &mut out, RecodeOptions { restart_interval: Some(0) }).unwrap();
            assert_ne!(before, frame.data);
            before = frame.data.to_vec();
        }
    }

    #[test]
    fn a_ring_without_room_says_so() {
        let mut ring = FrameRing::new(jpeg::TRACK, [Slot::EMPTY; 2], [0; 1_000]);
        assert_eq!(draw(&mut ring, 0), Err(Full));
        assert_eq!(ring.frame_count(), 0);
    }
}
