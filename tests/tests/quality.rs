//! Who shows most of a stream over a network that loses packets.
//!
//! Alone in its file: Cargo runs the files one after the other, `tests/streams.py` this one while no other test runs,
//! and it needs the machine.
use pinhole_tests::clip::{Clip, TempDir};
use pinhole_tests::network::in_own_namespaces;
use pinhole_tests::peer::{Peer, available};
use pinhole_tests::quality::{Client, compare};

/// A picture that is as like the frame as this differs in a few small places.
const GOOD: f64 = 0.95;

#[test]
fn the_viewer_shows_most_under_loss() {
    if !available(&[Peer::Ffmpeg, Peer::Gstreamer, Peer::Namespaces]) {
        return;
    }
    in_own_namespaces("the_viewer_shows_most_under_loss", || {
        let directory = TempDir::new();
        let clip = Clip::large(&directory).times(4, &directory);
        let mut table =
            format!("{:<15} {:>5} {:>10} {:>15}\n", "client", "loss", "mean SSIM", "0.95 and more");
        for loss in ["0%", "1%", "3%", "10%"] {
            // All that the server does by itself it does here, too: who reports more than a tenth of the
            // packets lost is sent fewer frames.
            let qualities = compare(&clip, &["--loss", loss, "--seed", "1"]);
            for (client, quality) in Client::ALL.iter().zip(&qualities) {
                let (name, mean, good) = (client.name(), quality.mean(), quality.share(GOOD) * 100.0);
                table += &format!("{name:<15} {loss:>5} {mean:>10.4} {good:>13.1} %\n");
            }
            let [ours, theirs @ ..] = &qualities;
            if loss == "0%" {
                // Each picture is compared with the very frame that it shows. A busy machine may have
                // the viewer show one late for once.
                assert!(qualities.iter().all(|quality| quality.share(0.99) >= 0.97), "\n{table}");
                continue;
            }
            for quality in theirs {
                assert!(ours.mean() > quality.mean() && ours.share(GOOD) > quality.share(GOOD), "\n{table}");
            }
        }
        print!("{table}");
    });
}
