//! The live inputs and sources of a server, and how they are.
use super::super::Event;
use super::MAX_MEDIA;
use crate::media::InputEvent;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How a live input or a source of the network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) enum SourceState {
    /// No picture has come yet, or nobody watches.
    #[default]
    Waiting,
    Up,
    /// It cannot be reached, or has failed, and is tried again.
    Failed,
    /// It has ended for good.
    Ended,
}

/// Those of which there was an event, by their paths.
#[derive(Debug, Default)]
pub(in super::super) struct Sources(Mutex<HashMap<String, Source>>);

/// The state of a source, and how often it was lost.
type Source = (SourceState, u64);

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
        // Held for a few steps, or a few for each of them where somebody reads.
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_MEDIA && !sources.contains_key(mount) {
            return;
        }
        let source = sources.entry(mount.clone()).or_default();
        source.0 = state;
        source.1 += u64::from(state == SourceState::Failed);
    }

    /// Returns the path, the state and the number of restarts of the first of those that there are. Others are forgotten.
    pub(in super::super) fn read<'a>(&self, there: &'a [String]) -> Vec<(&'a str, SourceState, u64)> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = HashMap::new();
        let states = there.iter().take(MAX_MEDIA).map(|mount| {
            let (state, restarts) = sources.remove(mount).unwrap_or_default();
            kept.insert(mount.clone(), (state, restarts));
            (mount.as_str(), state, restarts)
        });
        let states = states.collect();
        *sources = kept;
        states
    }
}
