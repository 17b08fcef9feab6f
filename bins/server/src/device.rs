//! Cameras of this machine, such as `/dev/video0`.
use crate::cli::Serve;
use crate::report::Report;
use pinhole_std::media::Library;
use std::path::Path;

/// Whether a path in `/dev` leads to a device, and not to a file, a directory or a pipe. Of paths elsewhere the disk
/// is not asked, as it may hang.
#[cfg(unix)]
pub(crate) fn is_device(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.starts_with("/dev") && path.metadata().is_ok_and(|metadata| metadata.file_type().is_char_device())
}

/// Whether a path leads to a device, and not to a file, a directory or a pipe.
#[cfg(not(unix))]
pub(crate) const fn is_device(_: &Path) -> bool {
    false
}

/// Adds a camera to the library, by this name or that of its device.
#[cfg(all(feature = "v4l2", target_os = "linux"))]
pub(crate) fn add(library: &mut Library, path: &Path, name: Option<&str>, cli: &Serve, _: &Report) {
    use pinhole_std::media::CameraOptions;
    let mut options = CameraOptions::default();
    if let Some(format) = cli.camera {
        let (width, height) = format.size();
        options.size = Some((width.into(), height.into()));
        options.frame_rate = Some(format.frame_rate());
    }
    let own = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    library.add_camera(name.unwrap_or(&own), path, options);
}

/// Says how a camera is served by a program that was built without them.
#[cfg(not(all(feature = "v4l2", target_os = "linux")))]
pub(crate) fn add(_: &mut Library, path: &Path, _: Option<&str>, _: &Serve, report: &Report) {
    report.device(path);
}
