//! Finding frames: in files, and in streams that never end.
