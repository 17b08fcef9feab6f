//! Carries frames from each TAP to the other, over a wire.
use crate::tun::Tap;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pinhole::time::Instant;
use pinhole_sim::wire::Wire;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant as Clock};

/// An Ethernet frame of the largest MTU that a TAP can be given.
const MAX_FRAME: usize = (1 << 16) + 14;
/// The most frames that are read of a TAP before the other has its turn, and frames are delivered.
const BATCH: usize = 256;

/// Two TAPs, and a wire from each to the other.
pub(super) struct Bridge {
    ends: [Tap; 2],
    ways: [Way; 2],
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    start: Clock,
    /// There is more to be read than was.
    unread: bool,
}

/// One direction.
pub(super) struct Way {
    /// What is between the ends.
    pub(super) wire: Wire,
    /// Frames that arrived, and that the interface did not take: it is down.
    pub(super) not_taken: u64,
}

impl Bridge {
    /// The first wire leads from the first end to the second.
    ///
    /// # Errors
    /// The system has no more of what it takes to wait.
    pub(super) fn new(ends: [Tap; 2], wires: [Wire; 2]) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, end) in ends.iter().enumerate() {
            poll.registry().register(&mut SourceFd(&end.as_raw_fd()), Token(index), Interest::READABLE)?;
        }
        Ok(Self {
            ends,
            ways: wires.map(|wire| Way { wire, not_taken: 0 }),
            poll,
            events: Events::with_capacity(8),
            buffer: vec![0; MAX_FRAME],
            start: Clock::now(),
            unread: true,
        })
    }

    /// Waits until there is something to do, at most `at_most`, and does it. A signal ends the wait.
    ///
    /// # Errors
    /// A TAP is gone.
    pub(super) fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        let next = self.ways.iter().filter_map(|way| way.wire.poll_at()).min();
        let wait = match next {
            _ if self.unread => Duration::ZERO,
            Some(next) => at_most.min(next.since(self.now()).into()),
            None => at_most,
        };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.unread = false;
        for from in [0, 1] {
            self.unread |= self.take_in(from)?;
        }
        let now = self.now();
        for (way, to) in self.ways.iter_mut().zip(self.ends.iter().rev()) {
            while let Some(frame) = way.wire.receive(now) {
                // To say that it is down for each frame helps nobody: the report does.
                way.not_taken += u64::from(to.send(&frame).is_err());
            }
        }
        Ok(())
    }

    /// What became of the frames from each end to the other.
    pub(super) const fn ways(&self) -> &[Way; 2] {
        &self.ways
    }

    /// Puts on its wire what an end has sent; returns whether there may be more.
    fn take_in(&mut self, from: usize) -> io::Result<bool> {
        let now = self.now();
        for _ in 0..BATCH {
            let Some(len) = self.ends[from].receive(&mut self.buffer)? else { return Ok(false) };
            self.ways[from].wire.send(now, &self.buffer[..len]);
        }
        Ok(true)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed().into()
    }
}
