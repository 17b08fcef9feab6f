//! Slices of stores and sinks, and references to stores.
use super::*;
use crate::codec::jpeg::TRACK;
use std::string::String;
use std::vec;
use std::vec::Vec;

type Ring = FrameRing<Vec<Slot>, Vec<u8>>;

fn track(track: u8) -> TrackId {
    TrackId { media: 0, track }
}

fn rings() -> [Ring; 2] {
    [(); 2].map(|()| FrameRing::new(TRACK, vec![Slot::EMPTY; 2], vec![0; 20]))
}

#[test]
fn a_slice_is_the_sink_and_the_store_of_its_tracks() {
    let mut rings = rings();
    let sink = &mut rings[..];
    sink.describe(1, TRACK);
    sink.begin(1, 90).unwrap();
    sink.write_at(1, 0, b"frame").unwrap();
    sink.finish(1, FrameEnd::intra(5, 7));
    sink.begin(0, 0).unwrap();
    sink.abandon(0);
    sink.refused(0, &"no reason");
    assert_eq!((sink.begin(2, 0), sink.write_at(2, 0, b"x")), (Err(Full), Err(Full)));
    // Of a track that is not there, nothing happens.
    sink.describe(2, TRACK);
    sink.finish(2, FrameEnd::intra(1, 0));
    sink.abandon(2);
    sink.refused(2, &"no track");

    let store = &rings[..];
    assert_eq!(store.frame(track(1), FrameId(0)), Ok(Frame::intra(b"frame", 90, 7)));
    assert_eq!(
        (store.time(track(1), FrameId(0)), store.time(track(0), FrameId(0))),
        (Ok(90), Err(Miss::NotYet))
    );
    assert_eq!(store.seek(track(1), Seek::Live), Ok(FrameId(0)));
    assert_eq!((store.info(track(1)), store.info(track(2))), (Some(TRACK), None));
    assert_eq!(store.frame(track(2), FrameId(0)), Err(Miss::End));
    assert_eq!(
        (store.seek(track(2), Seek::Live), store.time(track(2), FrameId(0))),
        (Err(Miss::End), Err(Miss::End))
    );
    assert!(store.clock(track(1)).is_none() && store.clock(track(2)).is_none());
}

#[test]
fn a_reference_to_a_store_is_one() {
    fn read<S: FrameStore>(store: S) -> String {
        let t = track(0);
        std::format!(
            "{:?} {:?} {:?} {:?} {:?}",
            store.info(t).map(|info| info.clock_rate),
            store.frame(t, FrameId(0)).map(|frame| frame.data.to_vec()),
            store.seek(t, Seek::Live),
            store.time(t, FrameId(0)),
            store.clock(t).is_some()
        )
    }
    let [mut ring, _] = rings();
    ring.push(&Frame::intra(b"a", 9, 1)).unwrap();
    assert_eq!(read(&ring), "Some(90000) Ok([97]) Ok(FrameId(0)) Ok(9) false");
    let by_trait: &dyn FrameStore = &ring;
    assert_eq!(read(by_trait), read(&ring));
}
