//! What is wrong with the files of a certificate and a key.
use std::io;
use std::path::PathBuf;

/// Why there is no [`Identity`](super::Identity). It is displayed as a sentence that says which file is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
#[non_exhaustive]
pub struct IdentityError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: IdentityProblem,
}

/// What is wrong with a file with a certificate or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityProblem {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] io::Error),
    /// The file has a key, and others than its owner may read or change it.
    #[error("others may read or change this file, and so pass for this server with the key in it; run: chmod 600 {}", .0.display())]
    Permissions(PathBuf),
    /// What stands between the lines of PEM is not what should be there.
    #[error("this is not PEM ({0}); begin with a line such as -----BEGIN CERTIFICATE-----")]
    Pem(String),
    /// There is no certificate in the file.
    #[error("there is no certificate in it (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// There is no key in the file that can be read.
    #[error(
        "there is no private key in it (-----BEGIN PRIVATE KEY-----); one with a passphrase is decrypted by: openssl pkey"
    )]
    NoKey,
    /// The key cannot be used.
    #[error(
        "this private key cannot be used ({0}); use one of ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more"
    )]
    Key(String),
    /// The key is not that of the certificate.
    #[error("this private key is not that of the certificate in {}", .0.display())]
    OtherKey(PathBuf),
    /// The certificate cannot be used.
    #[error("this certificate cannot be used ({0})")]
    Certificate(String),
    /// The system has no random numbers for a new key.
    #[error("no key can be made ({0})")]
    Making(String),
}
