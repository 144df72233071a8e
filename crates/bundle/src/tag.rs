//! The tag: the name under which a capture is kept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::BundleError;
use crate::text::hex;

/// What the names of tags' directories began with before stores were encrypted.
const PLAIN_PREFIX: &str = "tag-";

/// The name of a capture: 1 to 128 printable characters, chosen by the caller or generated.
///
/// A tag is a name and not a path: `../x` or `CON` is as good as any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// Most characters of a tag.
    pub const MAX_CHARS: usize = 128;

    /// The tag `name`.
    ///
    /// # Errors
    /// When `name` is empty, too long, begins or ends with white space, or holds a character that
    /// cannot be seen.
    pub fn new(name: &str) -> Result<Self, BundleError> {
        let count = name.chars().count();
        let rule = if count == 0 || count > Self::MAX_CHARS {
            "a tag has 1 to 128 characters"
        } else if name.trim() != name {
            "a tag does not begin or end with white space"
        } else if name.chars().any(unseen) {
            "a tag has no control characters and no characters without a shape"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(BundleError::Tag { rule })
    }

    /// A new tag from the time (UTC) and 48 random bits, such as
    /// `capture-20260102-030405-9f86d081884c`.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn generate() -> Result<Self, BundleError> {
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(BundleError::Random)?;
        let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
        Ok(Self(format!("capture-{time}-{}", hex(&random))))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that the tag's directory had before stores were encrypted: a readable part, and a
    /// hash that tells apart what the readable part does not.
    pub(crate) fn plain_directory_name(&self) -> String {
        let readable: String = self
            .0
            .chars()
            .take(40)
            .map(|c| c.to_ascii_lowercase())
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        format!("{PLAIN_PREFIX}{readable}-{}", &hex(&Sha256::digest(self.0.as_bytes()))[..32])
    }

    /// Whether `name` can be a [`plain_directory_name`](Self::plain_directory_name).
    pub(crate) fn is_plain_directory_name(name: &str) -> bool {
        // Nothing that leads out of the store.
        let plain = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let parts = name.strip_prefix(PLAIN_PREFIX).and_then(|name| name.rsplit_once('-'));
        parts.is_some_and(|(readable, hash)| {
            let digits = hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit());
            !readable.is_empty() && readable.len() <= 40 && digits && name.bytes().all(plain)
        })
    }
}

/// Whether nothing is seen of `c`: control, format and line-breaking characters.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Tag {
    type Err = BundleError;

    fn from_str(name: &str) -> Result<Self, BundleError> {
        Self::new(name)
    }
}

impl TryFrom<String> for Tag {
    type Error = BundleError;

    fn try_from(name: String) -> Result<Self, BundleError> {
        Self::new(&name)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_cannot_be_read_or_typed_are_refused() {
        for bad in ["", " a", "a\t", "a\nb", "a\0b", "a\u{202e}b", "\u{200b}", "\u{feff}a"] {
            assert!(Tag::new(bad).is_err(), "{bad:?}");
        }
        assert!(Tag::new(&"ü".repeat(128)).is_ok());
        assert!(Tag::new(&"ü".repeat(129)).is_err());
    }

    #[test]
    fn generated_tags_are_tags_and_differ() {
        let (one, two) = (Tag::generate().unwrap(), Tag::generate().unwrap());
        assert_ne!(one, two);
        assert_eq!(Tag::new(one.as_str()).unwrap(), one);
        let parts: Vec<_> = one.as_str().split('-').collect();
        assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [7, 8, 6, 12], "{one}");
    }

    #[test]
    fn a_tag_read_from_json_is_checked_like_any_other() {
        let tag: Tag = serde_json::from_str("\"../x\"").unwrap();
        assert_eq!(serde_json::to_string(&tag).unwrap(), "\"../x\"");
        assert!(serde_json::from_str::<Tag>("\"a\\u0000\"").is_err());
    }

    #[test]
    fn directories_of_older_versions_are_known_by_their_names() {
        for name in ["visit-7", "a", "Visit", "a/b", "../x", "ü", &"x".repeat(41)] {
            let directory = Tag::new(name).unwrap().plain_directory_name();
            assert!(Tag::is_plain_directory_name(&directory), "{directory}");
        }
        let hash = "0".repeat(32);
        for name in ["tag-x", "gen-0", "tag-", "tag-x-0", &hash, &format!("tag--{hash}")] {
            assert!(!Tag::is_plain_directory_name(name), "{name}");
        }
        for readable in ["../x", "/", "É", "A", "."] {
            assert!(!Tag::is_plain_directory_name(&format!("tag-{readable}-{hash}")), "{readable}");
        }
    }

    proptest! {
        #[test]
        fn older_directory_names_are_plain_short_and_never_reserved(name in "\\PC{1,128}") {
            if let Ok(tag) = Tag::new(&name) {
                let directory = tag.plain_directory_name();
                prop_assert!(directory.len() <= 77);
                let plain = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
                prop_assert!(directory.bytes().all(plain));
            }
        }

        #[test]
        fn tags_that_differ_had_directories_that_differ(
            one in "[aAbB./\\\\:é_-]{1,4}", two in "[aAbB./\\\\:é_-]{1,4}"
        ) {
            if let (Ok(one), Ok(two)) = (Tag::new(&one), Tag::new(&two)) {
                prop_assert_eq!(one == two, one.plain_directory_name() == two.plain_directory_name());
            }
        }
    }
}
