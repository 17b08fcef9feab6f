//! What leaves the viewer: recordings, pictures, snapshots, the report, and lines on the terminal.
pub(crate) mod file_name;
pub(crate) mod messages;
pub(crate) mod recording;
pub(crate) mod report;
pub(crate) mod snapshot;
pub(crate) mod terminal;
pub(crate) mod y4m;
