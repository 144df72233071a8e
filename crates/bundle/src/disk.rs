//! Durable file operations: private to the user, and written through to the disk before the next
//! step relies on them.
//!
//! In this crate's tests every operation counts as a step, and [`crash::after`] makes the thread
//! fail from a chosen step on, as if the process had been killed there.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::error::BundleError;
use crate::text::hex;

/// The most bytes of a file of the store: far more than any picture has.
const MAX_FILE: u64 = 64 << 20;

/// Makes the directory `path` and the missing ones above it, for this user only, and waits until
/// they are on the disk.
pub(crate) fn create_directories(path: &Path) -> Result<(), BundleError> {
    step(path)?;
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let made: Vec<_> = path.ancestors().take_while(is_missing).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(BundleError::io("create the directory", path))?;
    made.into_iter().try_for_each(|made| sync_directory(folder_of(made)))
}

/// The directory in which `path` lies.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Writes the new file `path` and waits until it is on the disk.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    if bytes.len() as u64 > MAX_FILE {
        return Err(BundleError::io("create", path)(ErrorKind::FileTooLarge.into()));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    step(path)?;
    let mut file = options.open(path).map_err(BundleError::io("create", path))?;
    // A killed process may leave any part of the file behind.
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    file.write_all(first).map_err(BundleError::io("write", path))?;
    step(path)?;
    file.write_all(rest).map_err(BundleError::io("write", path))?;
    file.sync_all().map_err(BundleError::io("write to the disk", path))
}

/// Puts `bytes` in the place of the file `path` at once: readers see the old content or the new.
/// Two writers of one file must not do this at once.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    // A crashed writer may have left one.
    remove_tree(temporary)?;
    write_new(temporary, bytes).and_then(|()| rename(temporary, path)).inspect_err(|_| {
        // What cannot be removed now is removed by the next writer.
        let _ = remove_tree(temporary);
    })
}

/// Renames `from` to `to`, replacing a file there, and writes the directory to the disk. Both are
/// in one directory.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), BundleError> {
    step(to)?;
    fs::rename(from, to).map_err(BundleError::io("put in place", to))?;
    sync_directory(folder_of(to))
}

/// Writes the entries of the directory `path` to the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<(), BundleError> {
    step(path)?;
    // Only Unix lets a directory be opened and written through.
    #[cfg(unix)]
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(BundleError::io("write to the disk", path))?;
    Ok(())
}

/// Removes a file, or a directory with all that is in it. Nothing there is no error.
pub(crate) fn remove_tree(path: &Path) -> Result<(), BundleError> {
    #[cfg(test)]
    crash::halfway_through_removing(path);
    step(path)?;
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(BundleError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// How a lock is shared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// With other readers.
    Shared,
    /// With nobody.
    Exclusive,
}

/// Waits for the lock of the file `path`, which is made if the storage lets it. It lasts until the
/// file is dropped or the process ends, however it ends.
pub(crate) fn lock(path: &Path, sharing: Sharing) -> Result<File, BundleError> {
    let file = lock_file(path)?;
    loop {
        let locked = match sharing {
            Sharing::Shared => file.lock_shared(),
            Sharing::Exclusive => file.lock(),
        };
        match locked {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(BundleError::io("lock", path)(error)),
        }
    }
}

/// As [`lock`], exclusive and without waiting: `None` when somebody else has it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, BundleError> {
    let file = lock_file(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(BundleError::io("lock", path)(error)),
    }
}

fn lock_file(path: &Path) -> Result<File, BundleError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let opened = options.open(path).or_else(|error| match error.kind() {
        // On storage that cannot be written, a lock file that is there can still be locked.
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            File::open(path).map_err(|_| error)
        }
        _ => Err(error),
    });
    opened.map_err(BundleError::io("open", path))
}

/// Reads a file that must be there.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    read_if_there(path)?.ok_or_else(|| BundleError::damaged(path, "it is missing"))
}

/// Reads a file that must be there and have `size` bytes. One of another size is not read: it may
/// be of any size.
pub(crate) fn read_sized(path: &Path, size: u64) -> Result<Zeroizing<Vec<u8>>, BundleError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() != size => {
            Err(BundleError::damaged(path, "its size is not the recorded one"))
        }
        _ => read(path),
    }
}

