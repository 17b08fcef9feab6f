//! An input as a sequence of choices, and media files that are made of them.
use super::super::containers::making;
use crate::avi::{AviWriter, Layout};
use pinhole::media::FrameClock;
use pinhole::sdp::FrameRate;
use std::io::Cursor;

/// Pictures of all kinds: those that are sent as they are, re-coded, transcoded, and refused.
pub(super) const PICTURES: [&[u8]; 10] = [
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/ffmpeg-420-default.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-progressive.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-420-optimal-restart3.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-444.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-grey.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-440.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-422-restart-row.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/ffmpeg-422-optimal.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-420-q75.jpg"),
    include_bytes!("../../../../../../core/src/codec/jpeg/testdata/cjpeg-arithmetic.jpg"),
];

/// The rest of an input. When it is used up, each choice is the first one.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    pub(super) fn is_set(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    pub(super) fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Returns a number below `limit`, and 0 if there is none.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let word = if limit > 256 { self.word() } else { self.byte().into() };
        usize::from(word).checked_rem(limit).unwrap_or(0)
    }

    /// Takes `len` bytes, or as many as there are.
    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Returns a picture: one of those above with changes, or any bytes.
    fn picture(&mut self) -> Vec<u8> {
        let kind = self.below(2 * PICTURES.len());
        let Some(known) = PICTURES.get(kind % (PICTURES.len() + 2)) else {
            let len = self.below(600);
            return self.bytes(len).to_vec();
        };
        let mut picture = known.to_vec();
        self.change(&mut picture);
        if self.byte() > 240 {
            picture.truncate(self.below(known.len()));
        }
        picture
    }

    /// Changes a few bytes.
    fn change(&mut self, bytes: &mut [u8]) {
        for _ in 0..self.byte() % 8 {
            let at = self.below(bytes.len());
            let byte = self.byte();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
    }

    /// Returns up to five pictures.
    pub(super) fn pictures(&mut self) -> Vec<Vec<u8>> {
        let count = 1 + self.below(5);
        (0..count).map(|_| self.picture()).collect()
    }

    /// Returns a file in one of the containers that are known, with changes, or any bytes.
    pub(super) fn file(&mut self) -> Vec<u8> {
        let kind = self.below(8);
        if kind == 4 {
            return self.bytes(usize::MAX).to_vec();
        }
        let mut file = contained(kind, &self.pictures());
        self.change(&mut file);
        file
    }
}

/// Puts pictures into a container: none, AVI, multipart, lengths in digits, Matroska, MP4, or fragments of it.
pub(super) fn contained(kind: usize, pictures: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    match kind {
        1 => {
            let mut out = Cursor::new(Vec::new());
            let clock = FrameClock::from(FrameRate(25_000));
            let mut avi = AviWriter::new(&mut out, clock, Layout::PREPARED).expect("memory takes all");
            for picture in pictures {
                avi.frame(picture, (32, 24)).expect("memory takes all");
            }
            avi.finish().expect("memory takes all");
            file = out.into_inner();
        }
        2 => {
            for picture in pictures {
                let head =
                    format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", picture.len());
                file.extend([head.as_bytes(), picture, b"\r\n"].concat());
            }
        }
        3 => {
            for picture in pictures {
                file.extend([format!("{:05}", picture.len()).as_bytes(), picture].concat());
            }
        }
        5 => file = making::matroska(pictures),
        6 => file = making::mp4(pictures),
        7 => file = making::fragmented(pictures),
        _ => file = pictures.concat(),
    }
    file
}
