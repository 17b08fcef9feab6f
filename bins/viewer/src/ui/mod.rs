//! The window, with controls over the picture.
//!
//! [`controller`] computes from the published model what is shown and what the user wants. Where things
//! are is told by [`layout`] and [`panels`]; what they are by [`timeline`], [`controls`] and [`overlay`]; what
//! keys mean by [`input`], but for those that are typed into a [`form`]. The result is a [`scene`], which [`paint`] puts on the window's pixels with [`surface`],
//! [`shape`] and [`text`]. [`canvas`] scales the pictures, [`grid`] places several of them, and [`window`] connects all with the system, with
//! [`x11`] for what its library does not do.
mod canvas;
mod controller;
mod controls;
mod design;
mod form;
mod grid;
mod ink;
mod input;
mod layout;
mod overlay;
mod paint;
mod panels;
mod scene;
mod shape;
mod surface;
mod text;
mod time_axis;
mod timeline;
mod window;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;
#[cfg(not(all(unix, not(target_os = "macos"))))]
#[path = "no_x11.rs"]
mod x11;

pub(crate) use controller::Wish;
pub(crate) use grid::MOST;
pub(crate) use window::{Screen, Tile};

#[cfg(test)]
mod tests;
