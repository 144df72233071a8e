//! The store: captures on disk, encrypted, each under its tag.
//!
//! ```text
//! STORE/
//!   .lock                      writers hold it alone, readers together
//!   store.header               format, salt, and what tells whether a key is the right one
//!   kept-<keyed hash>/         one tag
//!     current                  names the tag and the generation that counts
//!     gen-<random>/            one saved capture
//!       manifest               record, and size and sha256 of every image
//!       image-0  image-1 ...   the images, in the order in which they were taken
//!       job  job.lock          how far its job has come, who is at it
//! ```
//!
//! Every file but the locks (which are empty) and the header is encrypted with a key of its own,
//! made of the store's key and the file's place. Of the captures, somebody without the key sees how
//! many there are, how large their files, when they were written, and whether a job was begun.
//! `docs/store.md` tells it all; [`sealed`](crate::sealed) the format of the files.
//!
//! A save writes a whole new generation through to the disk and then replaces `current` in one
//! step; a clear renames the tag's directory away in one step. So whatever a crash leaves behind is
//! not pointed to: readers do not see it, and the next save or clear removes it. The system drops a
//! dead process's lock.
//!
//! Captures of older versions, which did not encrypt, are encrypted when the store is opened: each
//! is saved as any other and then its old directory is renamed away, so that a process that is
//! killed in between has only to begin with that tag again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use liveface_core::{CaptureRecord, Verdict};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::capture::{Capture, CapturedImage, is_file_name};
use crate::disk::{self, Sharing, names_in};
use crate::error::BundleError;
use crate::job::{JobStage, JobState};
use crate::keys::{KeyProvider, StoreKey};
use crate::manifest::{GENERATION_PREFIX, Manifest, Pointer, from_json, image_file};
use crate::plain::Plain;
use crate::sealed::{FORMAT, Header, Place, Vault, is_directory_name, sealed_length};
use crate::submission::Submission;
use crate::tag::Tag;
use crate::text::now;

const LOCK: &str = ".lock";
const HEADER: &str = "store.header";
const TRASH_PREFIX: &str = ".trash-";
const POINTER: &str = "current";
const MANIFEST: &str = "manifest";
const JOB: &str = "job";
/// What [`JOB`] holds before a job is begun. The file is always there, so that removing it is found.
const NO_JOB: &[u8] = b"null";
const JOB_LOCK: &str = "job.lock";

/// Whether a tag's capture was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TagState {
    /// No job was begun.
    Idle,
    /// A job was begun and its final answer is not here yet.
    Submitting,
    /// The job's final answer is here.
    Submitted,
    /// A file of it cannot be read: it can only be replaced or cleared. Loading or submitting it
    /// says which file.
    Damaged,
}

/// A tag as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TagSummary {
    /// The tag. When it is damaged so that its name is lost, the name of its directory in the store;
    /// [`Store::clear`] takes that too.
    pub tag: Tag,
    /// How many images it has; 0 when it is damaged.
    pub images: usize,
    /// How the capture ended; `None` when it is damaged.
    pub verdict: Option<Verdict>,
    /// Whether it was submitted.
    pub state: TagState,
    /// When the capture was saved, in UTC, as `2026-01-02T03:04:05.678Z`; `None` when it is damaged.
    pub created: Option<String>,
}

/// How long and how many captures are kept: what [`Store::retain`] enforces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The longest time since a capture was saved. It is there for privacy, so it holds for captures
    /// that were never submitted too.
    pub max_age: Option<Duration>,
    /// The most captures.
    pub max_count: Option<usize>,
}

/// Captures in a directory, encrypted. Any number of processes and threads may use one directory at
/// once.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    vault: Arc<Vault>,
    older: Arc<Older>,
}

/// What stayed unencrypted when the store was opened.
#[derive(Debug, Default)]
struct Older {
    /// Why, by the names of the directories.
    left: BTreeMap<String, Arc<BundleError>>,
    /// Why the store has no header on the disk yet, so that nothing can be written to it.
    header: Option<Arc<BundleError>>,
}

