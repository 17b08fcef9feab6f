//! The threads, with sources that block and fail.
use super::super::super::normalise::NormaliseOptions;
use super::super::source::{Source, Tools};
use super::*;
use pinhole::time::Duration;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::Wake;
use std::time;

const TRACK: TrackId = TrackId { media: 0, track: 0 };
const LIMIT: time::Duration = time::Duration::from_secs(30);
/// The places of a frame that cannot be read, and of one that a decoder panics at.
const UNREADABLE: u32 = 50;
const PANIC: u32 = 51;

/// A file whose frames from number 100 on wait for a permit.
#[derive(Debug)]
struct Frames {
    permits: Mutex<Receiver<()>>,
    loads: AtomicUsize,
    failed: Mutex<Vec<u32>>,
    device: u64,
}

impl Frames {
    fn new() -> (Arc<Self>, Sender<()>) {
        Self::on(0)
    }

    fn on(device: u64) -> (Arc<Self>, Sender<()>) {
        let (sender, permits) = channel();
        (
            Arc::new(Self {
                permits: Mutex::new(permits),
                loads: AtomicUsize::new(0),
                failed: Mutex::default(),
                device,
            }),
            sender,
        )
    }
}

impl Source for Frames {
    fn locate(&self, id: FrameId) -> Option<u32> {
        u32::try_from(id.0).ok()
    }

    fn needs_loading(&self, n: u32) -> bool {
        !self.failed.lock().unwrap().contains(&n)
    }

    fn load(&self, n: u32, _: &mut Tools) -> Option<Box<[u8]>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        if n >= 100 {
            // No more permits: the test is over.
            let _ = self.permits.lock().unwrap().recv();
        }
        match n {
            UNREADABLE => self.panicked(n),
            PANIC => panic!("a bug of a decoder"),
            _ => return Some(n.to_le_bytes().into()),
        }
        None
    }

    fn panicked(&self, n: u32) {
        self.failed.lock().unwrap().push(n);
    }

    fn device(&self) -> u64 {
        self.device
    }
}

struct Woken(Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// A pool with one event loop, which is number 0.
fn pool(threads: usize) -> (LoaderPool, Receiver<()>) {
    let cache = Arc::new(Cache::new(1 << 20));
    let pool = LoaderPool::with_threads(cache, NormaliseOptions::default(), threads);
    let (sender, woken) = channel();
    assert_eq!(pool.add_loop(Arc::new(Woken(sender)).into()), 0);
    (pool, woken)
}

fn request(pool: &LoaderPool, source: &Arc<Frames>, peer: usize, frame: u64) {
    let id = ReaderId { event_loop: 0, peer, stream: 0 };
    let by = Instant::ZERO + Duration::from_secs(1);
    let source: Arc<dyn Source> = source.clone();
    let request =
        Request { source, track: TRACK, frame: FrameId(frame), by, step: 1, is_seek: true, waits: true };
    pool.request(id, request, Instant::ZERO);
}

fn key(n: u32) -> FrameKey {
    FrameKey { track: TRACK, n }
}

#[test]
fn an_event_loop_is_woken_for_what_it_waits_for() {
    let (pool, woken) = pool(2);
    let (source, _permits) = Frames::new();
    request(&pool, &source, 3, 7);
    woken.recv_timeout(LIMIT).expect("the frame is loaded");
    assert_eq!(pool.take_served(0), [3]);
    assert_eq!(pool.take_served(0), [0; 0]);
    assert_eq!(pool.0.cache.get(key(7)).unwrap()[..], 7_u32.to_le_bytes());
    // It is there already: the loop is woken all the same.
    request(&pool, &source, 4, 7);
    woken.recv_timeout(LIMIT).expect("the frame is there");
    assert_eq!(pool.take_served(0), [4]);
}

#[test]
fn a_slow_frame_holds_up_nobody_else() {
    let (pool, woken) = pool(2);
    let ((slow, permits), (source, _permits)) = (Frames::new(), Frames::new());
    request(&pool, &slow, 1, 100);
    // Of another reader, which seeks all the time.
    for n in 0..40 {
        request(&pool, &source, 2, n);
        woken.recv_timeout(LIMIT).expect("the other thread loads");
        assert_eq!(pool.take_served(0), [2]);
    }
    // The frames after it have not taken the other thread, which would only be replaced after a while.
    assert!(slow.loads.load(Ordering::SeqCst) <= 1);
    permits.send(()).unwrap();
    woken.recv_timeout(LIMIT).expect("the slow frame is loaded");
    assert_eq!(pool.take_served(0), [1]);
}

#[test]
fn a_disk_that_hangs_holds_up_no_other() {
    let (pool, woken) = pool(2);
    // Two disks hang, so that the thread that is left over would hang, too, if none took its place.
    let (hanging, permits): (Vec<_>, Vec<_>) = [1, 3].into_iter().map(Frames::on).unzip();
    let (source, _permits) = Frames::on(2);
    // More readers than there are threads, and each of them would take one.
    for peer in 0..40 {
        request(&pool, &hanging[peer % 2], peer, 100 + 10 * peer as u64);
    }
    for n in 0..5 {
        request(&pool, &source, 50, n);
        woken.recv_timeout(LIMIT).expect("the other disk is read");
        assert_eq!(pool.take_served(0), [50]);
    }
    for disk in &hanging {
        assert!(disk.loads.load(Ordering::SeqCst) < 2 * 2, "few threads hang");
    }
    drop(permits);
    let mut served: Vec<usize> = Vec::new();
    while served.len() < 40 {
        woken.recv_timeout(LIMIT).expect("the disks go on");
        served.extend(pool.take_served(0));
    }
    served.sort_unstable();
    assert_eq!(served, (0..40).collect::<Vec<_>>());
}

#[test]
fn an_unreadable_frame_is_told_as_one() {
    let (pool, woken) = pool(1);
    let (source, _permits) = Frames::new();
    request(&pool, &source, 1, u64::from(UNREADABLE));
    woken.recv_timeout(LIMIT).expect("that is known");
    assert!(!pool.0.cache.contains(key(UNREADABLE)) && !source.needs_loading(UNREADABLE));
}

#[test]
fn a_panic_of_a_decoder_costs_one_frame() {
    let (pool, woken) = pool(1);
    let (source, _permits) = Frames::new();
    for n in [PANIC, 7] {
        request(&pool, &source, 1, u64::from(n));
        woken.recv_timeout(LIMIT).expect("the only thread goes on");
        assert_eq!(pool.take_served(0), [1]);
    }
    assert!(pool.0.cache.contains(key(7)) && !source.needs_loading(PANIC));
}

#[test]
fn threads_end_with_their_pool() {
    let (pool, woken) = pool(2);
    let (source, permits) = Frames::new();
    request(&pool, &source, 1, 0);
    woken.recv_timeout(LIMIT).expect("the frame is loaded");
    let shared = Arc::downgrade(&pool.0);
    drop((pool, permits));
    let start = time::Instant::now();
    while shared.upgrade().is_some() {
        assert!(start.elapsed() < LIMIT, "a thread goes on");
        thread::sleep(time::Duration::from_millis(1));
    }
    assert!(source.loads.load(Ordering::SeqCst) >= 1);
}
