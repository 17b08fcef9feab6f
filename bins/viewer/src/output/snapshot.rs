//! Pictures as PNG files.
use crate::model::Picture;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

/// Pictures that are being saved, each on a thread of its own: to compress one takes longer than it
/// is shown.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Vec<JoinHandle<String>>);

impl Snapshots {
    /// Starts to save a picture, whose pixels are shared and not copied.
    ///
    /// # Errors
    /// The system has no more threads.
    pub(crate) fn start(&mut self, picture: Picture, path: PathBuf) -> io::Result<()> {
        let save = move || match save(&picture, &path) {
            Ok(()) => format!("saved {}", path.display()),
            Err(error) => format!("not saved: {}: {error}", path.display()),
        };
        self.0.push(thread::Builder::new().name("snapshot".into()).spawn(save)?);
        Ok(())
    }

    /// Returns a message about each picture that has been saved, or could not be, since the last call.
    pub(crate) fn done(&mut self) -> Vec<String> {
        self.0.extract_if(.., |saving| saving.is_finished()).filter_map(|saving| saving.join().ok()).collect()
    }
}

/// Waits for all pictures, so that the program does not end in the middle of a file.
impl Drop for Snapshots {
    fn drop(&mut self) {
        for saving in self.0.drain(..) {
            let _ = saving.join();
        }
    }
}

/// Writes a picture to a file. An existing file is replaced.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn save(picture: &Picture, path: &Path) -> Result<(), png::EncodingError> {
    let mut file = BufWriter::new(File::create(path)?);
    write(picture, &mut file)?;
    Ok(file.flush()?)
}

fn write(picture: &Picture, to: &mut impl Write) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(to, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    let rgb: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|pixel| {
            let [_, r, g, b] = pixel.to_be_bytes();
            [r, g, b]
        })
        .collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::io::Cursor;

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