impl Store {
    /// The store in the directory `path`, encrypted with the key of `keys`. Both are made when they
    /// are missing. On Unix the directories and files are for their owner only.
    ///
    /// Captures that an older version kept there unencrypted are encrypted now. What cannot be (it is
    /// damaged, its tag was captured again, the disk is full) is left as it is, for
    /// [`unencrypted`](Self::unencrypted) to tell, [`tags`](Self::tags) to list and
    /// [`clear`](Self::clear) to remove.
    ///
    /// # Errors
    /// When the directory or the key cannot be made or used, the key is not the one that the store
    /// is encrypted with or is missing while there are captures, or the store's header is damaged or
    /// of a newer version.
    pub fn open(path: impl AsRef<Path>, keys: &dyn KeyProvider) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let root = std::path::absolute(path).map_err(BundleError::io("find", path))?;
        disk::create_directories(&root)?;
        let ready = |vault, older| Self {
            root: root.clone(),
            vault: Arc::new(vault),
            older: Arc::new(older),
        };
        {
            let _lock = disk::lock(&root.join(LOCK), Sharing::Shared)?;
            let to_do = |name: &String| is_plain(&root, name) || is_trash(name);
            if let Some(vault) = unlock(&root, keys)?
                && !names_in(&root)?.iter().any(to_do)
            {
                return Ok(ready(vault, Older::default()));
            }
        }
        let _lock = disk::lock(&root.join(LOCK), Sharing::Exclusive)?;
        let found = unlock(&root, keys)?;
        let older: Vec<_> =
            names_in(&root)?.into_iter().filter(|name| is_plain(&root, name)).collect();
        let vault = match found.map_or_else(|| begin(&root, keys), Ok) {
            Ok(vault) => vault,
            Err(error) if older.is_empty() => return Err(error),
            // What is there can still be listed and cleared, to make room for instance. Nothing is
            // ever written with this key: the store has no header that stands for it.
            Err(error) => {
                let key = StoreKey::generate()?;
                let vault = Header::new(&key)?.unlock(&key).ok_or(BundleError::Sealing)?;
                let error = Arc::new(error);
                let left = older.into_iter().map(|name| (name, error.clone())).collect();
                return Ok(ready(vault, Older { left, header: Some(error) }));
            }
        };
        let mut store = ready(vault, Older::default());
        // What a clear left behind is of no use to anybody, and is no reason to fail.
        let _ = store.empty_trash();
        let left = store.encrypt_older(&older);
        store.older = Arc::new(Older { left, header: None });
        Ok(store)
    }

    /// As [`open`](Self::open), but makes nothing: `None` when there is no store in `path`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_existing(
        path: impl AsRef<Path>,
        keys: &dyn KeyProvider,
    ) -> Result<Option<Self>, BundleError> {
        let path = path.as_ref();
        let ours =
            |name: &String| name == HEADER || is_directory_name(name) || is_plain(path, name);
        let is_there = path.is_dir() && names_in(path)?.iter().any(ours);
        is_there.then(|| Self::open(path, keys)).transpose()
    }

    /// What an older version kept unencrypted and could not be encrypted when the store was opened,
    /// and still is there: the directories' names in the store, which [`clear`](Self::clear) takes,
    /// and why.
    pub fn unencrypted(&self) -> impl Iterator<Item = (&str, &BundleError)> {
        let left = self.older.left.iter().filter(|(name, _)| is_plain(&self.root, name));
        left.map(|(name, error)| (name.as_str(), &**error))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Keeps `capture` under `tag`, which must not be in use.
    ///
    /// # Errors
    /// When there is something under the tag already ([`BundleError::TagInUse`]; see
    /// [`replace`](Self::replace)), two images have one name, the record holds a number that is not
    /// finite, or the disk refuses; there is nothing under the tag then or, if all but the last step
    /// was done, the capture.
    pub fn save(&self, tag: &Tag, capture: &Capture) -> Result<(), BundleError> {
        self.keep(tag, capture, false)
    }

    /// As [`save`](Self::save), but an earlier capture under the tag, with its job, is replaced.
    ///
    /// # Errors
    /// As [`save`](Self::save); the tag then has the earlier capture or, if all but the last step
    /// was done, the new one.
    pub fn replace(&self, tag: &Tag, capture: &Capture) -> Result<(), BundleError> {
        self.keep(tag, capture, true)
    }

    /// Whether there is something under `tag`, be it damaged: then [`save`](Self::save) refuses it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn contains(&self, tag: &Tag) -> Result<bool, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.is_used(tag)
    }

    fn is_used(&self, tag: &Tag) -> Result<bool, BundleError> {
        match self.pointer(tag) {
            Ok(_) | Err(BundleError::Damaged { .. } | BundleError::Migration { .. }) => Ok(true),
            Err(BundleError::NoSuchTag { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, tag: &Tag, capture: &Capture, replace: bool) -> Result<(), BundleError> {
        capture.check_names()?;
        let manifest = Manifest::new(capture, now()).to_bytes()?;
        let _lock = self.lock(Sharing::Exclusive)?;
        if !replace && self.is_used(tag)? {
            return Err(BundleError::TagInUse { tag: tag.clone() });
        }
        self.empty_trash()?;
        self.write(tag, &capture.images, &manifest, NO_JOB)?;
        // What an older version left there, which is not encrypted.
        self.discard(&self.root.join(tag.plain_directory_name()))
    }

    /// Makes a capture, with its job, what is under `tag`. The lock is held.
    fn write(
        &self,
        tag: &Tag,
        images: &[CapturedImage],
        manifest: &[u8],
        job: &[u8],
    ) -> Result<(), BundleError> {
        if let Some(source) = &self.older.header {
            return Err(BundleError::Migration { path: self.root.clone(), source: source.clone() });
        }
        let name = self.vault.directory_name(tag);
        let directory = self.root.join(&name);
        disk::create_directories(&directory)?;
        match self.pointer_in(&name) {
            // What crashed writers left may be what fills the disk.
            Ok(earlier) => sweep(&directory, earlier.as_ref().map(|p| p.generation.as_str()))?,
            // It is replaced like any other, and what it may name stays until then.
            Err(BundleError::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        let generation = format!("{GENERATION_PREFIX}{}", disk::random_name()?);
        let path = directory.join(&generation);
        let written =
            self.write_generation(&name, &generation, images, manifest, job).and_then(|()| {
                let pointer = Pointer::new(tag, &generation, self.next_number()?, manifest);
                let place = Place { directory: &name, generation: "", file: POINTER };
                let sealed = self.vault.seal(place, &pointer.to_bytes()?)?;
                disk::replace(&self.file(place), &sealed)
            });
        // What cannot be removed here is not pointed to, and is removed by the next save or clear.
        match (&written, self.pointer_in(&name)) {
            (Ok(()), _) => _ = sweep(&directory, Some(&generation)),
            // It failed, and surely before the pointer was replaced.
            (Err(_), Ok(current))
                if current.as_ref().map(|current| &current.generation) != Some(&generation) =>
            {
                _ = disk::remove_tree(&path);
            }
            _ => {}
        }
        written
    }

    fn write_generation(
        &self,
        directory: &str,
        generation: &str,
        images: &[CapturedImage],
        manifest: &[u8],
        job: &[u8],
    ) -> Result<(), BundleError> {
        let path = self.root.join(directory).join(generation);
        disk::create_directories(&path)?;
        let write = |file: &str, bytes: &[u8]| {
            let place = Place { directory, generation, file };
            disk::write_new(&self.file(place), &self.vault.seal(place, bytes)?)
        };
        for (number, image) in images.iter().enumerate() {
            write(&image_file(number), &image.jpeg)?;
        }
        write(MANIFEST, manifest)?;
        write(JOB, job)?;
        disk::sync_directory(&path)
    }

    /// One more than the newest capture has.
    fn next_number(&self) -> Result<u64, BundleError> {
        let names = names_in(&self.root)?;
        let tags = names.iter().filter(|name| is_directory_name(name));
        let mut newest = 0;
        for name in tags {
            newest = match self.pointer_in(name) {
                Ok(pointer) => pointer.map_or(0, |pointer| pointer.number).max(newest),
                Err(BundleError::Damaged { .. }) => newest,
                Err(error) => return Err(error),
            };
        }
        Ok(newest.saturating_add(1))
    }

    /// Encrypts the captures in `directories`, which an older version wrote. Gives what could not be
    /// encrypted, and why.
    fn encrypt_older(&self, directories: &[String]) -> BTreeMap<String, Arc<BundleError>> {
        let mut older = Vec::new();
        let mut left = BTreeMap::new();
        for name in directories {
            let directory = self.root.join(name);
            match Plain::read(&directory).and_then(|plain| match plain {
                // The first save under this tag did not come to its end.
                None if Plain::is_unfinished(&directory)? => {
                    self.discard(&directory).map(|()| None)
                }
                None => Err(BundleError::damaged(&directory, "nothing says which capture counts")),
                plain => Ok(plain),
            }) {
                Ok(plain) => older.extend(plain.map(|plain| (name, plain))),
                Err(error) => _ = left.insert(name.clone(), Arc::new(error)),
            }
        }
        // The order of saves is kept.
        older.sort_by(|(_, a), (_, b)| a.manifest.created.cmp(&b.manifest.created));
        for (name, plain) in older {
            if let Err(error) = self.encrypt(&plain) {
                left.insert(name.clone(), Arc::new(error));
            }
        }
        left
    }

    fn encrypt(&self, plain: &Plain) -> Result<(), BundleError> {
        let images = plain.images()?;
        let _held = plain.hold()?;
        let tag = &plain.pointer.tag;
        let manifest = plain.manifest.renewed().to_bytes()?;
        let job = plain.job.as_ref().map_or(NO_JOB, |job| job.as_slice());
        match self.pointer_in(&self.vault.directory_name(tag))? {
            None => self.write(tag, &images, &manifest, job)?,
            // It was encrypted before, and only its removal is left to do.
            Some(pointer) if self.holds(&pointer, &manifest, job)? => {}
            Some(_) => return Err(BundleError::TagInUse { tag: tag.clone() }),
        }
        self.discard(&plain.directory)
    }

    /// Whether what `pointer` names has this manifest and this job, and is whole.
    fn holds(&self, pointer: &Pointer, manifest: &[u8], job: &[u8]) -> Result<bool, BundleError> {
        let directory = self.vault.directory_name(&pointer.tag);
        let has = |file, bytes: &[u8]| {
            self.read(place(&directory, pointer, file)).map(|found| found.as_slice() == bytes)
        };
        let whole = || {
            let manifest: Manifest<serde_json::Value> = self.manifest(pointer)?;
            self.images_of(pointer, &manifest)
        };
        Ok(has(MANIFEST, manifest)? && has(JOB, job)? && whole().is_ok())
    }

    /// The capture under `tag`, every byte checked against what was saved.
    ///
    /// # Errors
    /// When there is none, or a file is damaged.
    pub fn load(&self, tag: &Tag) -> Result<Capture, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.load_generation(&self.pointer(tag)?)
    }

    /// Every tag in the order in which the captures were saved; before them, what is damaged.
    ///
    /// # Errors
    /// When the store cannot be read. A tag that cannot is [`TagState::Damaged`].
    pub fn tags(&self) -> Result<Vec<TagSummary>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        Ok(self.listed()?.into_iter().map(|(_, summary)| summary).collect())
    }

    /// The tags with their numbers, in order. A lock is held.
    fn listed(&self) -> Result<Vec<(u64, TagSummary)>, BundleError> {
        let damaged = |tag| {
            let state = TagState::Damaged;
            (0, TagSummary { tag, images: 0, verdict: None, state, created: None })
        };
        let mut tags = Vec::new();
        for name in names_in(&self.root)? {
            tags.extend(if is_plain(&self.root, &name) {
                Some(damaged(Tag::new(&name)?))
            } else if is_directory_name(&name) {
                match self.pointer_in(&name) {
                    // The first save under this tag did not come to its end.
                    Ok(None) => None,
                    Ok(Some(pointer)) => {
                        let summary = self.summary(&pointer);
                        Some(summary.unwrap_or_else(|_| damaged(pointer.tag)))
                    }
                    Err(_) => Some(damaged(Tag::new(&name)?)),
                }
            } else {
                None
            });
        }
        tags.sort_by(|(a, x), (b, y)| (a, &x.tag).cmp(&(b, &y.tag)));
        Ok(tags)
    }

    fn summary(&self, pointer: &Pointer) -> Result<(u64, TagSummary), BundleError> {
        let manifest: Manifest = self.manifest(pointer)?;
        let summary = TagSummary {
            images: manifest.image_count(),
            verdict: Some(manifest.record.verdict),
            state: state(self.read_job(pointer)?.as_ref()),
            created: Some(manifest.created),
            tag: pointer.tag.clone(),
        };
        Ok((pointer.number, summary))
    }

    /// The tags whose captures have no job yet, oldest first.
    ///
    /// # Errors
    /// As [`Store::tags`].
    pub fn idle_tags(&self) -> Result<Vec<Tag>, BundleError> {
        let idle = self.tags()?.into_iter().filter(|summary| summary.state == TagState::Idle);
        Ok(idle.map(|summary| summary.tag).collect())
    }

    /// The names of `tag`'s images as in its upload zip, the selfie first.
    ///
    /// # Errors
    /// When there is no such tag or it is damaged.
    pub fn image_names(&self, tag: &Tag) -> Result<Vec<String>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        Ok(self.manifest::<CaptureRecord>(&self.pointer(tag)?)?.image_names())
    }

    /// Writes `tag`'s images to `folder`, **decrypted**, for an app that must show them; gives their
    /// paths, the selfie first. Removing them is up to the app.
    ///
    /// The folder is made if it is missing; on Unix a folder that is made, and the files, are for
    /// their owner only. Nothing in the folder is removed or replaced.
    ///
    /// # Errors
    /// When there is no such tag, it is damaged, the folder lies in the store or holds other images
    /// (`si_selfie_*.jpg`, `si_liveness_*.jpg`), or the disk refuses; no image is written then.
    pub fn export_images(
        &self,
        tag: &Tag,
        folder: impl AsRef<Path>,
    ) -> Result<Vec<PathBuf>, BundleError> {
        self.export(tag, folder.as_ref(), false)
    }

    /// As [`export_images`](Self::export_images), but other images in the folder (`si_selfie_*.jpg`,
    /// `si_liveness_*.jpg`), whoever wrote them, are replaced or removed.
    ///
    /// # Errors
    /// As [`export_images`](Self::export_images), but for other images. Those are removed last, when
    /// the new ones are whole.
    pub fn replace_exported_images(
        &self,
        tag: &Tag,
        folder: impl AsRef<Path>,
    ) -> Result<Vec<PathBuf>, BundleError> {
        self.export(tag, folder.as_ref(), true)
    }

    fn export(&self, tag: &Tag, folder: &Path, replace: bool) -> Result<Vec<PathBuf>, BundleError> {
        let capture = self.load(tag)?;
        let whole = std::path::absolute(folder).map_err(BundleError::io("find", folder))?;
        let real = whole.ancestors().find_map(|path| fs::canonicalize(path).ok());
        let root = fs::canonicalize(&self.root).map_err(BundleError::io("find", &self.root))?;
        if real.is_none_or(|real| real.starts_with(root)) {
            let rule = "a folder in the store is for encrypted files only";
            return Err(BundleError::Export { path: folder.to_owned(), rule });
        }
        disk::create_directories(folder)?;
        let images: Vec<_> = capture.upload_order();
        let mut others = names_in(folder)?;
        others.retain(|name| {
            let image = images.iter().find(|image| image.file_name() == *name);
            // The same bytes are an earlier export of this capture.
            let is_same = |image: &&&CapturedImage| {
                let size = image.jpeg.len() as u64;
                disk::read_sized(&folder.join(name), size).is_ok_and(|found| found == image.jpeg)
            };
            is_file_name(name) && image.filter(is_same).is_none()
        });
        if !replace && !others.is_empty() {
            let rule = "other images lie there; give another folder, or replace them on purpose";
            return Err(BundleError::Export { path: folder.to_owned(), rule });
        }
        let suffix = format!(".{}.tmp", disk::random_name()?);
        let paths: Vec<_> = images.iter().map(|image| folder.join(image.file_name())).collect();
        let new: Vec<_> = images
            .iter()
            .map(|image| folder.join(format!("{}{suffix}", image.file_name())))
            .collect();
        let written =
            images.iter().zip(&new).try_for_each(|(i, new)| disk::write_new(new, &i.jpeg));
        let placed = written.and_then(|()| {
            new.iter().zip(&paths).try_for_each(|(new, path)| disk::rename(new, path))
        });
        if placed.is_err() {
            new.iter().for_each(|new| _ = disk::remove_tree(new));
        }
        placed?;
        for other in others.iter().map(|name| folder.join(name)) {
            if !paths.contains(&other) {
                disk::remove_tree(&other)?;
            }
        }
        Ok(paths)
    }

    /// Removes the capture under `tag`, whatever state it is in.
    ///
    /// # Errors
    /// When there is none or it cannot be removed.
    pub fn clear(&self, tag: &Tag) -> Result<(), BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        self.clear_locked(tag)
    }

    /// Removes every capture whose job's final answer is here. Returns how many.
    ///
    /// # Errors
    /// When the store cannot be read or a capture cannot be removed.
    pub fn clear_submitted(&self) -> Result<usize, BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        let mut cleared = 0;
        for (_, summary) in self.listed()? {
            if summary.state == TagState::Submitted {
                self.clear_locked(&summary.tag)?;
                cleared += 1;
            }
        }
        Ok(cleared)
    }

    /// Removes the capture under `tag` if its job's final answer is here; says whether it was.
    ///
    /// # Errors
    /// When there is no such tag, it is damaged or it cannot be removed.
    pub fn clear_if_submitted(&self, tag: &Tag) -> Result<bool, BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        let job = self.read_job(&self.pointer(tag)?)?;
        let is_final = state(job.as_ref()) == TagState::Submitted;
        if is_final {
            self.clear_locked(tag)?;
        }
        Ok(is_final)
    }

    /// Removes what is older than `limits` allow, and then what is too much: the submitted captures
    /// first, and of each kind those that were saved first. Gives the removed tags.
    ///
    /// A capture that is being submitted at this moment, in any process, is left. A capture from after
    /// `now` has no age, so a clock that was set back removes nothing; but what was saved before
    /// something that is too old is too old as well, because saves are counted. What is damaged has
    /// the age of its files, and does not count.
    ///
    /// # Errors
    /// When the store cannot be read or a capture cannot be removed.
    pub fn retain(&self, limits: &Retention, now: SystemTime) -> Result<Vec<Tag>, BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        let too_old = |from: Option<SystemTime>| {
            let age = from.and_then(|from| now.duration_since(from).ok());
            limits.max_age.is_some_and(|most| age.is_some_and(|age| age > most))
        };
        let created = |summary: &TagSummary| {
            let at: Option<jiff::Timestamp> = summary.created.as_ref()?.parse().ok();
            at.map(SystemTime::from)
        };
        let (damaged, mut kept): (Vec<_>, Vec<_>) =
            self.listed()?.into_iter().partition(|(_, s)| s.state == TagState::Damaged);
        let old_until = kept.iter().filter(|(_, s)| too_old(created(s))).map(|(n, _)| *n).max();
        kept.sort_by_key(|(_, summary)| summary.state != TagState::Submitted);
        let (old, young): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|(number, _)| Some(*number) <= old_until);
        let mut removed = Vec::new();
        let mut count = old.len() + young.len();
        let old_count = old.len();
        for (index, (_, summary)) in old.into_iter().chain(young).enumerate() {
            let too_many = limits.max_count.is_some_and(|most| count > most);
            if (index < old_count || too_many) && !self.is_busy(&summary.tag)? {
                self.clear_locked(&summary.tag)?;
                removed.push(summary.tag);
                count -= 1;
            }
        }
        for (_, summary) in damaged {
            let directory = self.root.join(self.directory_name(&summary.tag));
            if too_old(disk::last_written(&directory)) && !self.is_busy(&summary.tag)? {
                self.clear_locked(&summary.tag)?;
                removed.push(summary.tag);
            }
        }
        Ok(removed)
    }

    /// Whether somebody submits `tag`'s capture at this moment. The lock is held.
    fn is_busy(&self, tag: &Tag) -> Result<bool, BundleError> {
        let directory = self.directory_name(tag);
        if is_plain(&self.root, &directory) {
            let plain = Plain::read(&self.root.join(directory)).ok().flatten();
            let held = plain.map(|plain| plain.hold());
            return Ok(matches!(held, Some(Err(BundleError::Busy { .. }))));
        }
        let pointer = match self.pointer(tag) {
            Err(BundleError::Damaged { .. }) => return Ok(false),
            pointer => pointer?,
        };
        let lock = self.file(place(&directory, &pointer, JOB_LOCK));
        Ok(lock.exists() && disk::try_lock(&lock)?.is_none())
    }

    /// How far the job of `tag`'s capture has come; `None` when no job was begun.
    ///
    /// # Errors
    /// When there is no such tag or it is damaged.
    pub fn job(&self, tag: &Tag) -> Result<Option<JobState>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.read_job(&self.pointer(tag)?)
    }

    /// Begins or goes on with a job for the capture under `tag`. Only one [`Submission`] of a
    /// capture exists at a time, in any process.
    ///
    /// # Errors
    /// When there is no such tag, it is damaged, or it is being submitted elsewhere.
    pub fn submission(&self, tag: &Tag) -> Result<Submission, BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        let pointer = self.pointer(tag)?;
        let lock = self.file(place(&self.vault.directory_name(tag), &pointer, JOB_LOCK));
        let lock = disk::try_lock(&lock)?.ok_or_else(|| BundleError::Busy { tag: tag.clone() })?;
        Ok(Submission::new(self.clone(), pointer, lock))
    }

    /// The capture that `pointer` named when the submission began.
    pub(crate) fn submission_capture(&self, pointer: &Pointer) -> Result<Capture, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.check_current(pointer)?;
        self.load_generation(pointer)
    }

    pub(crate) fn submission_job(
        &self,
        pointer: &Pointer,
    ) -> Result<Option<JobState>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.check_current(pointer)?;
        self.read_job(pointer)
    }

    /// Records `job` with the capture that `pointer` names, and with no other.
    pub(crate) fn set_submission_job(
        &self,
        pointer: &Pointer,
        job: &JobState,
    ) -> Result<(), BundleError> {
        let bytes = crate::manifest::to_json("the job", job)?;
        let _lock = self.lock(Sharing::Exclusive)?;
        self.check_current(pointer)?;
        let directory = self.vault.directory_name(&pointer.tag);
        let place = place(&directory, pointer, JOB);
        disk::replace(&self.file(place), &self.vault.seal(place, &bytes)?)
    }

    /// Removes the job from the capture that `pointer` names, and from no other.
    pub(crate) fn forget_submission_job(&self, pointer: &Pointer) -> Result<(), BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        self.check_current(pointer)?;
        let directory = self.vault.directory_name(&pointer.tag);
        let place = place(&directory, pointer, JOB);
        disk::replace(&self.file(place), &self.vault.seal(place, NO_JOB)?)
    }

    fn check_current(&self, pointer: &Pointer) -> Result<(), BundleError> {
        match self.pointer(&pointer.tag) {
            Ok(current) if current.generation == pointer.generation => Ok(()),
            Ok(_) | Err(BundleError::NoSuchTag { .. }) => {
                Err(BundleError::Replaced { tag: pointer.tag.clone() })
            }
            Err(error) => Err(error),
        }
    }

    fn lock(&self, sharing: Sharing) -> Result<File, BundleError> {
        let lock = disk::lock(&self.root.join(LOCK), sharing)?;
        // What would be written with keys that the header does not stand for could never be read.
        let header = read_header(&self.root)?;
        let expected = self.older.header.is_none().then_some(self.vault.header());
        if header.as_ref() == expected {
            return Ok(lock);
        }
        let what = "it is not the one that the store was opened with";
        Err(BundleError::Header { path: self.root.join(HEADER), what })
    }

    /// The path of the file at `place`.
    fn file(&self, place: Place<'_>) -> PathBuf {
        self.root.join(place.directory).join(place.generation).join(place.file)
    }

    /// The directory of `tag`. A damaged one may be listed by its directory's name, or be one of an
    /// older version.
    fn directory_name(&self, tag: &Tag) -> String {
        let own = self.vault.directory_name(tag);
        if self.root.join(&own).join(POINTER).exists() {
            return own;
        }
        let listed = tag.as_str();
        let is_damaged = is_plain(&self.root, listed)
            || is_directory_name(listed) && self.pointer_in(listed).is_err();
        if is_damaged {
            return listed.to_owned();
        }
        Some(tag.plain_directory_name()).filter(|name| is_plain(&self.root, name)).unwrap_or(own)
    }

    fn pointer(&self, tag: &Tag) -> Result<Pointer, BundleError> {
        let directory = self.directory_name(tag);
        if is_plain(&self.root, &directory) {
            let path = self.root.join(&directory);
            let source = self.older.left.get(&directory).cloned().unwrap_or_else(|| {
                let source = std::io::Error::other("it was written after the store was opened");
                Arc::new(BundleError::io("encrypt", &path)(source))
            });
            return Err(match &*source {
                BundleError::Damaged { path, what } => BundleError::damaged(path, what),
                _ => BundleError::Migration { path, source },
            });
        }
        self.pointer_in(&directory)?.ok_or_else(|| BundleError::NoSuchTag { tag: tag.clone() })
    }

    /// The pointer in the tag's directory of that name.
    fn pointer_in(&self, directory: &str) -> Result<Option<Pointer>, BundleError> {
        let place = Place { directory, generation: "", file: POINTER };
        let Some(bytes) = self.read_if_there(place)? else { return Ok(None) };
        let damaged = |what| BundleError::damaged(self.file(place), what);
        let pointer = Pointer::parse(&bytes, FORMAT).map_err(damaged)?;
        if self.vault.directory_name(&pointer.tag) != directory {
            return Err(damaged("it names another tag".to_owned()));
        }
        Ok(Some(pointer))
    }

    fn manifest<R: Clone + Serialize + DeserializeOwned>(
        &self,
        pointer: &Pointer,
    ) -> Result<Manifest<R>, BundleError> {
        let directory = self.vault.directory_name(&pointer.tag);
        let place = place(&directory, pointer, MANIFEST);
        Manifest::parse(&self.read(place)?, pointer)
            .map_err(|what| BundleError::damaged(self.file(place), what))
    }

    fn load_generation(&self, pointer: &Pointer) -> Result<Capture, BundleError> {
        let manifest: Manifest = self.manifest(pointer)?;
        Ok(Capture { images: self.images_of(pointer, &manifest)?, record: manifest.record })
    }

    fn images_of<R: Clone + Serialize + DeserializeOwned>(
        &self,
        pointer: &Pointer,
        manifest: &Manifest<R>,
    ) -> Result<Vec<CapturedImage>, BundleError> {
        let directory = self.vault.directory_name(&pointer.tag);
        manifest.images(
            |file, size| {
                let place = place(&directory, pointer, file);
                let sealed = disk::read_sized(&self.file(place), sealed_length(size))?;
                self.opened(place, &sealed)
            },
            |file, what| BundleError::damaged(self.file(place(&directory, pointer, file)), what),
        )
    }

    fn read_job(&self, pointer: &Pointer) -> Result<Option<JobState>, BundleError> {
        let directory = self.vault.directory_name(&pointer.tag);
        let place = place(&directory, pointer, JOB);
        let bytes = match self.read_if_there(place)? {
            None if !pointer.has_job_file => return Ok(None),
            None => return Err(BundleError::damaged(self.file(place), "it is missing")),
            Some(bytes) => bytes,
        };
        from_json(&bytes).map_err(|what| BundleError::damaged(self.file(place), what))
    }

    /// Decrypts a file that a capture must have.
    fn read(&self, place: Place<'_>) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        self.opened(place, &disk::read(&self.file(place))?)
    }

    fn read_if_there(&self, place: Place<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, BundleError> {
        let sealed = disk::read_if_there(&self.file(place))?;
        sealed.map(|sealed| self.opened(place, &sealed)).transpose()
    }

    fn opened(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let opened = self.vault.open(place, sealed);
        opened.map_err(|what| BundleError::damaged(self.file(place), what))
    }

    fn clear_locked(&self, tag: &Tag) -> Result<(), BundleError> {
        self.empty_trash()?;
        let mut existed = false;
        // The unencrypted one first: it would be taken for the tag's capture if it alone were left.
        let plain = tag.plain_directory_name();
        for name in [plain, self.vault.directory_name(tag), self.directory_name(tag)] {
            let directory = self.root.join(&name);
            existed |= directory.join(POINTER).exists() || is_plain(&self.root, &name);
            self.discard(&directory)?;
        }
        if existed { Ok(()) } else { Err(BundleError::NoSuchTag { tag: tag.clone() }) }
    }

    /// Removes a directory of the store: at once for readers, then from the disk.
    fn discard(&self, directory: &Path) -> Result<(), BundleError> {
        if directory.exists() {
            let trash = self.root.join(format!("{TRASH_PREFIX}{}", disk::random_name()?));
            disk::rename(directory, &trash)?;
            disk::remove_tree(&trash)?;
            disk::sync_directory(&self.root)?;
        }
        Ok(())
    }

    /// Removes what a clear that was cut short left. Only a writer that holds the lock may.
    fn empty_trash(&self) -> Result<(), BundleError> {
        for name in names_in(&self.root)? {
            if is_trash(&name) {
                disk::remove_tree(&self.root.join(name))?;
            }
        }
        Ok(())
    }
}

