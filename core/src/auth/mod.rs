//! Logins: what a server asks for and what a client answers, in Digest (RFC 7616, 2617 and 2069) and Basic
//! (RFC 7617). RTSP has them from HTTP (RFC 2326, 14).
//!
//! Nothing here has a state. A server checks the value of an `Authorization` header field with
//! [`Credentials::parse`] and [`DigestCredentials::verify`], and makes nonces that it need not keep with a
//! [`NonceKey`]. A client picks a [`Challenge`] of the `WWW-Authenticate` header fields with
//! [`Challenge::best`], and answers it with a [`DigestResponse`] or [`BasicResponse`].
//!
//! A password is never kept by a server: a [`Ha1`] is enough to check a response of Digest. Whoever has it can
//! log in, however.
mod algorithm;
mod basic;
mod challenge;
mod credentials;
mod hash;
mod hasher;
mod md5;
mod nonce;
mod parameters;
mod response;
#[cfg(test)]
mod tests;

pub use self::algorithm::Algorithm;
pub use self::basic::{BasicCredentials, BasicResponse};
pub use self::challenge::{Challenge, ChallengeRepr, DigestChallenge, Unsupported};
pub use self::credentials::{Credentials, DigestCredentials, UserName};
pub use self::hash::Ha1;
pub use self::nonce::{Nonce, NonceKey, NonceState};
pub use self::parameters::{Escaped, Quoted};
pub use self::response::DigestResponse;
