//! Fills in the strips that were lost of a picture, with those of the picture before.
use pinhole::codec::jpeg::{JpegInfo, Missing};

const EOI: [u8; 2] = [0xFF, 0xD9];

/// Writes the picture `data` to `out`, with the restart intervals of `before` in place of those that are missing. All
/// other bytes are copied, and nothing is coded again. Returns false if the intervals of `before` do not fit: the headers
/// of the two pictures differ, or `before` has not all of them. What is in `out` is of no use then.
pub(super) fn conceal(
    data: &[u8],
    info: &JpegInfo,
    missing: &Missing,
    before: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    fill_in(data, info, missing, before, out).is_some()
}

fn fill_in(data: &[u8], info: &JpegInfo, missing: &Missing, before: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (head, rest) = data.split_at_checked(info.scan as usize)?;
    let scan = rest.get(..info.scan_len as usize)?;
    let old = before.strip_prefix(head)?;
    let old = old.strip_suffix(&EOI).unwrap_or(old);
    let starts = starts(old);
    out.clear();
    out.extend_from_slice(head);
    let mut at = 0;
    for range in missing.ranges() {
        let from = *starts.get(usize::from(range.first))?;
        let to = *starts.get(usize::from(range.end()))?;
        out.extend_from_slice(scan.get(at..range.start as usize)?);
        out.extend_from_slice(old.get(from..to)?);
        at = range.resume as usize;
    }
    out.extend_from_slice(scan.get(at..)?);
    out.extend_from_slice(&EOI);
    Some(())
}

/// Returns where each restart interval of a scan starts, and where the last one ends.
fn starts(scan: &[u8]) -> Vec<usize> {
    let is_marker = |pair: &[u8]| matches!(pair, [0xFF, 0xD0..=0xD7]);
    let markers = scan.windows(2).enumerate().filter(|(_, pair)| is_marker(pair));
    std::iter::once(0).chain(markers.map(|(at, _)| at + 2)).chain([scan.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::normalise::{NormaliseOptions, Normaliser};
    use super::*;
    use pinhole::codec::jpeg::MissingRange;

    /// Two pictures of the sample clip, with restart markers.
    fn two() -> [Vec<u8>; 2] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../video/bunny288.mjpeg");
        let file = std::fs::read(path).unwrap();
        let is_start = |at: &usize| file[*at..].starts_with(&[0xFF, 0xD8, 0xFF]);
        let starts: Vec<_> = (0..file.len()).filter(is_start).take(3).collect();
        let mut normaliser = Normaliser::new(NormaliseOptions::default());
        [0, 1].map(|n| normaliser.normalise(&file[starts[n]..starts[n + 1]]).unwrap().data.to_vec())
    }

    fn intervals(picture: &[u8]) -> Vec<Vec<u8>> {
        let info = JpegInfo::locate(picture).unwrap();
        let scan = &picture[info.scan as usize..][..info.scan_len as usize];
        starts(scan).windows(2).map(|pair| scan[pair[0]..pair[1]].to_vec()).collect()
    }

    #[test]
    fn lost_strips_are_those_of_the_picture_before() {
        let [before, data] = two();
        let info = JpegInfo::locate(&data).unwrap();
        let starts = starts(&data[info.scan as usize..][..info.scan_len as usize]);
        let total = starts.len() - 1;
        let range = |first: usize, count: usize| MissingRange {
            first: first as u16,
            count: count as u16,
            start: starts[first] as u32,
            resume: starts[first + count] as u32,
        };
        for (ranges, lost) in [
            (vec![range(3, 4)], vec![3, 4, 5, 6]),
            (vec![range(0, 1), range(9, 2), range(total - 2, 2)], vec![0, 9, 10, total - 2, total - 1]),
        ] {
            let missing = Missing::new(&ranges).unwrap();
            let mut damaged = data.clone();
            for range in &ranges {
                damaged[info.scan as usize..][range.start as usize..range.resume as usize].fill(0);
            }
            let mut out = Vec::new();
            assert!(conceal(&damaged, &info, &missing, &before, &mut out));
            let (filled, old, new) = (intervals(&out), intervals(&before), intervals(&data));
            assert_eq!(filled.len(), total);
            for (n, interval) in filled.iter().enumerate() {
                assert!(*interval == if lost.contains(&n) { old[n].clone() } else { new[n].clone() }, "{n}");
            }
            assert_eq!(out[..info.scan as usize], data[..info.scan as usize]);
        }
    }

    #[test]
    fn strips_of_another_picture_do_not_fit() {
        let [before, data] = two();
        let info = JpegInfo::locate(&data).unwrap();
        let missing = Missing::new(&[MissingRange { first: 1, count: 1, start: 0, resume: 9 }]).unwrap();
        let mut other = before.clone();
        other[info.luma_table as usize] ^= 1;
        for before in [&other[..], &before[..info.scan as usize], &[]] {
            assert!(!conceal(&data, &info, &missing, before, &mut Vec::new()));
        }
    }
}
