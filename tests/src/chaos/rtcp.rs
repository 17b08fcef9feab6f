//! Makes the reports that viewers send, and those that attackers forge.

/// Returns a compound of a receiver report and a source description (RFC 3550, 6.4.2 and 6.5). `from` is the SSRC
/// of the receiver, and `about` that of the stream. `loss` is the fraction lost in units of 1/256 and the
/// cumulative number of packets lost, and `highest` the extended highest sequence number.
pub(super) fn receiver_report(from: u32, about: u32, loss: (u8, u32), highest: u32) -> Vec<u8> {
    let from = from.to_be_bytes();
    let [_, high, middle, low] = loss.1.to_be_bytes();
    let mut report =
        [&[0x81, 201, 0, 7][..], &from, &about.to_be_bytes(), &[loss.0, high, middle, low]].concat();
    report.extend(highest.to_be_bytes());
    // No jitter, and no sender report to refer to.
    report.extend([0; 12]);
    report.extend([&[0x81, 202, 0, 2][..], &from, &[1, 1, b'v', 0]].concat());
    report
}

/// Returns a compound of an empty receiver report and a BYE (RFC 3550, 6.6) for the SSRC `from`.
pub(super) fn bye(from: u32) -> Vec<u8> {
    let from = from.to_be_bytes();
    [&[0x80, 201, 0, 1][..], &from, &[0x81, 203, 0, 1], &from].concat()
}
