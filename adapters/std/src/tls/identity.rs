//! The certificate and the key of a server.
use super::problem::{IdentityError, IdentityProblem};
use super::provider::provider;
use super::{Fingerprint, self_signed};
use crate::secret_file::is_private;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// The longest file with certificates or a key.
const MAX_LEN: u64 = 1 << 20;

/// A certificate with its private key, by which clients know a server. Pass it to
/// [`Server::listen_tls`](crate::server::Server::listen_tls). Its debug output has no key.
#[derive(Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Reads a certificate, and those that lead from it to one that clients know, from the file `certificate`, and its
    /// private key from the file `key`, which may be the same. Both are PEM. The key is in PKCS #8, PKCS #1 or SEC 1, and
    /// nobody but its owner may read the file.
    ///
    /// # Errors
    /// A file cannot be read, others may read the key, or what is in a file cannot be used.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |problem| IdentityError { path, problem }
        };
        let text = read(certificate, false).map_err(at(certificate))?;
        let chain = chain(&text).map_err(at(certificate))?;
        let text = read(key, true).map_err(at(key))?;
        Self::of(chain, self::key(&text).map_err(at(key))?).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => at(key)(IdentityProblem::OtherKey(certificate.to_owned())),
            rustls::Error::InvalidCertificate(error) => {
                at(certificate)(IdentityProblem::Certificate(format!("{error:?}")))
            }
            error => at(key)(IdentityProblem::Key(error.to_string())),
        })
    }

    /// Reads a certificate and its private key from the file `path`; if there is none, makes both and writes the file,
    /// which only its owner may read. If `path` is a directory, the file is `pinhole-tls.pem` in it. No authority has
    /// signed such a certificate: clients have to be told its [`Self::fingerprint`], or be given the certificate.
    ///
    /// The certificate is for `localhost` and for `names`, which are names of hosts or their addresses, and is good for
    /// a hundred years.
    ///
    /// # Errors
    /// The file cannot be read or written, others may read it, or what is in it cannot be used.
    pub fn self_signed<'a>(
        path: &Path,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, IdentityError> {
        let path = match path.is_dir() {
            true => path.join("pinhole-tls.pem"),
            false => path.to_owned(),
        };
        if !path.try_exists().unwrap_or(true) {
            self_signed::make(&path, names)
                .map_err(|problem| IdentityError { path: path.clone(), problem })?;
        }
        Self::load(&path, &path)
    }

    /// Returns the fingerprint of the certificate.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn into_config(self) -> Arc<ServerConfig> {
        self.config
    }

    fn of(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, rustls::Error> {
        let fingerprint = Fingerprint::of(chain.first().map_or(&[], |certificate| certificate));
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
        // A client that comes again makes a handshake again: nothing is kept of those that have left.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), fingerprint })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Reads a file, which nobody but its owner may read if there is a key in it: see [`is_private`].
fn read(path: &Path, has_key: bool) -> Result<Vec<u8>, IdentityProblem> {
    let file = File::open(path)?;
    if has_key && !is_private(&file, path)? {
        return Err(IdentityProblem::Permissions(path.to_owned()));
    }
    let mut text = Vec::new();
    if file.take(MAX_LEN + 1).read_to_end(&mut text)? as u64 > MAX_LEN {
        return Err(io::Error::other(format!("the file is longer than {} MiB", MAX_LEN >> 20)).into());
    }
    Ok(text)
}

fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, IdentityProblem> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.map_err(|error| IdentityProblem::Pem(error.to_string()))?;
    match chain.is_empty() {
        true => Err(IdentityProblem::NoCertificate),
        false => Ok(chain),
    }
}

fn key(text: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityProblem> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => IdentityProblem::NoKey,
        error => IdentityProblem::Pem(error.to_string()),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_certificate_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let made = Identity::self_signed(directory.path(), ["camera.example", "10.0.0.7"]).unwrap();
        let path = directory.path().join("pinhole-tls.pem");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let kept = Identity::self_signed(&path, []).unwrap();
        assert_eq!(kept.fingerprint(), made.fingerprint());
        let other = Identity::self_signed(&directory.path().join("other.pem"), []).unwrap();
        assert_ne!(other.fingerprint(), made.fingerprint(), "each has a key of its own");
        let debug = format!("{made:?}");
        assert!(debug.contains(&made.fingerprint().to_string()) && debug.len() < 150, "{debug}");
    }

    #[test]
    fn errors_name_the_file_and_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let write = |name: &str, text: &str| {
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o600)).unwrap();
        };
        Identity::self_signed(&at("a.pem"), []).unwrap();
        Identity::self_signed(&at("b.pem"), []).unwrap();
        let text = fs::read_to_string(at("a.pem")).unwrap();
        let (_, certificate) = text.split_once("-----BEGIN CERTIFICATE").unwrap();
        write("empty", "");
        write("certificate", &format!("-----BEGIN CERTIFICATE{certificate}"));
        write("broken", &text.replace("-----END PRIVATE KEY-----", "-----END KEY-----"));
        write("not.der", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        write("not.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
        fs::copy(at("a.pem"), at("open.pem")).unwrap();
        fs::set_permissions(at("open.pem"), Permissions::from_mode(0o640)).unwrap();
        for (certificate, key, file, expected) in [
            ("none", "a.pem", "none", "No such file"),
            ("a.pem", "none", "none", "No such file"),
            ("empty", "a.pem", "empty", "there is no certificate in it"),
            ("a.pem", "certificate", "certificate", "there is no private key in it"),
            ("a.pem", "b.pem", "b.pem", "not that of the certificate"),
            ("a.pem", "broken", "broken", "this is not PEM"),
            ("not.der", "a.pem", "not.der", "this certificate cannot be used"),
            ("a.pem", "not.key", "not.key", "this private key cannot be used"),
            ("open.pem", "open.pem", "open.pem", "chmod 600"),
        ] {
            let error = Identity::load(&at(certificate), &at(key)).unwrap_err();
            let told = error.to_string();
            assert!(error.path == at(file) && told.contains(expected), "{certificate} {key}: {told}");
        }
        // A certificate is no secret.
        fs::set_permissions(at("certificate"), Permissions::from_mode(0o644)).unwrap();
        assert!(Identity::load(&at("certificate"), &at("a.pem")).is_ok());
        assert!(Identity::self_signed(&at("no/directory"), []).is_err());
    }
}
