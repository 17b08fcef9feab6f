//! Cameras of Linux (V4L2) that give Motion-JPEG.
mod v4l2;

use super::foreign::{PIPED, quoted};
use pinhole::codec::Codec;
use pinhole::sdp::FrameRate;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

/// The largest width and height that are chosen where none is asked for: those that every client shows.
const MAX_SIDE: u32 = 2040;
/// The most sizes of a format that are listed.
const MAX_LISTED: usize = 40;

/// What a camera is asked for. The default is the largest size up to 2040 pixels in each direction, at the rate that
/// the camera has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CameraOptions {
    /// The width and height in pixels. `None` leaves the choice.
    pub size: Option<(u32, u32)>,
    /// How many frames the camera shall give in a second. It may give another number. `None` leaves its rate.
    pub frame_rate: Option<FrameRate>,
}

/// A camera that is open: the seam at which tests have a stand-in for a device.
trait Device {
    /// Returns what the camera can give.
    fn formats(&self) -> io::Result<Vec<Format>>;

    /// Starts the camera with a format and a size, of which it may take another one.
    fn start(self: Box<Self>, code: [u8; 4], options: CameraOptions) -> io::Result<Box<dyn Frames>>;
}

/// A camera that runs.
trait Frames: Send {
    /// Waits for a frame, and puts it in place of what is in `to`. A frame that is damaged is empty.
    fn next(&mut self, to: &mut Vec<u8>) -> io::Result<()>;
}

/// A format, with its sizes from the smallest to the largest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Format {
    code: [u8; 4],
    description: String,
    sizes: Vec<(u32, u32)>,
    /// Whether all sizes between the first and the last one are possible.
    between: bool,
}

impl Format {
    fn is_motion_jpeg(&self) -> bool {
        Codec::of_fourcc(self.code).is_some()
    }

    fn has(&self, size: (u32, u32)) -> bool {
        match (self.sizes.first(), self.sizes.last()) {
            (Some(least), Some(most)) if self.between => {
                (least.0..=most.0).contains(&size.0) && (least.1..=most.1).contains(&size.1)
            }
            _ => self.sizes.contains(&size),
        }
    }

    /// Returns the size that is chosen where none is asked for.
    fn largest(&self) -> Option<(u32, u32)> {
        let fitting = |(width, height): &&(u32, u32)| *width <= MAX_SIDE && *height <= MAX_SIDE;
        let by_area = |(width, height): &&(u32, u32)| u64::from(*width) * u64::from(*height);
        self.sizes.iter().filter(fitting).max_by_key(by_area).or(self.sizes.first()).copied()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code.escape_ascii(), self.description)?;
        let between = if self.between { " to" } else { "," };
        for (n, (width, height)) in self.sizes.iter().take(MAX_LISTED).enumerate() {
            let before = if n == 0 { "" } else { between };
            write!(f, "{before} {width}x{height}")?;
        }
        Ok(())
    }
}

/// The bytes of a camera's frames, one after the other.
pub(super) struct Camera {
    frames: Box<dyn Frames>,
    frame: Vec<u8>,
    /// How many bytes of it were read.
    read: usize,
}

impl Camera {
    /// Opens a camera and starts it. Blocks.
    ///
    /// # Errors
    /// There is no such camera, it gives no Motion-JPEG, or none of the size that is asked for.
    pub(super) fn start(path: &Path, options: CameraOptions) -> io::Result<Self> {
        Self::of(Box::new(v4l2::open(path)?), path, options)
    }

    fn of(device: Box<dyn Device>, path: &Path, options: CameraOptions) -> io::Result<Self> {
        let formats = device.formats()?;
        let Some(format) = formats.iter().find(|format| format.is_motion_jpeg()) else {
            let path = quoted(path);
            let list = list(&formats);
            let reason = format!(
                "this camera gives no Motion-JPEG; it gives {list}; this command makes Motion-JPEG of it: \
                 ffmpeg -f v4l2 -i {path} {PIPED} | pinhole-server -"
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        };
        if let Some((width, height)) = options.size.filter(|size| !format.has(*size)) {
            let reason = format!("this camera has no {width}x{height}; it gives {}", list(&formats));
            return Err(io::Error::new(io::ErrorKind::Unsupported, reason));
        }
        let size = options.size.or_else(|| format.largest());
        let frames = device.start(format.code, CameraOptions { size, ..options })?;
        Ok(Self { frames, frame: Vec::new(), read: 0 })
    }
}

fn list(formats: &[Format]) -> String {
    let all: Vec<_> = formats.iter().map(ToString::to_string).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join("; ") }
}

impl Read for Camera {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.frame.len() {
            self.frames.next(&mut self.frame)?;
            self.read = 0;
        }
        let rest = self.frame.get(self.read..).unwrap_or_default();
        let len = rest.len().min(to.len());
        to.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.read += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    type Asked = ([u8; 4], CameraOptions);

