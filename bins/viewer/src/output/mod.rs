//! What leaves the viewer: recordings, pictures, snapshots, the report and the terminal's line.

pub(crate) mod file_name;
pub(crate) mod recording;
pub(crate) mod report;
pub(crate) mod snapshot;
pub(crate) mod terminal;
pub(crate) mod y4m;
