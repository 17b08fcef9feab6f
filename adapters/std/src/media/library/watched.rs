//! Which sources of the network the connections of one event loop play.

/// The sources that each connection plays, by the numbers of connection and medium.
#[derive(Debug, Default)]
pub(super) struct Watched {
    peers: Vec<Vec<u16>>,
    /// Kept for its memory.
    spare: Vec<u16>,
}

impl Watched {
    /// Returns an empty list of what a connection plays now, to be filled.
    pub(super) fn begin(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.spare)
    }

    /// Sets what `peer` plays. Returns what it played before.
    pub(super) fn end(&mut self, peer: usize, mut played: Vec<u16>) -> Vec<u16> {
        if self.peers.len() <= peer {
            // Where there are no sources, nothing is kept that each turn would have to fetch.
            if played.is_empty() {
                return played;
            }
            self.peers.resize(peer + 1, Vec::new());
        }
        played.sort_unstable();
        played.dedup();
        self.peers.get_mut(peer).map(|list| std::mem::replace(list, played)).unwrap_or_default()
    }

    pub(super) fn of(&self, peer: usize) -> &[u16] {
        self.peers.get(peer).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has(&self, peer: usize, media: u16) -> bool {
        self.of(peer).contains(&media)
    }

    /// Takes back a list that is not needed any more.
    pub(super) fn keep(&mut self, mut list: Vec<u16>) {
        list.clear();
        self.spare = list;
    }
}
