//! The store: captures on disk, each under its tag.
//!
//! ```text
//! STORE/
//!   .lock                      writers hold it alone, readers together
//!   tag-<name>-<hash>/         one tag
//!     current.json             names the generation that counts
//!     gen-<random>/            one saved capture
//!       manifest.json          record, and size and sha256 of every image
//!       si_selfie_<t>.jpg  si_liveness_<t>.jpg ...
//!       job.json  job.lock     how far its job has come, who is at it
//! ```
//!
//! A save writes a whole new generation through to the disk and then replaces `current.json` in
//! one step; a clear renames the tag's directory away in one step. So whatever a crash leaves
//! behind is not pointed to: readers do not see it, and the next save or clear removes it. The
//! system drops a dead process's lock.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use liveface_core::Verdict;

use crate::capture::Capture;
use crate::disk::{self, Sharing};
use crate::error::BundleError;
use crate::job::{JobStage, JobState};
use crate::keys::{KeyProvider, StoreKey};
use crate::manifest::{GENERATION_PREFIX, Manifest, Pointer};
use crate::submission::Submission;
use crate::tag::{TAG_PREFIX, Tag};
use crate::text::now;

const LOCK: &str = ".lock";
const TRASH_PREFIX: &str = ".trash-";
const POINTER: &str = "current.json";
const MANIFEST: &str = "manifest.json";
const JOB: &str = "job.json";
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
    /// A file of it cannot be read: it can only be saved anew or cleared. Loading or submitting it
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

/// Captures in a directory. Any number of processes and threads may use one directory at once.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    #[expect(dead_code, reason = "files are encrypted next")]
    key: StoreKey,
}

impl Store {
    /// The store in the directory `path`, encrypted with the key of `keys`. Both are made when they
    /// are missing. On Unix the directories and files are for their owner only.
    ///
    /// # Errors
    /// When the directory or the key cannot be made or used.
    pub fn open(path: impl AsRef<Path>, keys: &dyn KeyProvider) -> Result<Self, BundleError> {
        let path = path.as_ref();
        let root = std::path::absolute(path).map_err(BundleError::io("find", path))?;
        disk::create_directories(&root)?;
        let key = keys.existing()?.map_or_else(|| keys.create(), Ok)?;
        let store = Self { root, key };
        store.lock(Sharing::Shared)?;
        Ok(store)
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Keeps `capture` under `tag`. An earlier capture under the tag, with its job, is replaced.
    ///
    /// # Errors
    /// When two images have one name, the record holds a number that is not finite, or the disk
    /// refuses; the tag then has the earlier capture or, if all but the last step was done, the
    /// new one.
    pub fn save(&self, tag: &Tag, capture: &Capture) -> Result<(), BundleError> {
        capture.check_names()?;
        let manifest = Manifest::new(capture, now()).to_bytes()?;
        let _lock = self.lock(Sharing::Exclusive)?;
        self.empty_trash()?;
        let directory = self.root.join(tag.directory_name());
        disk::create_directories(&directory)?;
        disk::sync_directory(&self.root)?;
        // A pointer that cannot be read is replaced like any other.
        let earlier = self.pointer(tag).ok().map(|pointer| pointer.generation);
        sweep(&directory, earlier.as_deref())?;
        let generation = format!("{GENERATION_PREFIX}{}", disk::random_name()?);
        let path = directory.join(&generation);
        let written = write_generation(&path, capture, &manifest).and_then(|()| {
            let pointer = Pointer::new(tag, &generation, &manifest).to_bytes()?;
            disk::replace(&directory.join(POINTER), &pointer)
        });
        // What cannot be removed here is not pointed to, and is removed by the next save or clear.
        match (&written, earlier, self.current_generation(tag)) {
            (Ok(()), Some(earlier), _) => _ = disk::remove_tree(&directory.join(earlier)),
            // It failed, and surely before the pointer was replaced.
            (Err(_), _, Ok(current)) if current.as_ref() != Some(&generation) => {
                _ = disk::remove_tree(&path);
            }
            _ => {}
        }
        written
    }

    /// The capture under `tag`, every byte checked against what was saved.
    ///
    /// # Errors
    /// When there is none, or a file is damaged.
    pub fn load(&self, tag: &Tag) -> Result<Capture, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        self.load_generation(&self.pointer(tag)?)
    }

