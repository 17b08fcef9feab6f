//! Makes data for the flash of a file of JPEG pictures, and of a password, and says how to link.
use pinhole::auth::{Algorithm, Ha1};
use pinhole::codec::jpeg::Splitter;
use pinhole::codec::jpeg::{self, JpegInfo, RecodeOptions};
use pinhole::server::Config;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is served: so many pictures of this file, at this rate.
const CLIP: &str = "../../../video/bunny288.mjpeg";
const PICTURES: usize = 30;
const MILLIHERTZ: u32 = 30_000;

/// What the password is for, as clients show it.
const REALM: &str = "camera";
/// The user, if there is a password and the build says nothing else.
const USER: &str = "camera";

/// What the headers of RTP and of RTP/JPEG take of a packet (RFC 3550, 5.1; RFC 2435, 3.1).
const HEADERS: u16 = 12 + 8 + 4;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join(CLIP);
    println!("cargo:rerun-if-changed={}", clip.display());
    write_clip(&clip, &out).map_err(|error| format!("{}: {error}", clip.display()))?;

    write_account(&out)?;

    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
    // There are no pages to begin segments on.
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}

/// Writes `account.rs`, which has the user, and hashes in place of the password.
fn write_account(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed=PINHOLE_USER");
    println!("cargo:rerun-if-env-changed=PINHOLE_PASSWORD");
    let given = |name| match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(format!("{name}: {error}")),
    };
    let user = given("PINHOLE_USER")?;
    let account = match given("PINHOLE_PASSWORD")? {
        Some(password) => {
            let user = user.as_deref().unwrap_or(USER);
            let hash =
                |algorithm| Ha1::new(algorithm, user.as_bytes(), REALM, password.as_bytes()).to_string();
            let (sha256, md5) = (hash(Algorithm::Sha256), hash(Algorithm::Md5));
            format!("Some(Account {{ user: {user:?}, sha256: *b{sha256:?}, md5: *b{md5:?} }})")
        }
        None if user.is_some() => return Err("PINHOLE_USER is set, and PINHOLE_PASSWORD is not".into()),
        None => "None".to_owned(),
    };
    let mut code = format!("pub(crate) const REALM: &str = {REALM:?};\n");
    writeln!(code, "pub(crate) const ACCOUNT: Option<Account> = {account};")?;
    fs::write(out.join("account.rs"), code)?;
    Ok(())
}

/// Writes `clip.bin`, the pictures one behind the other, and `clip.rs`, which says what is where.
fn write_clip(source: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let file = fs::read(source)?;
    let mut bytes = Vec::new();
    let mut dimensions = (0, 0);
    let mut parts = String::new();
    for picture in pictures(&file).take(PICTURES) {
        let (data, info) = normalise(picture)?;
        dimensions = (info.width, info.height);
        writeln!(parts, "part({}, {}),", bytes.len(), data.len())?;
        bytes.extend(data);
    }
    if bytes.is_empty() {
        return Err("there is no JPEG picture in it".into());
    }
    let rate = format!("FrameRate({MILLIHERTZ})");
    let code = format!("Clip {{ frame_rate: {rate}, dimensions: {dimensions:?}, pictures: &[\n{parts}] }}\n");
    fs::write(out.join("clip.bin"), bytes)?;
    fs::write(out.join("clip.rs"), code)?;
    Ok(())
}

fn pictures(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut splitter = Splitter::new(1 << 24);
    let mut rest = file;
    std::iter::from_fn(move || {
        let (taken, found) = splitter.push(rest);
        rest = rest.get(taken..)?;
        let found = found.or_else(|| splitter.finish())?;
        file.get(found.start as usize..found.end() as usize)
    })
}

/// A picture as it is sent: with the standard Huffman tables, and with restart markers, so that a lost
/// packet costs a strip.
fn normalise(picture: &[u8]) -> Result<(Vec<u8>, JpegInfo), Box<dyn Error>> {
    let info = jpeg::inspect(picture)?.info;
    let interval = jpeg::restart_interval_for(&info, usize::from(Config::DEFAULT.max_packet - HEADERS));
    let options = RecodeOptions { restart_interval: Some(interval) };
    let mut out = vec![0; jpeg::recode_max_len(picture.len())];
    let recoded = jpeg::recode(picture, &mut out, options)?;
    out.truncate(recoded.len);
    Ok((out, recoded.info))
}
