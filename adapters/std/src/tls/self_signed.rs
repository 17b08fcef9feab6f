//! Makes a certificate that no authority has signed.
use super::problem::IdentityProblem;
use crate::new_file::NewFile;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use std::io::Write;
use std::path::Path;

/// Makes a key and a certificate for `localhost` and `names`, and writes both to a file that only its owner may read.
///
/// # Errors
/// The file cannot be written, or there are no random numbers.
pub(super) fn make<'a>(path: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<(), IdentityProblem> {
    let making = |error: rcgen::Error| IdentityProblem::Making(error.to_string());
    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    // What can stand in no certificate is left out.
    let usable = |name: &&str| CertificateParams::new([(*name).to_owned()]).is_ok();
    all.extend(names.into_iter().filter(usable).map(str::to_owned));
    let mut params = CertificateParams::new(all).map_err(making)?;
    params.distinguished_name.push(DnType::CommonName, "Pinhole");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1));
    let key = KeyPair::generate().map_err(making)?;
    let certificate = params.self_signed(&key).map_err(making)?;
    let new = NewFile::beside(path)?;
    let mut file = new.file()?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(key.serialize_pem().as_bytes())?;
    file.write_all(certificate.pem().as_bytes())?;
    file.sync_all()?;
    Ok(new.replace(path)?)
}
