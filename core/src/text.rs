//! Text, written and read without allocation.
