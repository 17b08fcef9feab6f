//! The devices of Video4Linux.
use super::{CameraOptions, Device, Format, Frames};
use linuxvideo::format::{FrameSizes, PixFormat, PixelFormat};
use linuxvideo::stream::ReadStream;
use linuxvideo::{BufType, Fract};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// A device that is open.
struct Video(linuxvideo::Device);

/// Opens a device. Blocks.
///
/// # Errors
/// There is no such device, it is none of Video4Linux, or the system refuses it.
pub(super) fn open(path: &Path) -> io::Result<impl Device + use<>> {
    unless_panicked(|| linuxvideo::Device::open(path)).map(Video).map_err(|error| {
        let is_none = error.raw_os_error() == Some(libc::ENOTTY);
        if is_none { io::Error::other("this is no camera: it is no device of Video4Linux") } else { error }
    })
}

impl Device for Video {
    fn formats(&self) -> io::Result<Vec<Format>> {
        unless_panicked(|| {
            self.0
                .formats(BufType::VIDEO_CAPTURE)
                .map(|format| format.and_then(|f| self.format(&f)))
                .collect()
        })
    }

    fn start(self: Box<Self>, code: [u8; 4], options: CameraOptions) -> io::Result<Box<dyn Frames>> {
        unless_panicked(|| {
            let (width, height) = options.size.unwrap_or_default();
            let format = PixFormat::new(width, height, PixelFormat::from_fourcc(code));
            let capture = self.0.video_capture(format)?;
            if let Some(rate) = options.frame_rate {
                // A camera that knows one rate only refuses all others.
                if let Err(error) = capture.set_frame_interval(Fract::new(1000, rate.0.max(1))) {
                    tracing::warn!(%error, "the camera does not take this frame rate");
                }
            }
            let (width, height) = (capture.format().width(), capture.format().height());
            tracing::info!("the camera gives {width}x{height}");
            Ok(Box::new(Running(capture.into_stream()?)) as Box<dyn Frames>)
        })
    }
}

impl Video {
    fn format(&self, format: &linuxvideo::format::FormatDesc) -> io::Result<Format> {
        let code = format.pixel_format();
        let (sizes, between) = match self.0.frame_sizes(code) {
            Ok(FrameSizes::Discrete(sizes)) => {
                (sizes.iter().map(|size| (size.width(), size.height())).collect(), false)
            }
            Ok(FrameSizes::Stepwise(range) | FrameSizes::Continuous(range)) => {
                let (least, most) =
                    ((range.min_width(), range.min_height()), (range.max_width(), range.max_height()));
                (vec![least, most], true)
            }
            // Not all drivers list them.
            Err(_) => (Vec::new(), false),
        };
        Ok(Format { code: code.as_fourcc(), description: format.description().to_owned(), sizes, between })
    }
}

/// A device that streams.
struct Running(ReadStream);

impl Frames for Running {
    fn next(&mut self, to: &mut Vec<u8>) -> io::Result<()> {
        self.0.dequeue(|frame| {
            to.clear();
            if !frame.is_error() {
                to.extend_from_slice(&frame);
            }
            Ok(())
        })
    }
}

/// Returns what `work` does. A driver that answers as none should makes the library panic.
fn unless_panicked<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(io::Error::other("the driver of this camera answers as no camera should")))
}