/// The content of the file `path`; `None` when there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, BundleError> {
    step(path)?;
    match read_at_most(path, MAX_FILE, |_| Ok(())) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(BundleError::damaged(path, error.to_string()))
        }
        // A stray file where a directory would be holds nothing of ours either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(BundleError::io("read", path)(error)),
    }
}

/// The content of the regular file `path`, which has at most `most` bytes, if `check` finds nothing
/// wrong with it. What is no such file is [`ErrorKind::InvalidData`].
pub(crate) fn read_at_most(
    path: &Path,
    most: u64,
    check: impl FnOnce(&Metadata) -> std::io::Result<()>,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let invalid = |what| Err(std::io::Error::new(ErrorKind::InvalidData, what));
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path)?.is_file() {
        return invalid("it is not a regular file");
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    let length = metadata.len();
    if length > most {
        return invalid("it is too large");
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    file.take(length + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > length {
        return invalid("it grows while it is read");
    }
    Ok(bytes)
}

/// The names in a directory, sorted. A name that is not UTF-8 is nothing of ours.
pub(crate) fn names_in(directory: &Path) -> Result<Vec<String>, BundleError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(BundleError::io("read", directory))? {
        let entry = entry.map_err(BundleError::io("read", directory))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// When a directory, or what lies in it, was written last; `None` where that is not known.
pub(crate) fn last_written(directory: &Path) -> Option<SystemTime> {
    let paths = names_in(directory).ok()?.into_iter().map(|name| directory.join(name));
    let written = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    paths.filter_map(|path| written(&path)).chain(written(directory)).max()
}

/// 16 random hexadecimal digits.
pub(crate) fn random_name() -> Result<String, BundleError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(BundleError::Random)?;
    Ok(hex(&random))
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(not(test))]
fn step(_: &Path) -> Result<(), BundleError> {
    Ok(())
}

#[cfg(test)]
fn step(path: &Path) -> Result<(), BundleError> {
    crash::step().map_err(BundleError::io("go on (simulated crash) at", path))
}

/// Simulated trouble: from some step on, this thread's file operations do nothing but fail.
#[cfg(test)]
pub(crate) mod crash {
    use std::cell::Cell;
    use std::path::Path;

    thread_local! {
        static STEPS_LEFT: Cell<Option<u32>> = const { Cell::new(None) };
        static FOR_GOOD: Cell<bool> = const { Cell::new(true) };
        /// After a failure that was not for good: the steps to one that is.
        static THEN: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Runs `work`, crashing after `steps` steps.
    pub(crate) fn after<T>(steps: u32, work: impl FnOnce() -> T) -> T {
        run(steps, true, work)
    }

    /// Runs `work`; the step after `steps` steps fails, those after it do not.
    pub(crate) fn once_after<T>(steps: u32, work: impl FnOnce() -> T) -> T {
        run(steps, false, work)
    }

    /// As [`once_after`]; `more` steps later it crashes for good.
    pub(crate) fn twice<T>(steps: u32, more: u32, work: impl FnOnce() -> T) -> T {
        THEN.set(Some(more));
        run(steps, false, work)
    }

    fn run<T>(steps: u32, for_good: bool, work: impl FnOnce() -> T) -> T {
        STEPS_LEFT.set(Some(steps));
        FOR_GOOD.set(for_good);
        let result = work();
        STEPS_LEFT.set(None);
        THEN.set(None);
        result
    }

    pub(super) fn step() -> std::io::Result<()> {
        let left = STEPS_LEFT.get();
        if left == Some(0) {
            if !FOR_GOOD.get() {
                let then = THEN.take();
                STEPS_LEFT.set(then);
                FOR_GOOD.set(then.is_some());
            }
            return Err(std::io::Error::other("simulated crash"));
        }
        STEPS_LEFT.set(left.map(|left| left - 1));
        Ok(())
    }

    /// When the removal of `path` is the last step before the crash, a part of it is removed: the
    /// deepest files go first.
    pub(super) fn halfway_through_removing(path: &Path) {
        if STEPS_LEFT.get() != Some(1) || !FOR_GOOD.get() {
            return;
        }
        STEPS_LEFT.set(Some(0));
        let mut inner = path.to_owned();
        while let Ok(entries) = std::fs::read_dir(&inner) {
            let entries = entries.map(|entry| entry.unwrap().path());
            let Some(next) = entries.max_by_key(|entry| entry.is_dir()) else { return };
            inner = next;
        }
        // Nothing was there to be removed at all.
        let _ = std::fs::remove_file(inner);
    }
}
