//! Where several streams are in a window: in a square of cells.
use embedded_graphics::geometry::{Point, Size};
use embedded_graphics::primitives::Rectangle;

/// The most streams that are shown at once.
pub(crate) const MOST: usize = 9;

/// Returns how many cells there are in a row, and in a column.
fn side(count: usize) -> u32 {
    match count {
        0..=1 => 1,
        2..=4 => 2,
        _ => 3,
    }
}

/// Returns where the cell of a stream is in a window, of so many streams. It may be empty in a window of few
/// pixels.
pub(super) fn cell(number: usize, count: usize, (width, height): (u32, u32)) -> Rectangle {
    let side = side(count);
    let number = u32::try_from(number).unwrap_or(0);
    let part = |length: u32, at: u32| {
        let edge = |at: u32| (u64::from(length) * u64::from(at) / u64::from(side)) as u32;
        (edge(at), edge(at + 1) - edge(at))
    };
    let (left, width) = part(width, number % side);
    let (top, height) = part(height, (number / side).min(side - 1));
    Rectangle::new(Point::zero() + Size::new(left, top), Size::new(width, height))
}

/// Returns the stream whose cell is under a point.
pub(super) fn at(point: Point, count: usize, size: (u32, u32)) -> Option<usize> {
    (0..count).find(|number| cell(*number, count, size).contains(point))
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::geometry::AnchorPoint;

    #[test]
    fn up_to_four_are_two_by_two_and_up_to_nine_three_by_three() {
        for (count, side) in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (9, 3)] {
            let first = cell(0, count, (1200, 900));
            assert_eq!(first.size, Size::new(1200 / side, 900 / side), "{count}");
        }
        let last = cell(8, 9, (1001, 500));
        assert_eq!(last.anchor_point(AnchorPoint::BottomRight), Point::new(1000, 499));
        assert_eq!(cell(2, 4, (640, 480)).top_left, Point::new(0, 240));
    }

    #[test]
    fn each_point_is_in_one_cell() {
        for count in 1..=MOST {
            for size in [(1, 1), (2, 3), (640, 361), (1279, 719)] {
                let window = Rectangle::new(Point::zero(), Size::new(size.0, size.1));
                let cells: Vec<_> = (0..count).map(|number| cell(number, count, size)).collect();
                for (number, area) in cells.iter().enumerate() {
                    assert_eq!(area.intersection(&window), *area);
                    let others = &cells[number + 1..];
                    assert!(others.iter().all(|other| other.intersection(area).is_zero_sized()));
                    if !area.is_zero_sized() {
                        assert_eq!(at(area.center(), count, size), Some(number));
                    }
                }
            }
        }
        assert_eq!(at(Point::new(100, 100), 2, (120, 120)), None, "there is no third stream");
        assert_eq!(at(Point::new(-1, 5), 2, (120, 120)), None);
    }
}
