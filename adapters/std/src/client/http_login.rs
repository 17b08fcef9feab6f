//! Logins in HTTP, with what RTSP has them by (RFC 7616, RFC 7617).
use pinhole::auth::Challenge;
use pinhole::client::{Login, LoginError};
use pinhole::text::{Emit, TextWriter};
use std::io;

/// Returns the header field with the credentials for a request, with its line end; empty before the server has asked
/// for them. `path` is what the request line has.
pub(crate) fn authorization(login: Option<&mut Login>, method: &str, path: &str) -> Vec<u8> {
    let authorization = login.and_then(|login| login.authorization(method, path.as_bytes()));
    let Some(authorization) = authorization else { return Vec::new() };
    let mut out = TextWriter::new(Vec::new());
    out.text("Authorization: ");
    authorization.emit(&mut out);
    out.text("\r\n");
    out.finish().unwrap_or_default()
}

/// Returns the challenges of a response.
pub(crate) fn challenges(fields: &[httparse::Header<'_>]) -> Vec<Vec<u8>> {
    let fields = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("WWW-Authenticate"));
    fields.map(|field| field.value.to_vec()).collect()
}

/// Takes in the challenges of a response with status 401. The inner result says whether to make the request anew, or
/// otherwise why not, and what the password is for.
///
/// # Errors
/// The system has no random numbers.
pub(crate) fn on_challenge(
    login: Option<&mut Login>,
    challenges: &[Vec<u8>],
) -> io::Result<Result<(), (LoginError, String)>> {
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let values = || challenges.iter().map(Vec::as_slice);
    let taken = match login {
        Some(login) => {
            let was_answered = login.is_challenged();
            login.on_challenge(values(), random, was_answered)
        }
        None => Err(LoginError::without_credentials(values())),
    };
    Ok(taken.map_err(|reason| {
        let realm = Challenge::best(values()).map(|best| best.realm().bytes().collect::<Vec<_>>());
        (reason, String::from_utf8_lossy(&realm.unwrap_or_default()).into_owned())
    }))
}
