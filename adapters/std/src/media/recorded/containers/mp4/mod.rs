//! MP4 (ISO/IEC 14496-12) and QuickTime, also in fragments.
//!
//! Boxes are walked one by one; only the tables of the track that is served are read whole, within bounds. What is
//! in a box is decoded by `mp4-atom`.
mod boxes;
mod edits;
mod fragments;
mod tables;

use super::super::super::orientation::Orientation;
use super::bytes::Bytes;
use super::codecs::Kind;
use super::samples::Samples;
use super::{MAX_TRACKS, Refused, Told, Unit, Video, about_tracks, timing};
use boxes::{Boxes, Mp4Box};
use edits::Edits;
use fragments::Fragments;
use mp4_atom::{Esds, Matrix, Mdhd, Mvhd, Tkhd};
use std::io;

/// The most descriptions of samples that a track may have.
const MAX_DESCRIPTIONS: u32 = 64;
/// Bytes of a description of video before the boxes in it (ISO/IEC 14496-12, 12.1.3.2).
const VISUAL: u64 = 78;

/// A track that is described.
#[derive(Debug, Default)]
struct Track {
    id: u32,
    is_video: bool,
    is_audio: bool,
    /// How many units of its time are a second.
    timescale: u32,
    /// The codec of each of its descriptions.
    codecs: Vec<Kind>,
    /// How its pictures are to be turned.
    orientation: Option<Orientation>,
    /// Where its tables are.
    tables: Option<Mp4Box>,
    edits: Option<Mp4Box>,
}

impl Track {
    fn is_motion_jpeg(&self) -> bool {
        self.is_video && self.codecs.contains(&Kind::MotionJpeg)
    }
}

/// What a movie box says.
#[derive(Debug, Default)]
struct Movie {
    /// How many units of the movie's time are a second.
    timescale: u32,
    tracks: Vec<Track>,
    /// Where the defaults of fragments are.
    defaults: Vec<Mp4Box>,
    /// What is wrong with a track that is left out.
    damaged: Option<Told>,
}

/// Finds the frames of a file. Blocks.
pub(super) fn find(bytes: &mut Bytes<'_, '_>) -> Result<Video, Refused> {
    let (mut movie, mut fragments, mut media) = (None, Vec::new(), None);
    let mut samples = Samples::default();
    let mut top = Boxes::of_file(bytes.len());
    while let Some(found) = top.next(bytes)? {
        match &found.name {
            b"moov" if movie.is_none() => movie = Some(self::movie(bytes, found)?),
            b"moof" if fragments.len() < super::MAX_SAMPLES => fragments.push(found),
            b"mdat" => media = media.or(Some(found.body)),
            _ => {}
        }
    }
    let Some(movie) = movie else { return Err(Refused::Unfinished(media.unwrap_or(0))) };
    let of = |is: fn(&Track) -> bool| movie.tracks.iter().filter(move |track| is(track));
    let videos = of(|track| track.is_video).count();
    let Some(track) = of(Track::is_motion_jpeg).next() else {
        if let (0, Some(damage)) = (videos, movie.damaged) {
            return Err(Refused::Damaged(damage));
        }
        let first = of(|track| track.is_video).next();
        let codec = first.and_then(|track| track.codecs.first());
        return Err(match codec {
            Some(Kind::Other(name)) => Refused::Codec(name.clone()),
            Some(Kind::MotionJpeg) | None => Refused::NoVideo,
        });
    };
    if videos > 1 {
        samples.tell(about_tracks(videos, track.id));
    }
    if let Some(orientation) = track.orientation {
        samples.tell(Told::of(orientation.to_string()));
    }
    let mut end = 0;
    if let Some(tables) = track.tables {
        end = tables::samples(bytes, tables, &track.codecs, &mut samples)?;
    }
    if !fragments.is_empty() {
        let reader = Fragments::new(bytes, track, &movie.defaults);
        end = reader.samples(bytes, &fragments, end, &mut samples)?;
    }
    if samples.tell_cut() {
        end = samples.end().unwrap_or(end);
    } else if let Some(at) = top.cut_at() {
        samples.tell(Told::at(at, "the file is cut or damaged from here on"));
    }
    let edits = match Edits::read(bytes, track, movie.timescale) {
        Err(Refused::Damaged(damage)) => {
            samples.tell(damage);
            Edits::default()
        }
        edits => edits?,
    };
    let Samples { all, told, .. } = samples;
    let (mut all, end) = edits.apply(all, end);
    let unit = Unit::new(track.timescale.max(1).into(), 1);
    let Some(unit) = unit else { return Err(Refused::NoVideo) };
    let (timing, slots) = timing::timing(&mut all, end, unit, None);
    let audio = of(|track| track.is_audio).count();
    Ok(Video { samples: all, timing, slots, problems: told, audio })
}

