//! One direction of a link.
use crate::faults::Faults;
use fastrand::Rng;
use pinhole::time::{Duration, Instant};
use std::collections::BTreeMap;

/// The largest number of later frames that overtake a reordered one.
const OVERTAKEN_BY: u8 = 3;
/// The longest time that a reordered frame waits for later ones.
const HELD_BACK: Duration = Duration::from_millis(10);
/// Length of an Ethernet header, which ends with the EtherType.
const ETHERNET_HEADER: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The layer whose frames a link carries: Ethernet, or IP alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// Ethernet frames. Only frames that hold an IP packet are corrupted, and only inside the IP packet:
    /// Ethernet's own checksum would find any other corruption.
    #[default]
    Ethernet,
    /// IP packets without a link-layer header.
    Ip,
}

/// Counters of the frames of a [`Wire`] since it was created. `sent + duplicated` always equals the sum of
/// `delivered`, `lost`, `cut`, `overflowed` and [`Wire::in_flight`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The number of frames that were passed to [`Wire::send`].
    pub sent: u64,
    /// The number of frames that [`Wire::receive`] has returned, changed or not. If the wire doubled a
    /// frame, each copy that was returned counts.
    pub delivered: u64,
    /// The number of frames that were lost at random.
    pub lost: u64,
    /// The number of frames that were lost because they were sent while the wire was cut.
    pub cut: u64,
    /// The number of frames that were lost because they would have waited for longer than [`Faults::queue`]
    /// until the wire was free.
    pub overflowed: u64,
    /// The number of frames of which the wire made a second copy. Each such frame counts once.
    pub duplicated: u64,
    /// The number of frames in which a byte of an IP packet was changed.
    pub corrupted: u64,
    /// The number of frames that were held back so that later frames can overtake them.
    pub reordered: u64,
}

/// One direction of a link. Frames are delivered after a delay, out of order, changed, twice, or not at
/// all, as the [`Faults`] of the wire say. Put frames in with [`Self::send`], and take them out with
/// [`Self::receive`] at the time that [`Self::poll_at`] returns. The caller passes in the current time.
///
/// ```
/// use pinhole::time::{Duration, Instant};
/// use pinhole_sim::faults::Faults;
/// use pinhole_sim::wire::{Medium, Wire};
///
/// let mut faults = Faults::NONE;
/// faults.delay = Duration::from_millis(5);
/// let mut wire = Wire::new(Medium::Ethernet, faults, 1);
/// wire.send(Instant::ZERO, b"a frame");
/// assert_eq!(wire.receive(Instant::ZERO), None);
/// let at = wire.poll_at().unwrap();
/// assert_eq!(at, Instant::from_micros(5_000));
/// assert_eq!(wire.receive(at).as_deref(), Some(&b"a frame"[..]));
/// ```
#[derive(Debug)]
pub struct Wire {
    medium: Medium,
    faults: Faults,
    random: Rng,
    /// Frames by their time of arrival, and then by their number.
    on_the_way: BTreeMap<(Instant, u64), Vec<u8>>,
    held: Vec<HeldFrame>,
    /// Number of frames that have left.
    number: u64,
    /// When the last of them arrives: later frames do not arrive earlier.
    last: Instant,
    /// When the link is free for the next frame.
    free: Instant,
    losing: bool,
    cut: bool,
    counters: Counters,
}

/// A frame that waits for later ones to overtake it.
#[derive(Debug)]
struct HeldFrame {
    frame: Vec<u8>,
    overtaken_by: u8,
    until: Instant,
}

impl Wire {
    /// Creates a direction of a link with no frame on it. `seed` determines all randomness of the wire: the
    /// same calls with the same seed have the same results.
    pub fn new(medium: Medium, faults: Faults, seed: u64) -> Self {
        Self {
            medium,
            faults,
            random: Rng::with_seed(seed),
            on_the_way: BTreeMap::new(),
            held: vec![],
            number: 0,
            last: Instant::ZERO,
            free: Instant::ZERO,
            losing: false,
            cut: false,
            counters: Counters::default(),
        }
    }

    /// Sets the faults for frames that are sent from now on.
    pub const fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// Cuts the wire if `cut` is true, and restores it if `cut` is false. Frames that are sent while the
    /// wire is cut are lost. Frames that are on their way already still arrive.
    pub const fn cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// Returns the counters of frames since the wire was created.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns the number of frames that are on their way or held back. These frames were neither delivered
    /// nor lost so far.
    pub fn in_flight(&self) -> usize {
        self.on_the_way.len() + self.held.len()
    }

