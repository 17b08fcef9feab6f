//! Errors that do not end the stream.
use std::sync::{Mutex, PoisonError};

/// The number of messages that are kept: a stream can fail at each frame, for days.
const MAX_ERRORS: usize = 32;

/// A bounded list of messages about errors that did not end the stream.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog(Mutex<Messages>);

#[derive(Debug, Default)]
struct Messages {
    first: Vec<String>,
    /// How many followed that are not kept.
    more: u64,
}

impl ErrorLog {
    /// Adds a message. Once the list is full, only counts it.
    pub(crate) fn push(&self, message: String) {
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.first.len() < MAX_ERRORS {
            errors.first.push(message);
        } else {
            errors.more = errors.more.saturating_add(1);
        }
    }

    /// Returns the messages, oldest first. If some were not kept, one more message says how many.
    pub(crate) fn messages(&self) -> Vec<String> {
        let errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut messages = errors.first.clone();
        if errors.more > 0 {
            messages.push(format!("and {} more", errors.more));
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_counts_further_errors() {
        let log = ErrorLog::default();
        for n in 0..MAX_ERRORS + 5 {
            log.push(n.to_string());
        }
        let messages = log.messages();
        assert_eq!(messages.len(), MAX_ERRORS + 1);
        assert_eq!(messages.last().map(String::as_str), Some("and 5 more"));
    }
}
