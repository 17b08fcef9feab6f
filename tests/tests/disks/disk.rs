//! A disk of the test's own, which fails and hangs when the test says so: a FUSE file system.
use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pinhole_tests::clip::TempDir;
use std::ffi::OsStr;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// The inode of the first file.
const FIRST: u64 = 2;
/// How often each file has its content, one after the other.
const TIMES: usize = 40;
/// The kernel keeps nothing, and asks each time.
const TTL: Duration = Duration::ZERO;

/// What is wrong with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    Nothing,
    /// Reads of these bytes fail with EIO.
    Fails(Range<u64>),
    /// A read returns so many bytes at most.
    Short(usize),
    /// Nothing is answered, until there is another fault or none.
    Hangs,
}

/// A mounted disk with two files of the same content. When this is dropped, all that waits for the disk gets an
/// error, and the disk is unmounted. Drop it before what may wait for it.
pub(crate) struct Disk {
    shared: Arc<Shared>,
    names: [String; 2],
    directory: TempDir,
    /// The name of the connection in the control file system of FUSE.
    connection: u64,
    /// Ends with the connection.
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts a disk. The first file is `name`, and each has `content` 40 times. Call this only within
    /// [`in_own_namespaces`](pinhole_tests::network::in_own_namespaces).
    pub(crate) fn mount(name: &str, content: Vec<u8>) -> Self {
        let directory = TempDir::new();
        let state = Mutex::new(State { fault: Fault::Nothing, waiting: Vec::new() });
        let names = [name, &format!("{name}-idle")].map(|name| format!("{name}.mjpeg"));
        let shared = Arc::new(Shared { content, state });
        for name in ["seen", "kept"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let (connection, session) = connect(&shared, &names, directory.path());
        Self { shared, names, directory, connection, session: Some(session) }
    }

    /// Returns the path of the file that is played.
    pub(crate) fn played(&self) -> PathBuf {
        self.directory.path().join("seen").join(&self.names[0])
    }

    /// Returns the path of a file that nobody plays.
    pub(crate) fn idle(&self) -> PathBuf {
        self.directory.path().join("seen").join(&self.names[1])
    }

    /// Makes this what is wrong from now on. Whoever waits is answered accordingly.
    pub(crate) fn set(&self, fault: Fault) {
        let waiting = {
            let mut state = self.shared.lock();
            state.fault = fault.clone();
            match fault {
                Fault::Hangs => Vec::new(),
                _ => std::mem::take(&mut state.waiting),
            }
        };
        for answer in waiting {
            answer(&fault);
        }
    }

    /// Returns how many requests wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    /// Takes the disk away from where it is mounted. Files that are open stay so.
    pub(crate) fn detach(&self) {
        umount2(&self.directory.path().join("seen"), MntFlags::MNT_DETACH).expect("it is mounted");
    }

    /// Ends the connection with the disk: all that waits for it, and all that is asked later, fails.
    pub(crate) fn abort(&self) {
        let kept = self.directory.path().join("kept");
        // Fails because files are open, but ends the connection; older kernels permit it to the machine's
        // root only.
        if umount2(&kept, MntFlags::MNT_FORCE) == Err(nix::Error::EPERM) {
            let control = format!("/sys/fs/fuse/connections/{}/abort", self.connection);
            fs::write(&control, "1").unwrap_or_else(|error| panic!("{control}: {error}"));
        }
    }

    /// Mounts the disk again, after [`Self::abort`].
    pub(crate) fn attach(&mut self) {
        self.session = None;
        // The kernel may have done so when it ended the connection.
        let _ = umount2(&self.directory.path().join("kept"), MntFlags::MNT_DETACH);
        self.set(Fault::Nothing);
        let (connection, session) = connect(&self.shared, &self.names, self.directory.path());
        (self.connection, self.session) = (connection, Some(session));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.set(Fault::Fails(0..u64::MAX));
        // One of them may be done already. Nothing is left, whether they succeed or not: the namespace ends.
        for name in ["kept", "seen"] {
            let path = self.directory.path().join(name);
            let _ = umount2(&path, MntFlags::MNT_FORCE);
            let _ = umount2(&path, MntFlags::MNT_DETACH);
        }
    }
}

/// Mounts a disk at `seen`, and binds it to `kept`. Returns the number of its connection, too.
fn connect(shared: &Arc<Shared>, names: &[String; 2], directory: &Path) -> (u64, BackgroundSession) {
    let [seen, kept] = ["seen", "kept"].map(|name| directory.join(name));
    let session = fuser::spawn_mount(Root(shared.clone(), names.clone()), &seen, &Config::default());
    let session = session.expect("FUSE can be mounted");
    // Its other name, by which the connection can be ended when the first one is gone.
    mount(Some(&seen), &kept, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("it can be bound");
    let device = fs::metadata(&seen).expect("the disk answers").dev();
    (nix::sys::stat::minor(device), session)
}

type Answer = Box<dyn FnOnce(&Fault) + Send>;

struct Shared {
    content: Vec<u8>,
    state: Mutex<State>,
}

struct State {
    fault: Fault,
    waiting: Vec<Answer>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers now, or once the disk hangs no more.
    fn answer(&self, answer: impl FnOnce(&Fault) + Send + 'static) {
        let mut state = self.lock();
        if state.fault == Fault::Hangs {
            return state.waiting.push(Box::new(answer));
        }
        let fault = state.fault.clone();
        drop(state);
        answer(&fault);
    }

    fn attributes(&self, inode: u64) -> FileAttr {
        let (kind, perm, size) = match inode {
            FIRST.. => (FileType::RegularFile, 0o444, (TIMES * self.content.len()) as u64),
            _ => (FileType::Directory, 0o555, 0),
        };
        FileAttr {
            ino: INodeNo(inode),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    /// Returns the bytes that a read gets.
    fn read(&self, fault: &Fault, at: u64, size: usize) -> Result<Vec<u8>, Errno> {
        let len = TIMES * self.content.len();
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(len);
        let end = start.saturating_add(size).min(len);
        let end = match fault {
            Fault::Fails(bytes) if bytes.start < end as u64 && at < bytes.end => return Err(Errno::EIO),
            Fault::Short(most) => end.min(start + most),
            _ => end,
        };
        let from = start % self.content.len();
        Ok(self.content.iter().cycle().skip(from).take(end - start).copied().collect())
    }
}

/// The file system, as the kernel asks it.
struct Root(Arc<Shared>, [String; 2]);

impl Filesystem for Root {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let inode = (FIRST..).zip(&self.1).find(|(_, known)| name == known.as_str()).map(|(inode, _)| inode);
        let found = inode.map(|inode| self.0.attributes(inode));
        self.0.answer(move |_| match found {
            Some(attributes) => reply.entry(&TTL, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        });
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let attributes = self.0.attributes(inode.into());
        self.0.answer(move |_| reply.attr(&TTL, &attributes));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // No read is served by what the kernel has read before.
        self.0.answer(move |_| reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO));
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        at: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let shared = self.0.clone();
        self.0.answer(move |fault| match shared.read(fault, at, size as usize) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        });
    }

    /// Whoever closes a file waits for this.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        self.0.answer(move |_| reply.ok());
    }
}
