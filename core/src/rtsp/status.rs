//! Status codes and their reason phrases (RFC 2326, 7.1.1).

/// The status code of a response, such as 200. The codes in received responses are from 100 to 999. If you
/// send a code, choose one in that range, too: this is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status(pub u16);

macro_rules! statuses {
    ($($name:ident = $code:literal $reason:literal,)*) => {
        impl Status {
            $(
                #[doc = concat!("Status code ", stringify!($code), ", \"", $reason, "\" (RFC 2326, 7.1.1).")]
                pub const $name: Self = Self($code);
            )*
        }

        /// All phrases, one after another, in the order of [`CODES`]. A table of strings, or a `match`,
        /// would take twice the flash.
        const PHRASES: &str = concat!($($reason),*);

        /// Each code, and the length of its phrase.
        static CODES: &[(u16, u8)] = &[$(($code, $reason.len() as u8)),*];

        #[cfg(test)]
        const ALL: &[Status] = &[$(Status::$name),*];
    };
}

statuses! {
    CONTINUE = 100 "Continue",
    OK = 200 "OK",
    CREATED = 201 "Created",
    LOW_ON_STORAGE_SPACE = 250 "Low on Storage Space",
    MULTIPLE_CHOICES = 300 "Multiple Choices",
    MOVED_PERMANENTLY = 301 "Moved Permanently",
    MOVED_TEMPORARILY = 302 "Moved Temporarily",
    SEE_OTHER = 303 "See Other",
    NOT_MODIFIED = 304 "Not Modified",
    USE_PROXY = 305 "Use Proxy",
    BAD_REQUEST = 400 "Bad Request",
    UNAUTHORIZED = 401 "Unauthorized",
    PAYMENT_REQUIRED = 402 "Payment Required",
    FORBIDDEN = 403 "Forbidden",
    NOT_FOUND = 404 "Not Found",
    METHOD_NOT_ALLOWED = 405 "Method Not Allowed",
    NOT_ACCEPTABLE = 406 "Not Acceptable",
    PROXY_AUTHENTICATION_REQUIRED = 407 "Proxy Authentication Required",
    REQUEST_TIMEOUT = 408 "Request Time-out",
    GONE = 410 "Gone",
    LENGTH_REQUIRED = 411 "Length Required",
    PRECONDITION_FAILED = 412 "Precondition Failed",
    REQUEST_ENTITY_TOO_LARGE = 413 "Request Entity Too Large",
    REQUEST_URI_TOO_LARGE = 414 "Request-URI Too Large",
    UNSUPPORTED_MEDIA_TYPE = 415 "Unsupported Media Type",
    PARAMETER_NOT_UNDERSTOOD = 451 "Parameter Not Understood",
    CONFERENCE_NOT_FOUND = 452 "Conference Not Found",
    NOT_ENOUGH_BANDWIDTH = 453 "Not Enough Bandwidth",
    SESSION_NOT_FOUND = 454 "Session Not Found",
    METHOD_NOT_VALID_IN_THIS_STATE = 455 "Method Not Valid in This State",
    HEADER_FIELD_NOT_VALID = 456 "Header Field Not Valid for Resource",
    INVALID_RANGE = 457 "Invalid Range",
    PARAMETER_IS_READ_ONLY = 458 "Parameter Is Read-Only",
    AGGREGATE_OPERATION_NOT_ALLOWED = 459 "Aggregate operation not allowed",
    ONLY_AGGREGATE_OPERATION_ALLOWED = 460 "Only aggregate operation allowed",
    UNSUPPORTED_TRANSPORT = 461 "Unsupported transport",
    DESTINATION_UNREACHABLE = 462 "Destination unreachable",
    INTERNAL_SERVER_ERROR = 500 "Internal Server Error",
    NOT_IMPLEMENTED = 501 "Not Implemented",
    BAD_GATEWAY = 502 "Bad Gateway",
    SERVICE_UNAVAILABLE = 503 "Service Unavailable",
    GATEWAY_TIMEOUT = 504 "Gateway Time-out",
    VERSION_NOT_SUPPORTED = 505 "RTSP Version not supported",
    OPTION_NOT_SUPPORTED = 551 "Option not supported",
}

impl Status {
    /// Returns the reason phrase of the code, for people. For a code that RFC 2326 does not have, the result
    /// is the name of the code's class, such as `Client Error` for 400 to 499. For codes from 600 on and
    /// below 100, the result is `Server Error`. Without the feature `phrases`, the result is always the name of
    /// the class.
    pub fn reason(self) -> &'static str {
        let class = match self.0 {
            100..=199 => "Informational",
            200..=299 => "Success",
            300..=399 => "Redirection",
            400..=499 => "Client Error",
            _ => "Server Error",
        };
        if !cfg!(feature = "phrases") {
            return class;
        }
        let mut rest = PHRASES;
        for &(code, len) in CODES {
            let Some((phrase, behind)) = rest.split_at_checked(usize::from(len)) else { break };
            if code == self.0 {
                return phrase;
            }
            rest = behind;
        }
        class
    }

    /// Returns true if the request was carried out: the code is from 200 to 299.
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// Returns true if the resource is elsewhere: the code is from 300 to 399. The header `Location` of the
    /// response has the other URL.
    pub const fn is_redirect(self) -> bool {
        matches!(self.0, 300..=399)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "phrases")]
    #[test]
    fn every_named_code_has_a_phrase_of_its_own() {
        for (at, status) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|s| s < status && s.reason() != status.reason()));
        }
        assert_eq!(Status::SESSION_NOT_FOUND.reason(), "Session Not Found");
        assert_eq!(Status(499).reason(), "Client Error");
        assert_eq!(Status(999).reason(), "Server Error");
    }
}