    /// Puts a frame on the wire at `now`. The frame may be lost. Pass a `now` that is not earlier than in
    /// the call before. If `now` is earlier, the frame still does not overtake the frames that were sent
    /// before.
    pub fn send(&mut self, now: Instant, frame: impl Into<Vec<u8>>) {
        self.counters.sent += 1;
        if self.cut {
            self.counters.cut += 1;
            return;
        }
        if self.loses() {
            self.counters.lost += 1;
            return;
        }
        let frame = frame.into();
        if self.chance(self.faults.duplicate) {
            self.counters.duplicated += 1;
            self.send_one(now, frame.clone());
        }
        self.send_one(now, frame);
    }

    /// Returns when the wire has room for a frame: from then on, no frame is lost because it would wait longer than
    /// [`Faults::queue`]. A sender that waits until then is pushed back by the wire, and loses nothing.
    pub fn room_at(&self) -> Instant {
        match self.faults.rate {
            Some(_) => Instant::ZERO + self.free.since(Instant::ZERO + self.faults.queue),
            None => Instant::ZERO,
        }
    }

    /// Returns the next frame that has arrived by `now`. Returns `None` if no further frame has arrived.
    /// Call this again until it returns `None`, and then again at the time that [`Self::poll_at`] returns.
    pub fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        while let Some(index) = self.held.iter().position(|held| held.until <= now) {
            let held = self.held.remove(index);
            self.put_on_the_way(held.until, held.frame);
        }
        let entry = self.on_the_way.first_entry().filter(|entry| entry.key().0 <= now)?;
        self.counters.delivered += 1;
        Some(entry.remove())
    }

    /// Returns the time at which to call [`Self::receive`] next. If the time is past, call
    /// [`Self::receive`] at once. `None` if no frame is on its way.
    pub fn poll_at(&self) -> Option<Instant> {
        let arrival = self.on_the_way.first_key_value().map(|((at, _), _)| *at);
        let held = self.held.iter().map(|held| held.until).min();
        [arrival, held].into_iter().flatten().min()
    }

    fn send_one(&mut self, now: Instant, mut frame: Vec<u8>) {
        if self.chance(self.faults.corrupt) && self.change(&mut frame) {
            self.counters.corrupted += 1;
        }
        if self.chance(self.faults.reorder) {
            self.counters.reordered += 1;
            let overtaken_by = self.random.u8(1..=OVERTAKEN_BY);
            self.held.push(HeldFrame { frame, overtaken_by, until: now + HELD_BACK });
            return;
        }
        self.put_on_the_way(now, frame);
        self.overtake(now);
    }

    /// Counts a frame that has overtaken the held ones.
    fn overtake(&mut self, now: Instant) {
        self.held.iter_mut().for_each(|held| held.overtaken_by = held.overtaken_by.saturating_sub(1));
        while let Some(index) = self.held.iter().position(|held| held.overtaken_by == 0) {
            let held = self.held.remove(index);
            self.put_on_the_way(now, held.frame);
        }
    }

    fn put_on_the_way(&mut self, now: Instant, frame: Vec<u8>) {
        let mut leaves = now;
        if let Some(rate) = self.faults.rate {
            let begins = self.free.max(now);
            if begins.since(now) > self.faults.queue {
                self.counters.overflowed += 1;
                return;
            }
            leaves = begins + Duration::from_micros(frame.len() as u64 * 8).scaled(1_000_000, rate);
            self.free = leaves;
        }
        let jitter = Duration::from_micros(self.random.u64(0..=self.faults.jitter.as_micros()));
        let arrives = (leaves + self.faults.delay + jitter).max(self.last);
        self.last = arrives;
        self.number += 1;
        self.on_the_way.insert((arrives, self.number), frame);
    }

    /// Whether the next frame is lost, by Gilbert's model: none is in the good state, and each is in the
    /// bad state.
    fn loses(&mut self) -> bool {
        let Faults { loss, burst, .. } = self.faults;
        if loss <= 0.0 || loss >= 1.0 || burst <= 1.0 {
            self.losing = false;
            return self.chance(loss);
        }
        let turn = if self.losing { 1.0 / burst } else { loss / ((1.0 - loss) * burst) };
        self.losing ^= self.chance(turn);
        self.losing
    }

    /// Changes one byte of an IP packet, which the checksums of IP, UDP and TCP detect. Returns `false` if
    /// the frame holds no IP packet.
    fn change(&mut self, frame: &mut [u8]) -> bool {
        let header = match self.medium {
            Medium::Ethernet => ETHERNET_HEADER,
            Medium::Ip => 0,
        };
        let is_ip = header == 0
            || frame
                .get(header - 2..header)
                .is_some_and(|ether_type| ether_type == IPV4 || ether_type == IPV6);
        let Some(packet) = frame.get_mut(header..).filter(|packet| is_ip && !packet.is_empty()) else {
            return false;
        };
        packet[self.random.usize(..packet.len())] ^= self.random.u8(1..);
        true
    }

    fn chance(&mut self, share: f64) -> bool {
        // Draws no number for a share of 0: everything else that the seed determines stays the same.
        share > 0.0 && self.random.f64() < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: u64 = 20_000;

    fn ms(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    /// Sends a numbered frame each millisecond. Returns the delivered ones with their times.
    fn run(faults: Faults, seed: u64) -> (Vec<(Instant, Vec<u8>)>, Counters) {
        let mut wire = Wire::new(Medium::Ip, faults, seed);
        let mut came = vec![];
        let mut take = |wire: &mut Wire, until: Instant| {
            while let Some(at) = wire.poll_at().filter(|at| *at <= until) {
                came.extend(wire.receive(at).map(|frame| (at, frame)));
            }
        };
        for n in 0..FRAMES {
            wire.send(ms(n), [n.to_be_bytes(), [0; 8]].concat());
            take(&mut wire, ms(n));
            let counters = wire.counters();
            let known = counters.delivered + counters.lost + counters.cut + counters.overflowed;
            assert_eq!(counters.sent + counters.duplicated, known + wire.in_flight() as u64);
        }
        take(&mut wire, ms(FRAMES + 10_000));
        assert_eq!(wire.in_flight(), 0);
        let counters = wire.counters();
        assert_eq!(counters.delivered, came.len() as u64);
        (came, counters)
    }

    fn numbers(came: &[(Instant, Vec<u8>)]) -> Vec<u64> {
        came.iter().map(|(_, frame)| u64::from_be_bytes(frame[..8].try_into().unwrap())).collect()
    }

    fn near(count: u64, share: f64) -> bool {
        (count as f64 - share * FRAMES as f64).abs() < share * FRAMES as f64 / 4.0
    }

    #[test]
    fn without_faults_frames_arrive_at_once() {
        let (came, _) = run(Faults::NONE, 1);
        assert_eq!(numbers(&came), (0..FRAMES).collect::<Vec<_>>());
        assert!(came.iter().zip(0..).all(|((at, _), n)| *at == ms(n)));
    }

    #[test]
    fn a_seed_determines_everything() {
        let faults = Faults {
            loss: 0.1,
            corrupt: 0.1,
            duplicate: 0.1,
            reorder: 0.1,
            jitter: Duration::from_millis(7),
            ..Faults::NONE
        };
        assert_eq!(run(faults, 5), run(faults, 5));
        assert_ne!(run(faults, 5), run(faults, 6));
    }

    #[test]
    fn losses_match_share_and_burst() {
        for (loss, burst) in [(0.01, 1.0), (0.1, 1.0), (0.1, 8.0)] {
            let (came, counters) = run(Faults { loss, burst, ..Faults::NONE }, 3);
            assert!(near(counters.lost, loss), "{loss} {burst} {counters:?}");
            let gaps = numbers(&came).windows(2).filter(|two| two[1] != two[0] + 1).count();
            let long = counters.lost as f64 / gaps as f64;
            let expected = if burst > 1.0 { burst } else { 1.0 / (1.0 - loss) };
            assert!((long / expected - 1.0).abs() < 0.25, "{long} in a row, not {expected}");
        }
        assert_eq!(run(Faults { loss: 1.0, ..Faults::NONE }, 3).0, []);
    }

    #[test]
    fn corruption_changes_one_byte() {
        let (came, counters) = run(Faults { corrupt: 0.1, ..Faults::NONE }, 3);
        assert!(near(counters.corrupted, 0.1), "{counters:?}");
        let mut changed = 0;
        for ((_, frame), n) in came.iter().zip(0..) {
            let sent = [u64::to_be_bytes(n), [0; 8]].concat();
            let differ = frame.iter().zip(&sent).filter(|(a, b)| a != b).count();
            assert!(differ <= 1);
            changed += differ as u64;
        }
        assert_eq!(changed, counters.corrupted);
    }

    #[test]
    fn only_ip_packets_are_corrupted() {
        let mut wire = Wire::new(Medium::Ethernet, Faults { corrupt: 1.0, ..Faults::NONE }, 1);
        for (ether_type, changes) in [([0x08, 0x06], false), (IPV4, true), (IPV6, true)] {
            for len in [13, 14, 15, 60] {
                let mut frame = [&[0; 12][..], &ether_type, &[0; 46]].concat();
                frame.truncate(len);
                wire.send(ms(0), frame.clone());
                let came = wire.receive(ms(0)).unwrap();
                assert_eq!(came != frame, changes && len > 14, "{ether_type:x?} {len}");
                assert_eq!(came[..len.min(14)], frame[..len.min(14)]);
            }
        }
    }

    #[test]
    fn duplicates_arrive_in_a_row() {
        let (came, counters) = run(Faults { duplicate: 0.1, ..Faults::NONE }, 3);
        assert!(near(counters.duplicated, 0.1), "{counters:?}");
        let twice = numbers(&came).windows(2).filter(|two| two[0] == two[1]).count();
        assert_eq!(twice as u64, counters.duplicated);
    }

    #[test]
    fn reordered_frames_are_overtaken_by_three() {
        let (came, counters) = run(Faults { reorder: 0.1, ..Faults::NONE }, 3);
        assert!(near(counters.reordered, 0.1), "{counters:?}");
        let numbers = numbers(&came);
        let late: Vec<_> = (1..numbers.len()).filter(|&n| numbers[n] < numbers[n - 1]).collect();
        assert!(near(late.len() as u64, 0.1));
        for (place, number) in numbers.iter().enumerate() {
            let overtook = numbers[..place].iter().filter(|before| *before > number).count();
            assert!(overtook <= 6, "frame {number} was overtaken by {overtook}");
        }
        // The last one, which nothing overtakes, comes too: `run` waits for it.
        assert!(came.iter().zip(&numbers).all(|((at, _), n)| at.since(ms(*n)) <= HELD_BACK));
    }

    #[test]
    fn jitter_keeps_the_order() {
        let delay = Duration::from_millis(20);
        let jitter = Duration::from_millis(10);
        let (came, _) = run(Faults { delay, jitter, ..Faults::NONE }, 3);
        assert_eq!(numbers(&came), (0..FRAMES).collect::<Vec<_>>());
        let took: Vec<_> = came.iter().zip(0..).map(|((at, _), n)| at.since(ms(n))).collect();
        assert!(took.iter().all(|took| *took >= delay && *took <= delay + jitter));
        assert!(took.iter().any(|took| *took < delay + Duration::from_millis(2)));
    }

    #[test]
    fn frames_above_the_rate_wait_or_are_lost() {
        // Sixteen bytes each millisecond are 128 kbit/s.
        let faults = Faults { rate: Some(64_000), queue: Duration::from_millis(50), ..Faults::NONE };
        let (came, counters) = run(faults, 3);
        assert!(near(counters.overflowed, 0.5), "{counters:?}");
        let apart = came.windows(2).all(|two| two[1].0.since(two[0].0) >= Duration::from_millis(2));
        assert!(apart, "each takes two milliseconds");
        let faults = Faults { rate: Some(128_000), ..faults };
        assert_eq!(run(faults, 3).1.overflowed, 0);
    }

    #[test]
    fn a_sender_that_is_pushed_back_loses_nothing() {
        let faults = Faults { rate: Some(64_000), queue: Duration::from_millis(50), ..Faults::NONE };
        let mut wire = Wire::new(Medium::Ip, faults, 3);
        let (mut at, mut sent) = (ms(0), 0);
        while at < ms(10_000) {
            at = at.max(wire.room_at());
            wire.send(at, [0; 16]);
            sent += 1;
        }
        // Two milliseconds each, and those that wait.
        assert_eq!((sent, wire.counters().overflowed), (5_026, 0));
        assert_eq!(Wire::new(Medium::Ip, Faults::NONE, 3).room_at(), Instant::ZERO);
    }

    #[test]
    fn a_link_that_is_cut_takes_nothing_and_delivers_what_it_has() {
        let mut wire = Wire::new(Medium::Ip, Faults { delay: Duration::from_millis(5), ..Faults::NONE }, 1);
        wire.send(ms(0), b"before");
        wire.cut(true);
        wire.send(ms(1), b"during");
        assert_eq!(wire.receive(ms(5)).as_deref(), Some(&b"before"[..]));
        wire.cut(false);
        wire.send(ms(6), b"after");
        assert_eq!(wire.receive(ms(11)).as_deref(), Some(&b"after"[..]));
        assert_eq!((wire.counters().cut, wire.counters().delivered), (1, 2));
    }
}
