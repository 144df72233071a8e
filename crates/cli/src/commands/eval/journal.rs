//! The results so far, in a file that survives the program: each is written as it comes, and a later run
//! takes up those that were made of the same file, with the same label, in the same way.
//!
//! `results.jsonl` holds JSON objects, one a line. A line with `settings` says how the results below it were
//! made, up to the next such line; so results of different settings lie in one file and are never mixed.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::judge::{Outcome, is_clip};
use super::manifest::Entry;
use crate::failure::{Exit, Failure};
use crate::page;

/// The file's name in the folder of the report.
const NAME: &str = "results.jsonl";

/// How every journal begins.
const BEGIN: &[u8] = b"{\"settings\":";

/// What tells that a file, or a folder of files, has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    files: u64,
    bytes: u64,
    /// The latest change, in nanoseconds since 1970.
    changed_ns: u64,
}

impl Stamp {
    /// That of the file at `path`, or of the folder and the files in it; and of the times beside a clip.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let mut stamp = Self::default();
        stamp.add(path)?;
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                stamp.add(&entry?.path())?;
            }
        } else if is_clip(path) {
            let times = path.with_file_name("frames.csv");
            if times.exists() {
                stamp.add(&times)?;
            }
        }
        Ok(stamp)
    }

    fn add(&mut self, path: &Path) -> std::io::Result<()> {
        let meta = std::fs::metadata(path)?;
        let changed = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.files += 1;
        self.bytes += if meta.is_file() { meta.len() } else { 0 };
        self.changed_ns = self.changed_ns.max(u64::try_from(changed).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// A presentation that was judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) entry: Entry,
    pub(super) stamp: Stamp,
    pub(super) outcome: Outcome,
    /// A small picture, as base64, where the verdict is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thumbnail: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Settings { settings: Value },
    Done(Box<Done>),
}

/// The open file. While it is, no other run can open it.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// The results of the same settings, by the path in the manifest; the latest of each.
    done: HashMap<String, Done>,
    /// Lines that could not be read.
    pub(super) damaged: usize,
}

impl Journal {
    /// Opens the journal in `folder`, or begins one, for results that are made with `settings`.
    pub(super) fn open(folder: &Path, settings: &impl Serialize) -> Result<Self, Failure> {
        let path = folder.join(NAME);
        let refused = |error: std::io::Error| refused(&path, &error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // It holds small pictures of faces.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::input(
                    folder.display(),
                    "another run is at work there; wait for it or give another --out",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(refused)?;
        if !is_journal(&bytes) {
            return Err(Failure::input(
                path.display(),
                "it is no journal of this command, and is left as it is; give another --out",
            ));
        }
        // A run that was killed may have left the start of a line.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(whole);
        file.set_len(whole as u64).map_err(refused)?;
        file.seek(SeekFrom::End(0)).map_err(refused)?;

        let settings: Value = written(settings)?;
        let mut journal = Self { path, file, done: HashMap::new(), damaged: 0 };
        let mut current = false;
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Settings { settings: found }) => current = found == settings,
                Ok(Line::Done(mut done)) if current => {
                    // It goes into the page as it is.
                    done.thumbnail = done.thumbnail.filter(|text| page::is_base64(text));
                    journal.done.insert(done.entry.path.clone(), *done);
                }
                Ok(Line::Done(_)) => {}
                Err(_) => {
                    journal.damaged += 1;
                    // It may have been other settings.
                    current = false;
                }
            }
        }
        if !current {
            journal.write(&Line::Settings { settings })?;
        }
        Ok(journal)
    }

    /// What is known of `entry`, if its file was as `stamp` says when it was judged.
    pub(super) fn take(&mut self, entry: &Entry, stamp: Stamp) -> Result<Option<Done>, Failure> {
        let Some(done) = self.done.remove(&entry.path) else { return Ok(None) };
        Ok((done.stamp == stamp && done.entry == written(entry)?).then_some(done))
    }

    /// Adds a result.
    pub(super) fn add(&mut self, done: &Done) -> Result<(), Failure> {
        self.write(done)
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_vec(line).map_err(|error| broken(&error))?;
        text.push(b'\n');
        self.file.write_all(&text).map_err(|error| refused(&self.path, &error))
    }
}

/// Whether `bytes` are those of a journal, of which a run that was killed may have written any part.
fn is_journal(bytes: &[u8]) -> bool {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => matches!(serde_json::from_slice(&bytes[..end]), Ok(Line::Settings { .. })),
        None => bytes.starts_with(BEGIN) || BEGIN.starts_with(bytes),
    }
}

/// `value` as it is read back: a number may differ from the one written in its last digit.
fn written<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, Failure> {
    let text = serde_json::to_string(value).map_err(|error| broken(&error))?;
    serde_json::from_str(&text).map_err(|error| broken(&error))
}

fn broken(error: &serde_json::Error) -> Failure {
    Failure::new(Exit::Runtime, error.to_string())
}

fn refused(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{} cannot be written", path.display()), error)
}

#[cfg(test)]
mod tests {
    use liveface::Verdict;

    use super::super::judge::Judged;
    use super::*;

