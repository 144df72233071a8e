//! An integrity record as entries of a job's metadata, which servers keep and do not read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::envelope::{MAX_ENVELOPE, RecordEnvelope};
use super::error::{RecordError, refused};

/// What the names of the entries begin with; `1_of_3` and so on follows.
const PREFIX: &str = "liveface_record_";

/// Most characters of an entry's value. Source: Smile ID's V3 API.
const MAX_VALUE: usize = 1000;

/// Most entries of one record.
const MAX_PARTS: usize = MAX_ENVELOPE.div_ceil(MAX_VALUE);

impl RecordEnvelope {
    /// The envelope as entries of a job's metadata: `name`, `value` (at most 1000 characters) and
    /// `timestamp`, which is the same in all.
    #[must_use]
    pub fn to_metadata(&self, timestamp: &str) -> Vec<Value> {
        let text = self.to_text();
        let parts = split(&text);
        let total = parts.len();
        let entry = |(index, part)| {
            let name = format!("{PREFIX}{}_of_{total}", index + 1);
            json!({ "name": name, "value": part, "timestamp": timestamp })
        };
        parts.into_iter().enumerate().map(entry).collect()
    }

    /// The envelope that is in a job's metadata, in whatever order and among whatever else; `None`
    /// when there is none.
    ///
    /// # Errors
    /// When an entry is missing, there twice, of another record (another number of entries, another
    /// timestamp) or too long, or when they are no envelope together.
    pub fn from_metadata(entries: &[Value]) -> Result<Option<Self>, RecordError> {
        let mut parts = BTreeMap::new();
        let mut first = None;
        for entry in entries {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
            let Some(place) = name.strip_prefix(PREFIX) else { continue };
            let Some((number, total)) = numbers(place) else {
                return refused("an entry of the metadata is called as no part of a record is");
            };
            let Some(value) = entry.get("value").and_then(Value::as_str) else {
                return refused(format!("part {number} of it is not text"));
            };
            if value.is_empty() || value.chars().nth(MAX_VALUE).is_some() {
                return refused(format!("part {number} of it has not 1 to {MAX_VALUE} characters"));
            }
            let record = (total, entry.get("timestamp"));
            if *first.get_or_insert(record) != record {
                return refused("the metadata has parts of two records");
            }
            if parts.insert(number, value).is_some() {
                return refused(format!("the metadata has part {number} of it twice"));
            }
        }
        let Some((total, _)) = first else { return Ok(None) };
        if let Some(missing) = (1..=total).find(|number| !parts.contains_key(number)) {
            return refused(format!("part {missing} of {total} is missing in the metadata"));
        }
        let text: String = parts.into_values().collect();
        Self::parse(text.as_bytes()).map(Some)
    }
}

/// `text` in pieces of [`MAX_VALUE`] characters and a rest.
fn split(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(MAX_VALUE).map(String::from_iter).collect()
}

/// The numbers of `1_of_3`, in the one form that they are written in.
fn numbers(place: &str) -> Option<(usize, usize)> {
    let (number, total) = place.split_once("_of_")?;
    let read = |text: &str| text.parse().ok().filter(|number: &usize| number.to_string() == text);
    let (number, total) = (read(number)?, read(total)?);
    (1..=MAX_PARTS).contains(&total).then_some(())?;
    (1..=total).contains(&number).then_some((number, total))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_split_at_characters(
            text in prop::collection::vec(any::<char>(), 0..3500).prop_map(String::from_iter)
        ) {
            let parts = split(&text);
            prop_assert_eq!(parts.concat(), text.clone());
            prop_assert_eq!(parts.len(), text.chars().count().div_ceil(MAX_VALUE));
            prop_assert!(parts.iter().all(|part| part.chars().count() <= MAX_VALUE));
        }
    }

    #[test]
    fn numbers_have_one_form() {
        assert_eq!(numbers("1_of_1"), Some((1, 1)));
        assert_eq!(numbers("12_of_99"), Some((12, 99)));
        let wrong = ["", "1", "0_of_1", "2_of_1", "01_of_2", "+1_of_2", "1_of_100", "1_of_2_of_3"];
        for place in wrong.into_iter().chain([
            "1_of_",
            "_of_2",
            "1_OF_2",
            "-1_of_2",
            "1_of_99999999999999999999",
        ]) {
            assert_eq!(numbers(place), None, "{place}");
        }
    }
}