    /// Every tag, oldest capture first; before them, what is damaged.
    ///
    /// # Errors
    /// When the store cannot be read. A tag that cannot is [`TagState::Damaged`].
    pub fn tags(&self) -> Result<Vec<TagSummary>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        let mut tags = Vec::new();
        for name in names_in(&self.root)? {
            tags.extend(self.summary(&name).unwrap_or_else(|_| {
                let state = TagState::Damaged;
                let tag = Tag::of_directory(&name)?;
                Some(TagSummary { tag, images: 0, verdict: None, state, created: None })
            }));
        }
        tags.sort_by(|a, b| (&a.created, &a.tag).cmp(&(&b.created, &b.tag)));
        Ok(tags)
    }

    /// The tag in the directory `name`; `None` when there is none.
    fn summary(&self, name: &str) -> Result<Option<TagSummary>, BundleError> {
        let path = self.root.join(name).join(POINTER);
        // Without a pointer, the first save under this tag did not come to its end.
        if !name.starts_with(TAG_PREFIX) {
            return Ok(None);
        }
        let Some(pointer) = read_pointer(&path)? else { return Ok(None) };
        if pointer.tag.directory_name() != name {
            return Err(BundleError::damaged(path, "it names another tag"));
        }
        let manifest = self.manifest(&pointer)?;
        Ok(Some(TagSummary {
            images: manifest.image_count(),
            verdict: Some(manifest.record.verdict),
            state: state(self.read_job(&pointer)?.as_ref()),
            created: Some(manifest.created),
            tag: pointer.tag,
        }))
    }

    /// The tags whose captures have no job yet, oldest first.
    ///
    /// # Errors
    /// As [`Store::tags`].
    pub fn idle_tags(&self) -> Result<Vec<Tag>, BundleError> {
        let idle = self.tags()?.into_iter().filter(|summary| summary.state == TagState::Idle);
        Ok(idle.map(|summary| summary.tag).collect())
    }

    /// The image files of `tag`, the selfie first. They stay until the tag is saved or cleared.
    ///
    /// # Errors
    /// When there is no such tag or it is damaged.
    pub fn image_files(&self, tag: &Tag) -> Result<Vec<PathBuf>, BundleError> {
        let _lock = self.lock(Sharing::Shared)?;
        let pointer = self.pointer(tag)?;
        let directory = self.generation(&pointer);
        let manifest = self.manifest(&pointer)?;
        Ok(manifest.files().into_iter().map(|file| directory.join(file)).collect())
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
        let mut cleared = 0;
        for summary in self.tags()?.iter().filter(|tag| tag.state == TagState::Submitted) {
            let _lock = self.lock(Sharing::Exclusive)?;
            // It may have been captured again or cleared since the list was made.
            let job = self.pointer(&summary.tag).and_then(|pointer| self.read_job(&pointer));
            if job.is_ok_and(|job| state(job.as_ref()) == TagState::Submitted) {
                self.clear_locked(&summary.tag)?;
                cleared += 1;
            }
        }
        Ok(cleared)
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
        let lock = self.generation(&pointer).join(JOB_LOCK);
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
        disk::replace(&self.generation(pointer).join(JOB), &bytes)
    }

    /// Removes the job from the capture that `pointer` names, and from no other.
    pub(crate) fn forget_submission_job(&self, pointer: &Pointer) -> Result<(), BundleError> {
        let _lock = self.lock(Sharing::Exclusive)?;
        self.check_current(pointer)?;
        let directory = self.generation(pointer);
        disk::remove_tree(&directory.join(JOB))?;
        disk::sync_directory(&directory)
    }

    fn check_current(&self, pointer: &Pointer) -> Result<(), BundleError> {
        if self.current_generation(&pointer.tag)?.as_ref() == Some(&pointer.generation) {
            return Ok(());
        }
        Err(BundleError::Replaced { tag: pointer.tag.clone() })
    }

    /// The generation that counts; `None` when there is no such tag.
    fn current_generation(&self, tag: &Tag) -> Result<Option<String>, BundleError> {
        match self.pointer(tag) {
            Ok(pointer) => Ok(Some(pointer.generation)),
            Err(BundleError::NoSuchTag { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock(&self, sharing: Sharing) -> Result<File, BundleError> {
        disk::lock(&self.root.join(LOCK), sharing)
    }

    /// The directory of `tag`. A damaged one may be listed by its directory's name.
    fn directory(&self, tag: &Tag) -> PathBuf {
        let own = self.root.join(tag.directory_name());
        let listed = self.root.join(tag.as_str());
        let is_damaged = Tag::of_directory(tag.as_str()).as_ref() == Some(tag)
            && !own.exists()
            && read_pointer(&listed.join(POINTER)).is_err();
        if is_damaged { listed } else { own }
    }

    fn generation(&self, pointer: &Pointer) -> PathBuf {
        self.directory(&pointer.tag).join(&pointer.generation)
    }

    fn pointer(&self, tag: &Tag) -> Result<Pointer, BundleError> {
        let path = self.directory(tag).join(POINTER);
        match read_pointer(&path)? {
            None => Err(BundleError::NoSuchTag { tag: tag.clone() }),
            Some(pointer) if pointer.tag != *tag => {
                Err(BundleError::damaged(path, "it names another tag"))
            }
            Some(pointer) => Ok(pointer),
        }
    }

    fn manifest(&self, pointer: &Pointer) -> Result<Manifest, BundleError> {
        let path = self.generation(pointer).join(MANIFEST);
        let bytes = read_kept(&path)?;
        Manifest::parse(&bytes, pointer).map_err(|what| BundleError::damaged(path, what))
    }

    fn load_generation(&self, pointer: &Pointer) -> Result<Capture, BundleError> {
        let directory = self.generation(pointer);
        self.manifest(pointer)?.into_capture(
            |file, size| {
                let path = directory.join(file);
                // A file of another size is not read: it may be of any size.
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.len() != size => {
                        Err(BundleError::damaged(path, "its size is not the recorded one"))
                    }
                    _ => read_kept(&path),
                }
            },
            |file, what| BundleError::damaged(directory.join(file), what),
        )
    }

    fn read_job(&self, pointer: &Pointer) -> Result<Option<JobState>, BundleError> {
        let path = self.generation(pointer).join(JOB);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let job = serde_json::from_slice(&bytes);
        // The parser's message may hold what it read.
        job.map(Some).map_err(|_| BundleError::damaged(path, "it is not a job's state"))
    }

    fn clear_locked(&self, tag: &Tag) -> Result<(), BundleError> {
        self.empty_trash()?;
        let directory = self.directory(tag);
        let existed = directory.join(POINTER).exists();
        if directory.exists() {
            let trash = self.root.join(format!("{TRASH_PREFIX}{}", disk::random_name()?));
            disk::rename(&directory, &trash)?;
            disk::remove_tree(&trash)?;
            disk::sync_directory(&self.root)?;
        }
        if existed { Ok(()) } else { Err(BundleError::NoSuchTag { tag: tag.clone() }) }
    }

    /// Removes what a clear that was cut short left. Only a writer that holds the lock may.
    fn empty_trash(&self) -> Result<(), BundleError> {
        for name in names_in(&self.root)? {
            if name.starts_with(TRASH_PREFIX) {
                disk::remove_tree(&self.root.join(name))?;
            }
        }
        Ok(())
    }
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

fn write_generation(path: &Path, capture: &Capture, manifest: &[u8]) -> Result<(), BundleError> {
    disk::create_directories(path)?;
    for image in &capture.images {
        disk::write_new(&path.join(image.file_name()), &image.jpeg)?;
    }
    disk::write_new(&path.join(MANIFEST), manifest)?;
    disk::sync_directory(path)?;
    path.parent().map_or(Ok(()), disk::sync_directory)
}

fn read_pointer(path: &Path) -> Result<Option<Pointer>, BundleError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    Pointer::parse(&bytes).map(Some).map_err(|what| BundleError::damaged(path, what))
}

/// Reads a file that a capture must have.
fn read_kept(path: &Path) -> Result<Vec<u8>, BundleError> {
    read_if_there(path)?.ok_or_else(|| BundleError::damaged(path, "it is missing"))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, BundleError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // A stray file where a tag's directory would be is not a tag either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(BundleError::io("read", path)(error)),
    }
}

/// The names in a directory, sorted. A name that is not UTF-8 is nothing of ours.
fn names_in(directory: &Path) -> Result<Vec<String>, BundleError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(BundleError::io("read", directory))? {
        let entry = entry.map_err(BundleError::io("read", directory))?;
        names.extend(entry.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

fn state(job: Option<&JobState>) -> TagState {
    match job.map(|job| job.stage) {
        None => TagState::Idle,
        Some(JobStage::Prepared | JobStage::Unclear | JobStage::Uploaded) => TagState::Submitting,
        Some(JobStage::Final) => TagState::Submitted,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use liveface_core::{CaptureRecord, ShotKind};

    use super::*;
    use crate::capture::CapturedImage;
    use crate::disk::crash;

    /// A capture whose every part tells `number`.
    fn capture(number: u8) -> Capture {
        let image = |kind, index: u8| CapturedImage {
            kind,
            index: index.into(),
            t_ms: u64::from(number) * 1000 + u64::from(index),
            width: 4,
            height: 3,
            jpeg: vec![number; 50 + usize::from(index)],
        };
        Capture {
            images: vec![image(ShotKind::Liveness, 0), image(ShotKind::Selfie, 0)],
            record: CaptureRecord {
                engine_version: "0.1.0".to_owned(),
                policy: "smart-selfie".to_owned(),
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

    /// Runs `work` on a store made by `prepare`, crashing after 0, 1, 2, ... steps until it comes
    /// to its end, and has `check` look at what each crash left. Returns how many crashes there were.
    fn at_every_crash(
        prepare: impl Fn(&Store),
        work: impl Fn(&Store) -> Result<(), BundleError>,
        check: impl Fn(&Store),
    ) -> u32 {
        for steps in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::open(directory.path(), &StoreKey::from_bytes([7; 32])).unwrap();
            prepare(&store);
            let done = crash::after(steps, || work(&store)).is_ok();
            check(&store);
            // Whatever lay about, the next save works and leaves nothing of what was before.
            store.save(&tag(), &capture(9)).unwrap();
            assert_eq!(store.load(&tag()).unwrap(), capture(9));
            let names = names_in(&store.directory(&tag())).unwrap();
            assert_eq!(names.len(), 2, "after {steps} steps: {names:?}");
            assert_eq!(names_in(&store.root).unwrap(), [LOCK, &tag().directory_name()]);
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
                store.save(&tag(), &capture(2))?;
                // Removing the old generation is the last step and its failure is no failure.
                names_in(&store.directory(&tag()))
                    .map(|names| names.len() == 2)
                    .and_then(|clean| clean.then_some(()).ok_or(BundleError::InfoMismatch))
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
            let store = Store::open(directory.path(), &StoreKey::from_bytes([7; 32])).unwrap();
            store.save(&tag(), &capture(1)).unwrap();
            let failed = crash::once_after(steps, || store.save(&tag(), &capture(2))).is_err();
            let found = store.load(&tag()).unwrap();
            assert!(found == capture(1) || found == capture(2));
            let names = names_in(&store.directory(&tag())).unwrap();
            let pointer_written = found == capture(2);
            assert!(names.len() == 2 || pointer_written, "after {steps} steps: {names:?}");
            if !failed && names.len() == 2 {
                assert!(steps > 10, "{steps}");
                return;
            }
        }
    }
}
