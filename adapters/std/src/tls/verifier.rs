//! By which certificates a client knows a server.
use super::Fingerprint;
use super::provider::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How a client knows a server, and what it found wrong.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    verifier: Arc<Verifier>,
}

/// Why a client does not trust a server. It is displayed as a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// No authority that the system knows has signed the server's certificate, or it is not for this host, or not for
    /// now.
    #[error("the server's certificate is not trusted: {reason}; its SHA-256 fingerprint is {offered}")]
    Unknown {
        /// What is wrong with it.
        reason: String,
        /// The fingerprint of the certificate.
        offered: Fingerprint,
    },
    /// The server has another certificate than the one that is trusted.
    #[error(
        "the server has another certificate than the trusted one: its fingerprint is {offered}, and {trusted} is expected; \
         ask whoever runs the server whether it was replaced, or else somebody is between"
    )]
    Other {
        /// The fingerprint of the certificate that is trusted.
        trusted: Fingerprint,
        /// The fingerprint of the certificate of the server.
        offered: Fingerprint,
    },
    /// The other end does not speak TLS, or not so that this one understands it.
    #[error(
        "the server does not speak TLS as it should ({reason}); without TLS, the address begins with rtsp://"
    )]
    Tls {
        /// What is wrong.
        reason: String,
    },
}

impl Distrust {
    /// Returns the fingerprint of a certificate that is trusted by nobody yet, and may be once whoever runs the server says
    /// that it is the server's.
    pub const fn untrusted(&self) -> Option<Fingerprint> {
        match self {
            Self::Unknown { offered, .. } => Some(*offered),
            Self::Other { .. } | Self::Tls { .. } => None,
        }
    }
}

impl Trust {
    /// Trusts the certificate with this fingerprint, or without one those that the system's store leads to. Blocks while
    /// the store is read, for the first time only: see [`load_store`].
    pub(crate) fn new(fingerprint: Option<Fingerprint>) -> Self {
        let by = match fingerprint {
            Some(fingerprint) => By::Fingerprint(fingerprint),
            None => By::Store(load_store()),
        };
        Self { verifier: Arc::new(Verifier { by, distrust: Mutex::default() }) }
    }

    /// Begins a session with a server.
    ///
    /// # Errors
    /// `host` can be the name of no server.
    pub(crate) fn connect(&self, host: &str) -> Result<ClientConnection, Distrust> {
        let failed = |reason: String| Distrust::Tls { reason };
        // The interface of a link-local address means something on this machine only (RFC 6874, 4).
        let host = host.split('%').next().unwrap_or_default();
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.map_err(|error| failed(error.to_string()))?;
        let config =
            config.dangerous().with_custom_certificate_verifier(self.verifier.clone()).with_no_client_auth();
        ClientConnection::new(Arc::new(config), name).map_err(|error| failed(error.to_string()))
    }

    /// Returns why a session has failed with `error`.
    pub(crate) fn distrust(&self, error: &rustls::Error) -> Distrust {
        let distrust = self.verifier.distrust.lock().unwrap_or_else(PoisonError::into_inner).take();
        distrust.unwrap_or_else(|| Distrust::Tls { reason: error.to_string() })
    }
}

/// The certificates that the system trusts, or why there are none.
type Store = Result<Arc<WebPkiServerVerifier>, String>;

/// Reads the system's store of certificates, once. Blocks.
pub(crate) fn load_store() -> &'static Store {
    static STORE: OnceLock<Store> = OnceLock::new();
    STORE.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(format!("this system has no store of trusted certificates{why}"));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        verifier.map_err(|error| error.to_string())
    })
}

#[derive(Debug)]
enum By {
    Fingerprint(Fingerprint),
    Store(&'static Store),
}

#[derive(Debug)]
struct Verifier {
    by: By,
    /// Why the server was not trusted.
    distrust: Mutex<Option<Distrust>>,
}

impl Verifier {
    /// Keeps the reason. Returns what the server is told.
    fn refuse(&self, distrust: Distrust) -> rustls::Error {
        *self.distrust.lock().unwrap_or_else(PoisonError::into_inner) = Some(distrust);
        CertificateError::UnknownIssuer.into()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let offered = Fingerprint::of(end_entity);
        match &self.by {
            By::Fingerprint(trusted) if *trusted == offered => Ok(ServerCertVerified::assertion()),
            By::Fingerprint(trusted) => Err(self.refuse(Distrust::Other { trusted: *trusted, offered })),
            By::Store(Ok(store)) => store
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| self.refuse(Distrust::Unknown { reason: reason(&error), offered })),
            By::Store(Err(reason)) => Err(self.refuse(Distrust::Unknown { reason: reason.clone(), offered })),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Returns what is wrong with a certificate, for people.
fn reason(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(wrong) = error else { return error.to_string() };
    match wrong {
        CertificateError::UnknownIssuer => "no authority that this system knows has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not good yet; is the clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is that of another host".to_owned()
        }
        other => other.to_string(),
    }
}