/// Where the file of that name of a generation lies.
fn place<'p>(directory: &'p str, pointer: &'p Pointer, file: &'p str) -> Place<'p> {
    Place { directory, generation: &pointer.generation, file }
}

/// Whether `name` is the directory of a tag of an older version, which did not encrypt.
fn is_plain(root: &Path, name: &str) -> bool {
    Tag::is_plain_directory_name(name) && root.join(name).is_dir()
}

/// Whether `name` is what a clear that was cut short left.
fn is_trash(name: &str) -> bool {
    let digits = name.strip_prefix(TRASH_PREFIX).unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn read_header(root: &Path) -> Result<Option<Header>, BundleError> {
    let path = root.join(HEADER);
    let bytes = disk::read_if_there(&path).map_err(|error| match error {
        BundleError::Damaged { path, .. } => {
            BundleError::Header { path, what: "it is not a regular file, or too large" }
        }
        error => error,
    })?;
    bytes.map(|bytes| Header::parse(&bytes, &path)).transpose()
}

/// The keys of the store in `root`; `None` when it has no header or no key yet, and no captures that
/// need them.
fn unlock(root: &Path, keys: &dyn KeyProvider) -> Result<Option<Vault>, BundleError> {
    let needed = names_in(root)?.iter().any(|name| is_directory_name(name));
    let store = || root.to_owned();
    let Some(header) = read_header(root)? else {
        let (path, what) = (root.join(HEADER), "it is missing");
        return if needed { Err(BundleError::Header { path, what }) } else { Ok(None) };
    };
    let Some(key) = keys.existing()? else {
        let missing = || BundleError::KeyMissing { store: store(), keys: keys.name() };
        return if needed { Err(missing()) } else { Ok(None) };
    };
    let wrong = || BundleError::WrongKey { store: store(), keys: keys.name() };
    header.unlock(&key).ok_or_else(wrong).map(Some)
}

/// Gives a store without encrypted captures its header, and a key if there is none.
fn begin(root: &Path, keys: &dyn KeyProvider) -> Result<Vault, BundleError> {
    let key = keys.existing()?.map_or_else(|| keys.create(), Ok)?;
    keys.persist()?;
    let header = Header::new(&key)?;
    disk::replace(&root.join(HEADER), &header.to_bytes())?;
    let wrong = || BundleError::WrongKey { store: root.to_owned(), keys: keys.name() };
    header.unlock(&key).ok_or_else(wrong)
}

/// Removes what crashed writers left in a tag's directory. Only a writer that holds the lock may:
/// then no other writer is alive.
fn sweep(directory: &Path, current: Option<&str>) -> Result<(), BundleError> {
    for name in names_in(directory)? {
        if name != POINTER && Some(name.as_str()) != current {
            disk::remove_tree(&directory.join(name))?;
        }
    }
    Ok(())
}

fn state(job: Option<&JobState>) -> TagState {
    match job.map(|job| job.stage) {
        None => TagState::Idle,
        Some(JobStage::Prepared | JobStage::Unclear | JobStage::Uploaded) => TagState::Submitting,
        Some(JobStage::Final) => TagState::Submitted,
    }
}

#[cfg(test)]
#[path = "../tests/common/older.rs"]
mod older;

#[cfg(test)]
mod tests {
    use liveface_core::ShotKind;

    use super::*;
    use crate::disk::crash;

    /// A capture whose every part tells `number`.
    fn capture(number: u8) -> Capture {
        let image = |kind, index: u8| CapturedImage {
            kind,
            index: index.into(),
            t_ms: u64::from(number) * 1000 + u64::from(index),
            width: 4,
            height: 3,
            jpeg: vec![number; 50 + usize::from(index)].into(),
        };
        Capture {
            images: vec![image(ShotKind::Liveness, 0), image(ShotKind::Selfie, 0)],
            record: CaptureRecord {
                engine_version: "0.1.0".to_owned(),
                policy: "smart-selfie".to_owned(),
                policy_sha256: None,
                seed: number.into(),
                models: BTreeMap::new(),
                verdict: Verdict::Live,
                reasons: vec![],
                evidence: Default::default(),
                shots: vec![],
                guidance: vec![],
                frames: Default::default(),
            },
        }
    }

    fn job(stage: JobStage) -> JobState {
        JobState {
            job_type: 4,
            user_id: "user-0001".to_owned(),
            job_id: "job-0001".to_owned(),
            partner_id: "2345".to_owned(),
            environment: "sandbox".to_owned(),
            base_url: "http://127.0.0.1:1".to_owned(),
            callback_url: None,
            partner_params: BTreeMap::new(),
            allow_re_enroll: false,
            use_enrolled_image: false,
            id_info: BTreeMap::new(),
            protocol: Default::default(),
            user_details: BTreeMap::new(),
            consent: None,
            sandbox_result: None,
            metadata: vec![],
            created: now(),
            attempts: 1,
            stage,
            ref_id: None,
            smile_job_id: None,
            last_status: None,
            unverified: false,
        }
    }

    fn tag() -> Tag {
        Tag::new("visit/7").unwrap()
    }

    fn key() -> StoreKey {
        StoreKey::from_bytes([7; 32])
    }

    /// What lies in the tag's directory.
    fn names_of(store: &Store) -> Vec<String> {
        names_in(&store.root.join(store.vault.directory_name(&tag()))).unwrap()
    }

    /// Runs `work` on a store made by `prepare`, crashing after 0, 1, 2, ... steps until it comes
    /// to its end, and has `check` look at what each crash left. Returns how many crashes there were.
    fn at_every_crash(
        prepare: impl Fn(&Store),
        work: impl Fn(&Store) -> Result<(), BundleError>,
        check: impl Fn(&Store),
    ) -> u32 {
        for steps in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), &key()).unwrap();
            prepare(&store);
            let done = crash::after(steps, || work(&store)).is_ok();
            check(&store);
            // Whatever lay about, the next save works and leaves nothing of what was before.
            store.replace(&tag(), &capture(9)).unwrap();
            assert_eq!(store.load(&tag()).unwrap(), capture(9));
            let names = names_of(&store);
            assert_eq!(names.len(), 2, "after {steps} steps: {names:?}");
            let directory = store.vault.directory_name(&tag());
            assert_eq!(names_in(&store.root).unwrap(), [LOCK, &directory, HEADER]);
            if done {
                return steps;
            }
        }
        unreachable!("the loop ends when the work does")
    }

    #[test]
    fn a_first_save_cut_short_anywhere_leaves_no_tag_or_the_whole_capture() {
        let crashes = at_every_crash(
            |_| {},
            |store| store.save(&tag(), &capture(1)),
            |store| match store.tags().unwrap().len() {
                0 => assert!(matches!(store.load(&tag()), Err(BundleError::NoSuchTag { .. }))),
                _ => assert_eq!(store.load(&tag()).unwrap(), capture(1)),
            },
        );
        assert!(crashes > 10, "{crashes}");
    }

    #[test]
    fn a_second_save_cut_short_anywhere_leaves_the_old_capture_or_the_new_one() {
        let crashes = at_every_crash(
            |store| {
                store.save(&tag(), &capture(1)).unwrap();
                store.submission(&tag()).unwrap().set_job(&job(JobStage::Final)).unwrap();
            },
            |store| {
                store.replace(&tag(), &capture(2))?;
                // Removing the old generation is the last step and its failure is no failure.
                (names_of(store).len() == 2).then_some(()).ok_or(BundleError::InfoMismatch)
            },
            |store| {
                let found = store.load(&tag()).unwrap();
                let listed = store.tags().unwrap();
                assert_eq!(listed.len(), 1);
                if found == capture(1) {
                    assert_eq!(listed[0].state, TagState::Submitted);
                } else {
                    assert_eq!(found, capture(2));
                    assert_eq!(listed[0].state, TagState::Idle);
                }
            },
        );
        assert!(crashes > 10, "{crashes}");
    }

    #[test]
    fn a_clear_cut_short_anywhere_leaves_the_whole_capture_or_none() {
        let crashes = at_every_crash(
            |store| store.save(&tag(), &capture(1)).unwrap(),
            |store| store.clear(&tag()),
            |store| match store.tags().unwrap().len() {
                0 => assert!(matches!(store.load(&tag()), Err(BundleError::NoSuchTag { .. }))),
                _ => assert_eq!(store.load(&tag()).unwrap(), capture(1)),
            },
        );
        assert!(crashes > 2, "{crashes}");
    }

    #[test]
    fn a_job_update_cut_short_anywhere_leaves_the_old_state_or_the_new_one() {
        let crashes = at_every_crash(
            |store| {
                store.save(&tag(), &capture(1)).unwrap();
                store.submission(&tag()).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
            },
            |store| store.submission(&tag())?.set_job(&job(JobStage::Uploaded)),
            |store| {
                let stage = store.job(&tag()).unwrap().unwrap().stage;
                assert!(matches!(stage, JobStage::Prepared | JobStage::Uploaded));
                assert_eq!(store.load(&tag()).unwrap(), capture(1));
            },
        );
        assert!(crashes > 3, "{crashes}");
    }

    #[test]
    fn a_save_that_fails_in_a_live_process_removes_what_it_wrote() {
        for steps in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), &key()).unwrap();
            store.save(&tag(), &capture(1)).unwrap();
            let failed = crash::once_after(steps, || store.replace(&tag(), &capture(2))).is_err();
            let found = store.load(&tag()).unwrap();
            assert!(found == capture(1) || found == capture(2));
            let names = names_of(&store);
            let pointer_written = found == capture(2);
            assert!(names.len() == 2 || pointer_written, "after {steps} steps: {names:?}");
            if !failed && names.len() == 2 {
                assert!(steps > 10, "{steps}");
                return;
            }
        }
    }

    #[test]
    fn a_read_that_fails_before_a_crash_loses_nothing() {
        for (steps, more) in (0..30).flat_map(|steps| (0..10).map(move |more| (steps, more))) {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), &key()).unwrap();
            store.save(&tag(), &capture(1)).unwrap();
            let _ = crash::twice(steps, more, || store.replace(&tag(), &capture(2)));
            let found = store.load(&tag()).unwrap();
            assert!(found == capture(1) || found == capture(2), "{steps} and {more} steps");
        }
    }

    /// A store of format 1 with a submitted capture, an idle one, an unfinished one and a damaged one.
    fn write_older(root: &Path) {
        for (name, number) in [("visit/7", 1), ("other", 2), ("damaged", 3)] {
            let capture = capture(number);
            let images: Vec<older::Image<'_>> = capture
                .images
                .iter()
                .map(|i| {
                    let kind = if i.kind == ShotKind::Selfie { "selfie" } else { "liveness" };
                    (i.file_name(), kind, i.index, i.t_ms, i.width, i.height, i.jpeg.as_slice())
                })
                .collect();
            let record = serde_json::to_value(&capture.record).unwrap();
            let job = serde_json::to_value(job(JobStage::Uploaded)).unwrap();
            // Not in the order of their names.
            let created = format!("2026-01-02T03:04:0{}.678Z", 9 - number);
            older::write(root, name, &created, &images, &record, (number == 1).then_some(&job));
        }
        let path = older::generation(root, "damaged").join("si_selfie_3000.jpg");
        fs::write(path, [9; 50]).unwrap();
        let path = older::directory(root, "unfinished").join("gen-00");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("si_selfie_0.jpg"), [9; 50]).unwrap();
    }

    fn check_encrypted(root: &Path, store: &Store) {
        assert_eq!(store.load(&tag()).unwrap(), capture(1));
        assert_eq!(store.job(&tag()).unwrap().unwrap().stage, JobStage::Uploaded);
        assert_eq!(store.load(&Tag::new("other").unwrap()).unwrap(), capture(2));
        let tags = store.tags().unwrap();
        let names: Vec<_> = tags.iter().map(|tag| tag.tag.as_str()).collect();
        let damaged = Tag::new("damaged").unwrap();
        assert_eq!(names, [&damaged.plain_directory_name(), "other", "visit/7"]);
        assert_eq!(tags[2].created.as_deref(), Some("2026-01-02T03:04:08.678Z"));
        assert_eq!(tags[0].state, TagState::Damaged);
        let left: Vec<_> =
            names_in(root).unwrap().into_iter().filter(|name| is_plain(root, name)).collect();
        assert_eq!(left, [damaged.plain_directory_name()]);
        assert!(matches!(store.load(&damaged), Err(BundleError::Damaged { .. })));
        assert!(names_in(root).unwrap().iter().all(|name| !name.starts_with(TRASH_PREFIX)));
    }

    #[test]
    fn encrypting_an_older_store_cut_short_anywhere_loses_nothing() {
        let mut crashes = 0;
        for steps in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path();
            write_older(root);
            let first = crash::after(steps, || Store::open(root, &key()));
            let done = first.as_ref().is_ok_and(|store| store.unencrypted().count() == 1);
            crashes += u32::from(!done);
            // Each capture is there whole, in the old form or the new one.
            for (name, number) in [("visit/7", 1), ("other", 2)] {
                let plain = Plain::read(&older::directory(root, name)).unwrap();
                let found = plain.map(|plain| plain.images().unwrap());
                let found = found.unwrap_or_else(|| {
                    let vault = unlock(root, &key()).unwrap().unwrap().into();
                    let store = Store { root: root.to_owned(), vault, older: Arc::default() };
                    store.load(&Tag::new(name).unwrap()).unwrap().images
                });
                assert_eq!(found, capture(number).images, "after {steps} steps");
            }
            let store = Store::open(root, &key()).unwrap();
            check_encrypted(root, &store);
            check_encrypted(root, &Store::open(root, &key()).unwrap());
            // What was damaged goes with the tag.
            store.replace(&Tag::new("damaged").unwrap(), &capture(4)).unwrap();
            assert!(names_in(root).unwrap().iter().all(|name| !is_plain(root, name)));
            if done {
                break;
            }
        }
        assert!(crashes > 40, "{crashes}");
    }
}
