//! The header of a picture as RFC 2435 carries it.
use pinhole::codec::jpeg::{Header, JpegInfo};

/// Returns the header that a receiver of RTP/JPEG makes for a picture: with the picture's own quantisation tables, and
/// the standard Huffman tables. `None` if the picture has no quantisation tables where `info` says.
pub(crate) fn standard_header(picture: &[u8], info: &JpegInfo) -> Option<Vec<u8>> {
    let table = |at: u32| picture.get(usize::try_from(at).ok()?..)?.first_chunk();
    let header = Header {
        width: info.width,
        height: info.height,
        sampling: info.sampling,
        restart_interval: info.restart_interval,
        luma: table(info.luma_table)?,
        chroma: table(info.chroma_table)?,
    };
    let mut out = vec![0; Header::len(info.restart_interval)];
    header.emit(&mut out)?;
    Some(out)
}
