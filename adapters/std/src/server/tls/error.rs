//! What is wrong with a handshake.

/// Why a handshake has failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The client speaks RTSP or HTTP, and not TLS.
    #[error(
        "it speaks {protocol} without TLS at the port for TLS; an address that begins with rtsps:// leads here"
    )]
    Plain {
        /// The name of the protocol.
        protocol: &'static str,
    },
    /// What the client has sent is not TLS.
    #[error("what it has sent at the port for TLS is not TLS")]
    NotTls,
    /// The client does not speak TLS as this server does, or it does not trust the certificate.
    #[error("{reason}")]
    Tls {
        /// Why, for people.
        reason: String,
    },
    /// The client has sent more than any handshake has.
    #[error("it has sent too much")]
    TooLong,
    /// The client has not finished within the time for a first request
    /// ([`Config::request_timeout`](pinhole::server::Config::request_timeout)).
    #[error("it has not finished in time")]
    TooSlow,
    /// So many handshakes wait, of the client's address or of all, that this one would not be finished in time.
    #[error("too many others wait")]
    Busy,
}
