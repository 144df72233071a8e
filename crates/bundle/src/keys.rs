//! The key that a store is encrypted with, and where it comes from.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::disk;
use crate::error::BundleError;
use crate::text::hex;

/// The most bytes of a key file: far more than the digits and white space around them.
const MAX_FILE: u64 = 16 << 10;

/// A store's key: 32 random bytes. It is wiped from memory when it is dropped, and never printed.
// In a box, so that moving it leaves no copy.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey(Box<Zeroizing<[u8; 32]>>);

impl StoreKey {
    /// The key with these bytes, which must come from a cryptographic source of randomness.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// A fresh key.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Self(Box::default());
        getrandom::fill(key.0.as_mut_slice()).map_err(|error| {
            KeyError::system(format!("the system gave no random bytes for a key: {error}"))
        })?;
        Ok(key)
    }

    /// The bytes, for keeping the key in a safe place.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// Why a key cannot be had.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct KeyError {
    message: String,
    is_system: bool,
}

impl KeyError {
    /// The key cannot be used as it is; `message` says what happened and what to do, without keys.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_system: false }
    }

    /// As [`new`](Self::new), but the disk or the system is at fault and not the key.
    #[must_use]
    pub fn system(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_system: true }
    }

    /// Whether the disk or the system is at fault.
    #[must_use]
    pub const fn is_system(&self) -> bool {
        self.is_system
    }
}

/// Where a store's key comes from: an app's own keychain or keystore, or a [`KeyFile`].
pub trait KeyProvider {
    /// The key, if there is one already.
    ///
    /// # Errors
    /// When that cannot be found out, or the key cannot be read now.
    fn existing(&self) -> Result<Option<StoreKey>, KeyError>;

    /// Makes and keeps a key for a new store. Called only when [`existing`](Self::existing) gave
    /// none and the store holds nothing encrypted. When somebody else made one meanwhile, that one.
    ///
    /// # Errors
    /// When no key can be made or kept.
    fn create(&self) -> Result<StoreKey, KeyError>;

    /// Waits until the key would outlast a power cut. Called before the first use of the key for a
    /// store.
    ///
    /// # Errors
    /// When that cannot be made sure.
    fn persist(&self) -> Result<(), KeyError> {
        Ok(())
    }

    /// Where the key is, for messages; without the key.
    fn name(&self) -> String {
        "the app's key".to_owned()
    }
}

/// A given key, which the app keeps.
impl KeyProvider for StoreKey {
    fn existing(&self) -> Result<Option<StoreKey>, KeyError> {
        Ok(Some(self.clone()))
    }

    fn create(&self) -> Result<StoreKey, KeyError> {
        Ok(self.clone())
    }
}

/// A key in a file that only its owner may read: 64 hexadecimal digits. What a program uses that has
/// no keystore; whoever can read the file can read the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The key in the file `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The key file beside the store `store`: its path with `.key` at the end. It is not inside, so
    /// that a copy of the store is not a copy of the key.
    #[must_use]
    pub fn beside(store: impl AsRef<Path>) -> Self {
        let store = store.as_ref();
        // `captures/` and `captures` are one store.
        let mut path: std::ffi::OsString = store.components().as_path().into();
        path.push(".key");
        Self::new(path)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, action: &str, error: impl std::fmt::Display) -> KeyError {
        KeyError::system(format!("{} cannot be {action}: {error}", self.name()))
    }

    fn unusable(&self, what: impl std::fmt::Display) -> KeyError {
        KeyError::new(format!("{} cannot be used: {what}", self.name()))
    }
}

/// Refuses a file that others may read or change.
fn for_owner_only(metadata: &fs::Metadata) -> std::io::Result<()> {
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
        let what = "others may read or change it; give it the mode 0600";
        return Err(std::io::Error::new(ErrorKind::InvalidData, what));
    }
    #[cfg(not(unix))]
    let _ = metadata;
    Ok(())
}