    /// A camera that gives two frames and is then unplugged, and what it was asked for.
    #[derive(Clone, Default)]
    struct StandIn {
        formats: Vec<Format>,
        asked: Arc<Mutex<Option<Asked>>>,
    }

    struct Two(u8);

    impl Device for StandIn {
        fn formats(&self) -> io::Result<Vec<Format>> {
            Ok(self.formats.clone())
        }

        fn start(self: Box<Self>, code: [u8; 4], options: CameraOptions) -> io::Result<Box<dyn Frames>> {
            *self.asked.lock().unwrap() = Some((code, options));
            Ok(Box::new(Two(0)))
        }
    }

    impl Frames for Two {
        fn next(&mut self, to: &mut Vec<u8>) -> io::Result<()> {
            self.0 += 1;
            to.clear();
            match self.0 {
                // A damaged one.
                2 => {}
                1 | 3 => to.extend([0xFF, 0xD8, self.0, 0xFF, 0xD9]),
                _ => return Err(io::Error::from_raw_os_error(libc::ENODEV)),
            }
            Ok(())
        }
    }

    fn format(code: &[u8; 4], description: &str, sizes: &[(u32, u32)]) -> Format {
        Format { code: *code, description: description.to_owned(), sizes: sizes.to_vec(), between: false }
    }

    fn webcam() -> StandIn {
        let yuyv = format(b"YUYV", "YUYV 4:2:2", &[(640, 480), (1280, 720)]);
        let mjpg = format(b"MJPG", "Motion-JPEG", &[(640, 480), (1280, 720), (1920, 1080), (3840, 2160)]);
        StandIn { formats: vec![yuyv, mjpg], ..StandIn::default() }
    }

    fn start(device: &StandIn, size: Option<(u32, u32)>) -> io::Result<Camera> {
        let options = CameraOptions { size, frame_rate: None };
        Camera::of(Box::new(device.clone()), Path::new("/dev/video0"), options)
    }

    fn asked(device: &StandIn) -> ([u8; 4], Option<(u32, u32)>) {
        let (code, options) = device.asked.lock().unwrap().take().unwrap();
        (code, options.size)
    }

    #[test]
    fn motion_jpeg_is_chosen() {
        let device = webcam();
        start(&device, None).unwrap();
        assert_eq!(asked(&device), (*b"MJPG", Some((1920, 1080))));
        start(&device, Some((640, 480))).unwrap();
        assert_eq!(asked(&device), (*b"MJPG", Some((640, 480))));
        let mut between = format(b"JPEG", "JFIF", &[(160, 120), (4000, 3000)]);
        between.between = true;
        let device = StandIn { formats: vec![between], ..StandIn::default() };
        start(&device, Some((1000, 700))).unwrap();
        assert_eq!(asked(&device), (*b"JPEG", Some((1000, 700))));
        assert!(start(&device, Some((1000, 3001))).is_err());
    }

    #[test]
    fn what_a_camera_gives_is_listed() {
        let refused = |device: &StandIn, size| start(device, size).err().unwrap().to_string();
        let mut device = webcam();
        let said = refused(&device, Some((800, 600)));
        let list =
            "YUYV (YUYV 4:2:2) 640x480, 1280x720; MJPG (Motion-JPEG) 640x480, 1280x720, 1920x1080, 3840x2160";
        assert_eq!(said, format!("this camera has no 800x600; it gives {list}"));
        device.formats.truncate(1);
        let said = refused(&device, None);
        assert!(said.contains("no Motion-JPEG; it gives YUYV (YUYV 4:2:2) 640x480, 1280x720; "), "{said}");
        assert!(said.contains("ffmpeg -f v4l2 -i /dev/video0 -an -c:v mjpeg -pix_fmt yuvj420p"), "{said}");
        device.formats.clear();
        assert!(refused(&device, None).contains("it gives nothing"));
    }

    #[test]
    fn frames_are_read_in_pieces_until_the_camera_is_gone() {
        let mut camera = start(&webcam(), None).unwrap();
        let mut all = Vec::new();
        let mut piece = [0; 3];
        let error = loop {
            match camera.read(&mut piece) {
                Ok(len) => all.extend_from_slice(&piece[..len]),
                Err(error) => break error,
            }
        };
        assert_eq!(all, [0xFF, 0xD8, 1, 0xFF, 0xD9, 0xFF, 0xD8, 3, 0xFF, 0xD9]);
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn what_is_no_camera_is_refused() {
        for path in ["/dev/null", "/nonexistent"] {
            assert!(Camera::start(Path::new(path), CameraOptions::default()).is_err(), "{path}");
        }
    }
}
