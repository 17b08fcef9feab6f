//! What the player looks like in each of its states, against pictures that were accepted.
use pinhole_tests::accepted::{REGIONS, assert_looks};
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::server::Server;
use pinhole_tests::stage::Stage;
use pinhole_tests::undisturbed;

/// All regions of the window.
const ACROSS: (usize, usize) = (0, REGIONS.0);
const DOWN: (usize, usize) = (0, REGIONS.1);

#[test]
fn all_controls_look_as_accepted() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    // Twelve seconds, so that what is played before it is held is not all.
    let stage = Stage::set(&["--fps", "5"]);
    let window = stage.display.window();
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    window.press("Home");
    assert_looks(&window, "paused", ACROSS, DOWN);
    for _ in 0..20 {
        window.press("period");
    }
    assert_looks(&window, "stepped", ACROSS, DOWN);
    // Three quarters of the timeline.
    window.drag((100, 516), (24 + 976 * 3 / 4, 516));
    assert_looks(&window, "scrubbed", ACROSS, DOWN);
    window.press("h");
    assert_looks(&window, "keys", ACROSS, DOWN);
    window.press("Escape");
    window.press("s");
    assert_looks(&window, "figures", ACROSS, DOWN);
    stage.quit("q");
}

#[test]
fn the_live_badge_looks_as_accepted() {
    if !available(&[Peer::Display]) {
        return;
    }
    let _turn = undisturbed();
    let stage = Stage::of(Server::with(&["--pattern", "1024x576@15"], &[""; 0]), "pattern");
    let window = stage.display.window();
    // Whatever else moves, these regions of the last rows are the badge's.
    let (right, bottom) = ((REGIONS.0 - 8, REGIONS.0 - 5), (REGIONS.1 - 2, REGIONS.1));
    window.press("space");
    window.wait_title(|title| title.starts_with("paused - "));
    assert_looks(&window, "behind", right, bottom);
    window.press("l");
    window.wait_title(|title| !title.starts_with("paused - "));
    assert_looks(&window, "live", right, bottom);
    stage.quit("q");
}
