//! The live inputs and sources of a server, and how they are.
use super::super::Event;
use crate::media::{InputEvent, Library};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// How a live input or a source of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum SourceState {
    /// No picture has come yet, or nobody watches.
    Waiting,
    Up,
    /// It cannot be reached, or has failed, and is tried again.
    Failed,
    /// It has ended for good.
    Ended,
}

/// All of them, by their paths.
#[derive(Debug)]
pub(in super::super) struct Sources(Box<[Source]>);

#[derive(Debug)]
struct Source {
    mount: String,
    state: AtomicU8,
    restarts: AtomicU64,
}

impl SourceState {
    pub(in super::super) const ALL: [Self; 4] = [Self::Waiting, Self::Up, Self::Failed, Self::Ended];

    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Up => "up",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}

impl Sources {
    pub(super) fn of(library: &Library) -> Self {
        let live = library.mounted().filter(|mounted| mounted.frames.is_none());
        let source = |mount: &str| Source {
            mount: mount.to_owned(),
            state: AtomicU8::new(SourceState::Waiting as u8),
            restarts: AtomicU64::new(0),
        };
        Self(live.map(|mounted| source(mounted.mount)).collect())
    }

    /// Takes note of what happened to one of them.
    pub(super) fn note(&self, event: &Event) {
        let Event::Input { mount, event } = event else { return };
        let state = match event {
            InputEvent::Format { .. } | InputEvent::Connected { .. } => SourceState::Up,
            InputEvent::Lost { .. } => SourceState::Failed,
            InputEvent::Released => SourceState::Waiting,
            InputEvent::Ended => SourceState::Ended,
            _ => return,
        };
        let Some(source) = self.0.iter().find(|source| source.mount == *mount) else { return };
        source.state.store(state as u8, Ordering::Relaxed);
        if state == SourceState::Failed {
            source.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the path, the state and the number of restarts of each.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (&str, SourceState, u64)> {
        self.0.iter().map(|source| {
            let state = usize::from(source.state.load(Ordering::Relaxed));
            let state = SourceState::ALL.get(state).copied().unwrap_or(SourceState::Waiting);
            (&*source.mount, state, source.restarts.load(Ordering::Relaxed))
        })
    }
}
