//! Users: the file that has them, and the command that sets their passwords.
mod file;
mod passwd;

pub(crate) use file::{Entry, check_permissions, collect, load};
pub(crate) use passwd::run as passwd;
