//! Pictures as PNG files.
use super::file_name;
use crate::model::Picture;
use pinhole_std::new_file::NewFile;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The most pictures that are saved at once.
const AT_ONCE: usize = 16;
/// How long pictures that are still being saved may take at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pictures that are being saved, each on a thread of its own: to compress one takes longer than it
/// is shown.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Vec<JoinHandle<String>>);

impl Snapshots {
    /// Starts to save a picture under a name that is free, in the current directory. Its pixels are
    /// shared and not copied.
    ///
    /// # Errors
    /// The pictures that are being saved take all memory that there is for them, or the system has no more
    /// threads.
    pub(crate) fn start(&mut self, picture: Picture) -> io::Result<()> {
        if self.0.len() >= AT_ONCE || !picture.pixels.save() {
            return Err(io::Error::other("others are still being saved"));
        }
        let save = move || match save_as(&picture, file_name::names("png")) {
            Ok(path) => format!("saved {}", path.display()),
            Err(error) => format!("not saved: {error}"),
        };
        self.0.push(thread::Builder::new().name("snapshot".into()).spawn(save)?);
        Ok(())
    }

    /// Returns a message about each picture that has been saved, or could not be, since the last call.
    pub(crate) fn done(&mut self) -> Vec<String> {
        self.0.extract_if(.., |saving| saving.is_finished()).filter_map(|saving| saving.join().ok()).collect()
    }
}

/// Waits for all pictures, but not for a disk that takes none.
impl Drop for Snapshots {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.0.iter().any(|saving| !saving.is_finished()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Writes a picture to a file. An existing file is replaced once the picture is complete, and so is a link.
///
/// # Errors
/// The file cannot be written. What was written is removed.
pub(crate) fn save(picture: &Picture, path: &Path) -> Result<(), png::EncodingError> {
    Ok(unnamed(picture, path)?.replace(path)?)
}

/// Writes a picture to a file in the current directory, under the first of several names that is free.
fn save_as(
    picture: &Picture,
    names: impl IntoIterator<Item = PathBuf>,
) -> Result<PathBuf, png::EncodingError> {
    let mut names = names.into_iter().peekable();
    let first = names.peek().cloned().unwrap_or_default();
    Ok(unnamed(picture, &first)?.name(names)?)
}

/// Writes a picture to a new file beside `path`.
fn unnamed(picture: &Picture, path: &Path) -> Result<NewFile, png::EncodingError> {
    let file = NewFile::beside(path)?;
    let mut to = BufWriter::new(file.file()?);
    write(picture, &mut to)?;
    to.flush()?;
    Ok(file)
}

fn write(picture: &Picture, to: &mut impl Write) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(to, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    let mut to = writer.stream_writer()?;
    let mut rgb = Vec::new();
    // A copy of the whole picture may take more memory than there is.
    for row in picture.pixels.chunks(picture.width.max(1) as usize) {
        rgb.clear();
        rgb.extend(row.iter().flat_map(|pixel| {
            let [_, r, g, b] = pixel.to_be_bytes();
            [r, g, b]
        }));
        to.write_all(&rgb)?;
    }
    to.finish()?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::io::Cursor;

    #[test]
    fn a_snapshot_follows_no_link_and_leaves_no_part() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("precious"), "precious").unwrap();
        std::os::unix::fs::symlink(at("precious"), at("a.png")).unwrap();
        std::os::unix::fs::symlink(at("nowhere"), at("b.png")).unwrap();
        let picture = Picture { width: 2, height: 1, pixels: vec![0; 2].into(), ..Picture::default() };
        let saved = save_as(&picture, ["a.png", "b.png", "c.png"].map(at)).unwrap();
        assert_eq!(saved, at("c.png"));
        save(&picture, &at("a.png")).unwrap();
        let png = std::fs::read(at("c.png")).unwrap();
        assert!(png.starts_with(b"\x89PNG") && std::fs::read(at("a.png")).unwrap() == png);
        // A picture without a size is no PNG.
        assert!(save(&Picture::default(), &at("d.png")).is_err());
        assert_eq!(std::fs::read(at("precious")).unwrap(), b"precious");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_snapshot_keeps_its_colours() -> Result<(), Box<dyn Error>> {
        let pixels = vec![0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0x0012_3456];
        let picture = Picture { width: 2, height: 2, pixels: pixels.into(), ..Picture::default() };
        let mut file = Vec::new();
        write(&picture, &mut file)?;
        let mut reader = png::Decoder::new(Cursor::new(file)).read_info()?;
        let mut rgb = vec![0; reader.output_buffer_size().unwrap_or_default()];
        let info = reader.next_frame(&mut rgb)?;
        assert_eq!((info.width, info.height, info.color_type), (2, 2, png::ColorType::Rgb));
        assert_eq!(rgb, [255, 0, 0, 0, 255, 0, 0, 0, 255, 0x12, 0x34, 0x56]);
        Ok(())
    }
}
