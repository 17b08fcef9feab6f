//! Carries frames from each TAP to the other over a wire.
use crate::tun::Tap;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pinhole::time::Instant;
use pinhole_sim::wire::Wire;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant as Clock};

/// The longest Ethernet frame of a TAP.
const MAX_FRAME: usize = (1 << 16) + 14;
/// The largest number of frames that are read from a TAP before the other one has its turn.
const BATCH: usize = 256;

/// Two TAPs, with a wire from each to the other.
pub(super) struct Bridge {
    ends: [Tap; 2],
    directions: [Direction; 2],
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    start: Clock,
    /// A TAP may have more frames to read.
    unread: bool,
}

/// The frames of one direction.
pub(super) struct Direction {
    /// The wire between the ends.
    pub(super) wire: Wire,
    /// Frames that the interface did not accept because it was down.
    pub(super) not_taken: u64,
}

impl Bridge {
    /// Creates a bridge. The first wire leads from the first end to the second.
    ///
    /// # Errors
    /// Returns an error if the TAPs cannot be waited for.
    pub(super) fn new(ends: [Tap; 2], wires: [Wire; 2]) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (index, end) in ends.iter().enumerate() {
            poll.registry().register(&mut SourceFd(&end.as_raw_fd()), Token(index), Interest::READABLE)?;
        }
        Ok(Self {
            ends,
            directions: wires.map(|wire| Direction { wire, not_taken: 0 }),
            poll,
            events: Events::with_capacity(8),
            buffer: vec![0; MAX_FRAME],
            start: Clock::now(),
            unread: true,
        })
    }

    /// Waits until there is something to do, for at most `at_most`, and does it. A signal ends the wait.
    ///
    /// # Errors
    /// Returns an error if a TAP was deleted.
    pub(super) fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        let next = self.directions.iter().filter_map(|direction| direction.wire.poll_at()).min();
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
        for (direction, to) in self.directions.iter_mut().zip(self.ends.iter().rev()) {
            while let Some(frame) = direction.wire.receive(now) {
                // Counted for the report instead of a message for each frame.
                direction.not_taken += u64::from(to.send(&frame).is_err());
            }
        }
        Ok(())
    }

    /// Returns both directions: from the first end to the second, and back.
    pub(super) const fn directions(&self) -> &[Direction; 2] {
        &self.directions
    }

    /// Sends the frames of an end over its wire. Returns whether there may be more.
    fn take_in(&mut self, from: usize) -> io::Result<bool> {
        let now = self.now();
        for _ in 0..BATCH {
            let Some(len) = self.ends[from].receive(&mut self.buffer)? else { return Ok(false) };
            self.directions[from].wire.send(now, &self.buffer[..len]);
        }
        Ok(true)
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed().into()
    }
}