    fn done(path: &str, live: f32) -> Done {
        let entry = Entry {
            path: path.to_owned(),
            label: "print".to_owned(),
            subject: "s".to_owned(),
            fps: 29.97,
        };
        let judged = Judged { verdict: Verdict::Retry, reasons: Vec::new(), live: Some(live) };
        let stamp = Stamp { files: 1, bytes: 2, changed_ns: 1_700_000_000_123_456_789 };
        Done { entry, stamp, outcome: Outcome::Still(judged), thumbnail: None }
    }

    #[test]
    fn results_are_taken_up_only_where_everything_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let open = |settings: f32| Journal::open(folder.path(), &settings).unwrap();
        let (a, b) = (done("a", 0.1), done("b", 0.7));
        let mut journal = open(0.1);
        journal.add(&a).unwrap();
        drop(journal);
        let mut journal = open(0.2);
        assert_eq!(journal.take(&a.entry, a.stamp).unwrap(), None, "made with other settings");
        journal.add(&b).unwrap();
        drop(journal);

        let mut journal = open(0.1);
        assert_eq!(journal.take(&b.entry, b.stamp).unwrap(), None);
        assert_eq!(journal.take(&a.entry, a.stamp).unwrap(), Some(a.clone()));
        drop(journal);
        let changed = Stamp { bytes: 3, ..a.stamp };
        assert_eq!(open(0.1).take(&a.entry, changed).unwrap(), None);
        let relabelled = Entry { label: "mask".to_owned(), ..a.entry.clone() };
        assert_eq!(open(0.1).take(&relabelled, a.stamp).unwrap(), None);
        assert_eq!(open(0.2).take(&b.entry, b.stamp).unwrap(), Some(b));
    }

    #[test]
    fn half_a_line_costs_only_itself_and_nothing_below_a_damaged_one_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let open = || Journal::open(folder.path(), &1).unwrap();
        let (a, b, c) = (done("a", 0.1), done("b", 0.2), done("c", 0.3));
        for done in [&a, &b, &c] {
            open().add(done).unwrap();
        }
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for cut in last..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = open();
            assert_eq!(journal.damaged, 0);
            assert_eq!(journal.take(&c.entry, c.stamp).unwrap(), None, "{cut}");
            assert_eq!(journal.take(&b.entry, b.stamp).unwrap(), Some(b.clone()));
            journal.add(&c).unwrap();
            drop(journal);
            assert_eq!(std::fs::read(&path).unwrap(), whole);
        }
        let text = String::from_utf8(whole).unwrap();
        std::fs::write(&path, text.replace("\"path\":\"b\"", "\"path\":\"b")).unwrap();
        let mut journal = open();
        assert_eq!(journal.damaged, 1);
        assert_eq!(journal.take(&a.entry, a.stamp).unwrap(), Some(a));
        assert_eq!(journal.take(&b.entry, b.stamp).unwrap(), None);
        assert_eq!(journal.take(&c.entry, c.stamp).unwrap(), None);
        journal.add(&b).unwrap();
        drop(journal);
        assert_eq!(open().take(&b.entry, b.stamp).unwrap(), Some(b));
    }

    #[test]
    fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let result = serde_json::to_string(&done("a", 0.1)).unwrap() + "\n";
        for foreign in ["{\"id\":1}\n{\"id\":2", "no line end", "\n", "[1]\n", "{\"set", &result] {
            std::fs::write(&path, foreign).unwrap();
            let opened = Journal::open(folder.path(), &1);
            if BEGIN.starts_with(foreign.as_bytes()) {
                // The start of a journal's first line.
                drop(opened.unwrap());
                assert_eq!(std::fs::read(&path).unwrap(), b"{\"settings\":1}\n");
                continue;
            }
            let refused = opened.err().unwrap();
            assert_eq!(refused.exit, Exit::Input);
            assert!(refused.to_string().contains("no journal of this command"), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), foreign.as_bytes());
        }
    }

    #[test]
    fn a_picture_that_is_no_base64_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open(folder.path(), &1).unwrap();
        for (text, kept) in [("/9j+AA==", true), ("\"><script>", false), ("AA AA", false)] {
            let result = Done { thumbnail: Some(text.to_owned()), ..done("a", 0.1) };
            open().add(&result).unwrap();
            let taken = open().take(&result.entry, result.stamp).unwrap().unwrap();
            assert_eq!(taken.thumbnail.as_deref(), Some(text).filter(|_| kept), "{text}");
        }
    }

    #[test]
    fn two_runs_cannot_write_into_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), &1).unwrap();
        let refused = Journal::open(folder.path(), &1).err().unwrap();
        assert_eq!(refused.exit, Exit::Input);
        assert!(refused.to_string().contains("another run"), "{refused}");
        drop(journal);
        Journal::open(folder.path(), &1).unwrap();
    }

    #[test]
    fn a_stamp_sees_a_changed_file_a_new_one_and_other_times() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let stamps = || {
            [folder.path().to_owned(), folder.path().join("a.mjpeg")]
                .map(|path| Stamp::of(&path).unwrap())
        };
        file("a.mjpeg", "1");
        let first = stamps();
        file("a.mjpeg", "12");
        let second = stamps();
        file("frames.csv", "1");
        let third = stamps();
        for index in 0..2 {
            assert!(first[index] != second[index] && second[index] != third[index]);
        }
        assert!(Stamp::of(&folder.path().join("nothing.jpg")).is_err());
    }
}
