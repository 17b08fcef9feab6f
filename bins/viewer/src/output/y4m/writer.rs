//! The bytes of a YUV4MPEG2 stream.
use crate::model::Picture;
use pinhole::media::FrameClock;
use pinhole::time::MediaTime;
use std::borrow::Cow;
use std::io::{self, Write};
use y4m::{Colorspace, Encoder, Frame, Ratio, VendorExtensionString};
use yuv::{YuvChromaSubsampling, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix};

/// Writes pictures of one size after the stream's header.
pub(super) struct Writer<'a, W: Write> {
    encoder: Encoder<&'a mut W>,
    size: (u32, u32),
    planes: YuvPlanarImageMut<'static, u8>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Writes the header of a stream of pictures of this size, with one picture for each tick of
    /// `clock`.
    pub(super) fn begin(to: &'a mut W, size: (u32, u32), clock: FrameClock) -> io::Result<Self> {
        let (width, height) = size;
        let (rate, scale) = clock.fraction();
        // JPEG uses the full range of samples. ffmpeg reads this comment.
        let full_range = VendorExtensionString::new(b"COLORRANGE=FULL".to_vec()).map_err(into_io)?;
        let encoder = y4m::encode(width as usize, height as usize, Ratio::new(rate as usize, scale as usize))
            .with_colorspace(Colorspace::C420jpeg)
            .append_vendor_extension(full_range)
            .write_header(to)
            .map_err(into_io)?;
        let planes = YuvPlanarImageMut::alloc(width, height, YuvChromaSubsampling::Yuv420);
        Ok(Self { encoder, size, planes })
    }

    /// Writes a picture once for each of these media times.
    ///
    /// # Errors
    /// The output fails, or the picture has another size than the stream.
    pub(super) fn write(&mut self, picture: &Picture, times: &[MediaTime]) -> io::Result<()> {
        if times.is_empty() {
            return Ok(());
        }
        let (size, planes) = ((picture.width, picture.height), &mut self.planes);
        if size != self.size {
            let (before, now) = (self.size, size);
            return Err(io::Error::other(format!(
                "it has one size, and the pictures' has changed from {}x{} to {}x{}",
                before.0, before.1, now.0, now.1
            )));
        }
        let bytes = bytes(&picture.pixels);
        let (range, matrix) = (YuvRange::Full, YuvStandardMatrix::Bt601);
        yuv::bgra_to_yuv420(planes, &bytes, size.0 * 4, range, matrix, YuvConversionMode::Balanced)
            .map_err(io::Error::other)?;
        let planes = [planes.y_plane.borrow(), planes.u_plane.borrow(), planes.v_plane.borrow()];
        for time in times {
            let comment = format!("XPTS={}", time.as_micros()).into_bytes();
            self.encoder.write_frame(&Frame::new(planes, Some(comment))).map_err(into_io)?;
        }
        Ok(())
    }
}

/// Returns pixels as bytes: blue, green, red, and one that is unused. Most processors keep them so.
fn bytes(pixels: &[u32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(pixels))
    } else {
        Cow::Owned(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect())
    }
}

fn into_io(error: y4m::Error) -> io::Error {
    match error {
        y4m::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}