impl KeyProvider for KeyFile {
    fn existing(&self) -> Result<Option<StoreKey>, KeyError> {
        let text = match disk::read_at_most(&self.path, MAX_FILE, for_owner_only) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(self.unusable(error));
            }
            Err(error) => return Err(self.failed("read", error)),
        };
        let digits = text.trim_ascii();
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut key = StoreKey(Box::default());
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(self.unusable("it does not hold 64 hexadecimal digits"));
        }
        for (byte, [high, low]) in key.0.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                return Err(self.unusable("it does not hold 64 hexadecimal digits"));
            };
            *byte = 16 * high + low;
        }
        Ok(Some(key))
    }

    fn create(&self) -> Result<StoreKey, KeyError> {
        let key = StoreKey::generate()?;
        let digits = Zeroizing::new(hex(key.as_bytes()));
        // Large enough from the start: a text that grows leaves a copy.
        let mut text = Zeroizing::new(String::with_capacity(digits.len() + 1));
        text.push_str(&digits);
        text.push('\n');
        let failed = |error: BundleError| self.failed("made", error);
        disk::create_directories(disk::folder_of(&self.path)).map_err(failed)?;
        // Written whole under another name first: a killed process leaves no half key.
        let random = disk::random_name().map_err(failed)?;
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(format!(".{random}.tmp"));
        let temporary = PathBuf::from(temporary);
        let kept = disk::write_new(&temporary, text.as_bytes()).map_err(failed).and_then(|()| {
            // Unlike a rename, a link never replaces a key that somebody else made meanwhile.
            fs::hard_link(&temporary, &self.path).map_err(|error| error.kind()).map_or_else(
                |kind| match kind {
                    ErrorKind::AlreadyExists => Ok(false),
                    kind => Err(self.failed("made", kind)),
                },
                |()| Ok(true),
            )
        });
        disk::remove_tree(&temporary).map_err(failed)?;
        if kept? {
            return Ok(key);
        }
        self.existing()?.ok_or_else(|| self.failed("read", "it is gone again"))
    }

    fn persist(&self) -> Result<(), KeyError> {
        disk::sync_directory(disk::folder_of(&self.path))
            .map_err(|error| self.failed("kept", error))
    }

    fn name(&self) -> String {
        format!("the key file {}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFile::beside(directory.path().join("captures/"));
        assert_eq!(keys.path(), directory.path().join("captures.key"));
        assert!(keys.existing().unwrap().is_none());
        let made = keys.create().unwrap();
        assert_eq!(keys.existing().unwrap().as_ref(), Some(&made));
        assert_eq!(keys.create().unwrap(), made, "a key that is there is never replaced");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(keys.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            fs::set_permissions(keys.path(), fs::Permissions::from_mode(0o644)).unwrap();
            assert!(keys.existing().unwrap_err().to_string().contains("0600"));
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let keys = KeyFile::new(directory.path().join("k"));
        let odd = format!("{}g", "a".repeat(63));
        let file = fs::File::create(keys.path()).unwrap();
        file.set_len(1 << 40).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(fs::Permissions::from_mode(0o600)).unwrap();
            let endless = KeyFile::new("/dev/zero").existing().unwrap_err();
            assert!(endless.to_string().contains("regular file") && !endless.is_system());
        }
        assert!(keys.existing().unwrap_err().to_string().contains("too large"));
        for text in ["", "secret", &"ab".repeat(31), &"ab".repeat(33), &odd] {
            let _ = fs::remove_file(keys.path());
            disk::write_new(keys.path(), text.as_bytes()).unwrap();
            let message = keys.existing().unwrap_err().to_string();
            assert!(message.contains("64 hexadecimal") && !message.contains("secret"), "{message}");
        }
        let shown = format!("{:?}", StoreKey::from_bytes([7; 32]));
        assert_eq!(shown, "StoreKey(..)");
    }
}
