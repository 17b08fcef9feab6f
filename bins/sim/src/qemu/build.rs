//! Builds the firmware from the source next to this program's.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The directory of the firmware, and the package and the image in it.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware");
const PACKAGE: &str = "pinhole-camera";
const IMAGE: &str = "target/thumbv7m-none-eabi/release/camera";

/// Variables of this program's own build that must not reach the firmware's.
const NOT_HANDED_ON: [&str; 5] =
    ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "RUSTC_WRAPPER", "RUSTFLAGS"];

/// Builds the firmware for `sessions` clients at once. Returns the path of the image.
///
/// # Errors
/// Returns what is missing, and how to get it.
pub(super) fn firmware(sessions: u8) -> Result<PathBuf, String> {
    let source = Path::new(SOURCE);
    if !source.join("cargo.sh").is_file() {
        return Err(format!(
            "no source of the firmware at {SOURCE}: with --elf FILE, an image is booted as it is"
        ));
    }
    let mut cargo = Command::new(source.join("cargo.sh"));
    cargo.args(["build", "--locked", "--release", "--quiet", "-p", PACKAGE]);
    cargo.env("PINHOLE_SESSIONS", sessions.to_string()).stdin(Stdio::null());
    NOT_HANDED_ON.into_iter().for_each(|name| _ = cargo.env_remove(name));
    let status = cargo.status().map_err(|error| format!("{SOURCE}/cargo.sh: {error}"))?;
    if !status.success() {
        return Err("the firmware cannot be built, for the reason above".to_owned());
    }
    Ok(source.join(IMAGE))
}
