//! Compares what a window shows with pictures that a person has looked at and accepted. These pictures are in
//! `tests/accepted`.
use crate::display::{LIMIT, Picture, Window};
use crate::process::{poll, repository};
use std::fmt::Write;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// The number of regions into which a window is divided: first how many across, then how many down. They are
/// the limits for `x` and `y` of [`assert_looks`]. Each region is compared by its mean colour, so that
/// another font or another digit makes little difference.
pub const REGIONS: (usize, usize) = (32, 18);
/// How far the mean of a region may differ, of 255.
const TOLERANCE: u8 = 20;
/// The environment variable with which whatever is shown is accepted.
const ACCEPT: &str = "PINHOLE_ACCEPT";

/// Waits until a part of a window looks as in the file `tests/accepted/NAME.ppm`, where `NAME` is `name`.
/// Moves the pointer in the window before it looks, so that the program in the window shows its controls.
///
/// The part is given in regions, counted from 0 at the top left: columns `x.0` to before `x.1`, and rows
/// `y.0` to before `y.1`. Regions beyond [`REGIONS`] do not exist, and are not compared. If no region is
/// left, nothing is checked.
///
/// If the environment variable `PINHOLE_ACCEPT` is set, nothing is compared. Instead, a picture of the whole
/// window is written to the file. Look at the picture before you commit the file.
///
/// # Panics
/// Panics if the part does not look like the same part of the file within [`LIMIT`]. The mean of each of red,
/// green and blue of a region may differ by 20 of 255. The message says which region differs most, and both
/// colours. Panics also if there is no such file, or if the window is closed.
#[track_caller]
pub fn assert_looks(window: &Window<'_>, name: &str, x: (usize, usize), y: (usize, usize)) {
    let file = file(name);
    if std::env::var_os(ACCEPT).is_some() {
        // Controls that an earlier pointer brought are gone by then, and late frames have come.
        look(window, 1);
        thread::sleep(Duration::from_secs(2));
        std::fs::write(&file, to_text(&look(window, 0))).expect("the accepted picture can be written");
        return;
    }
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let accepted = from_text(&text);
    let (mut worst, mut looks) = (None, 0);
    let same = poll(LIMIT, || {
        looks += 1;
        worst = worst_region(&look(window, looks), &accepted, x, y);
        worst.is_none().then_some(())
    });
    assert!(
        same.is_some(),
        "'{name}' does not look as accepted: region, colour and accepted colour are {worst:?}; if it is \
         right as it is, run the test with {ACCEPT}=1 and look at {}",
        file.display()
    );
}

type Colour = [u8; 3];

fn file(name: &str) -> PathBuf {
    repository().join("tests/accepted").join(name).with_extension("ppm")
}

/// Looks with a pointer that never rests, as the controls would hide otherwise.
fn look(window: &Window<'_>, looks: usize) -> Picture {
    window.point(300, 300 + looks % 2);
    window.picture_scaled(REGIONS.0, REGIONS.1)
}

fn colours(picture: &Picture) -> impl Iterator<Item = Colour> {
    picture.rgb.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]])
}

/// Returns the place of the region that differs most, and both colours; `None` if none differs too
/// much.
fn worst_region(
    picture: &Picture,
    accepted: &[Colour],
    x: (usize, usize),
    y: (usize, usize),
) -> Option<((usize, usize), Colour, Colour)> {
    let places = (0..REGIONS.1).flat_map(|y| (0..REGIONS.0).map(move |x| (x, y)));
    let regions = places.zip(colours(picture)).zip(accepted);
    let asked =
        regions.filter(|((place, _), _)| (x.0..x.1).contains(&place.0) && (y.0..y.1).contains(&place.1));
    let differing = asked.map(|((place, seen), accepted)| {
        let most = seen.iter().zip(accepted).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
        (most, (place, seen, *accepted))
    });
    differing.filter(|(most, _)| *most > TOLERANCE).max_by_key(|(most, _)| *most).map(|(_, found)| found)
}

/// Writes plain PPM with one region per line, so that a change of it can be read.
fn to_text(picture: &Picture) -> String {
    let mut text = format!("P3\n{} {}\n255\n", REGIONS.0, REGIONS.1);
    for [r, g, b] in colours(picture) {
        // Into a String nothing fails.
        let _ = writeln!(text, "{r} {g} {b}");
    }
    text
}

fn from_text(text: &str) -> Vec<Colour> {
    let values: Vec<u8> =
        text.split_whitespace().skip(4).map(|value| value.parse().expect("0 to 255")).collect();
    assert_eq!(values.len(), 3 * REGIONS.0 * REGIONS.1, "the accepted picture has another size");
    values.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect()
}