/// Reads what a movie box says, but for the tables of its tracks.
fn movie(bytes: &mut Bytes<'_, '_>, parent: Mp4Box) -> Result<Movie, Refused> {
    let mut movie = Movie::default();
    let mut children = Boxes::within(parent);
    while let Some(child) = children.next(bytes)? {
        match &child.name {
            b"mvhd" => movie.timescale = child.decode::<Mvhd>(bytes)?.timescale,
            b"trak" if movie.tracks.len() < MAX_TRACKS => match track(bytes, child) {
                // The other tracks may be good.
                Err(Refused::Damaged(damage)) => movie.damaged = movie.damaged.or(Some(damage)),
                track => movie.tracks.push(track?),
            },
            b"mvex" => {
                let mut defaults = Boxes::within(child);
                while let Some(trex) = defaults.next(bytes)? {
                    if trex.name == *b"trex" && movie.defaults.len() < MAX_TRACKS {
                        movie.defaults.push(trex);
                    }
                }
            }
            b"cmov" => return Err(child.damaged("the tables are compressed")),
            _ => {}
        }
    }
    Ok(movie)
}

fn track(bytes: &mut Bytes<'_, '_>, parent: Mp4Box) -> Result<Track, Refused> {
    let mut track = Track::default();
    // Boxes that are entered; each is in the one before.
    let mut open = vec![Boxes::within(parent)];
    while let Some(children) = open.last_mut() {
        let Some(child) = children.next(bytes)? else {
            open.pop();
            continue;
        };
        match &child.name {
            b"mdia" | b"minf" | b"edts" if open.len() < 4 => open.push(Boxes::within(child)),
            b"tkhd" => {
                let Tkhd { track_id, matrix: Matrix { a, b, c, d, .. }, .. } = child.decode(bytes)?;
                (track.id, track.orientation) = (track_id, Orientation::of_matrix([a, b, c, d]));
            }
            b"mdhd" => track.timescale = child.decode::<Mdhd>(bytes)?.timescale,
            // In QuickTime, the media information has a handler, too.
            b"hdlr" if open.len() == 2 => {
                let handler = child.handler(bytes)?;
                (track.is_video, track.is_audio) = (handler == *b"vide", handler == *b"soun");
            }
            b"elst" => track.edits = Some(child),
            b"stbl" => {
                track.tables = Some(child);
                track.codecs = codecs(bytes, child)?;
            }
            _ => {}
        }
    }
    Ok(track)
}

/// Returns the codec of each description of samples.
fn codecs(bytes: &mut Bytes<'_, '_>, tables: Mp4Box) -> Result<Vec<Kind>, Refused> {
    let mut codecs = Vec::new();
    let mut children = Boxes::within(tables);
    while let Some(child) = children.next(bytes)? {
        if child.name != *b"stsd" {
            continue;
        }
        let count = bytes.array(child.body.saturating_add(4))?.map_or(0, u32::from_be_bytes);
        let mut entries = Boxes::after(child, 8);
        for _ in 0..count.min(MAX_DESCRIPTIONS) {
            let Some(entry) = entries.next(bytes)? else { break };
            codecs.push(codec(bytes, entry)?);
        }
    }
    Ok(codecs)
}

fn codec(bytes: &mut Bytes<'_, '_>, entry: Mp4Box) -> io::Result<Kind> {
    if entry.name == *b"mp4v" {
        let mut children = Boxes::after(entry, VISUAL);
        while let Some(child) = children.next(bytes)? {
            // Without this box, the four letters say it.
            if let (b"esds", Ok(esds)) = (&child.name, child.decode::<Esds>(bytes)) {
                return Ok(Kind::of_object_type(esds.es_desc.dec_config.object_type_indication));
            }
        }
    }
    Ok(Kind::of_code(entry.name))
}
