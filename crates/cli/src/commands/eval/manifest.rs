//! The manifest: which presentations there are, and what each really is.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::tsv::{Tsv, short};

/// The label of a bona fide presentation; every other one is the name of an attack species.
pub(super) const BONA_FIDE: &str = "bona_fide";

/// Frames a second that a clip can have.
const RATES: RangeInclusive<f64> = 0.001..=1000.0;

/// One presentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// As the manifest has it.
    pub(super) path: String,
    pub(super) label: String,
    pub(super) subject: String,
    /// Frames a second, for a clip that does not say it itself.
    pub(super) fps: f64,
}

impl Entry {
    pub(super) fn is_attack(&self) -> bool {
        self.label != BONA_FIDE
    }
}

/// The presentations of the manifest at `path`. Clips without a rate of their own have `fps`.
pub(super) fn read(path: &Path, fps: f64) -> Result<Vec<Entry>, Failure> {
    if !RATES.contains(&fps) {
        return Err(Failure::input("--fps", "give 0.001 to 1000 frames a second"));
    }
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::input(format!("{name} cannot be read"), error))?;
    parse(&bytes, fps).map_err(|error| Failure::input(name, error))
}

fn parse(bytes: &[u8], fps: f64) -> Result<Vec<Entry>, String> {
    let tsv = Tsv::read(bytes)?;
    let columns = tsv.required(["path", "label", "subject"])?;
    let rate = tsv.optional("fps")?;
    let mut lines = HashMap::<PathBuf, usize>::new();
    tsv.rows(columns, |line, [path, label, subject], fields| {
        for (name, value) in [("path", path), ("label", label), ("subject", subject)] {
            if value.is_empty() {
                return Err(format!("line {line} has no {name}"));
            }
        }
        let letters: String = label.chars().filter(|c| c.is_alphanumeric()).collect();
        if label != BONA_FIDE && letters.eq_ignore_ascii_case("bonafide") {
            return Err(format!(
                "line {line}: the label `{}` would be an attack species; write {BONA_FIDE}",
                short(label)
            ));
        }
        // `a/./b` is `a/b`.
        let plain = Path::new(path).components().filter(|part| *part != Component::CurDir);
        if let Some(first) = lines.insert(plain.collect(), line) {
            return Err(format!("line {line}: `{}` is on line {first} already", short(path)));
        }
        let fps = match rate.and_then(|column| fields.get(column)).filter(|text| !text.is_empty()) {
            None => fps,
            Some(text) => text.parse().ok().filter(|fps| RATES.contains(fps)).ok_or_else(|| {
                format!("line {line}: the frame rate `{}` is none of 0.001 to 1000", short(text))
            })?,
        };
        let [path, label, subject] = [path, label, subject].map(str::to_owned);
        Ok(Entry { path, label, subject, fps })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn columns_are_found_by_their_names() {
        let text = "\u{feff}# made by hand\r\n\r\nsubject\tnotes\tlabel\tfps\tpath\r\n\
            s1\tx\tbona_fide\t\ta.jpg\r\n# not this one\ns2\t\tprint\t7.5\tclips/b\n";
        let entry = |path: &str, label: &str, subject: &str, fps| Entry {
            path: path.to_owned(),
            label: label.to_owned(),
            subject: subject.to_owned(),
            fps,
        };
        let expected =
            [entry("a.jpg", "bona_fide", "s1", 15.0), entry("clips/b", "print", "s2", 7.5)];
        assert_eq!(parse(text.as_bytes(), 15.0).unwrap(), expected);
        // A last column that is left out has its default.
        let text = "path\tlabel\tsubject\tfps\na\tprint\ts\n";
        assert_eq!(parse(text.as_bytes(), 30.0).unwrap(), [entry("a", "print", "s", 30.0)]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let head = "path\tlabel\tsubject\tfps\n";
        for (rows, words) in [
            ("", "no line below"),
            ("a.jpg\tprint\n", "line 2 has too few columns"),
            ("a.jpg\t\ts1\n", "line 2 has no label"),
            ("#\na.jpg\tprint\t \n", "line 3 has no subject"),
            ("\tprint\ts1\n", "line 2 has no path"),
            ("a.jpg\tbona fide\ts1\n", "line 2: the label `bona fide` would be an attack"),
            ("a.jpg\tBonafide\ts1\n", "write bona_fide"),
            ("a.jpg\tprint\ts1\n\n./a.jpg\tprint\ts1\n", "line 4: `./a.jpg` is on line 2 already"),
            ("a\tprint\ts1\t0\n", "line 2: the frame rate `0`"),
            ("a\tprint\ts1\tfast\n", "line 2: the frame rate `fast`"),
            ("a\tprint\ts1\tNaN\n", "line 2: the frame rate `NaN`"),
        ] {
            let error = parse(format!("{head}{rows}").as_bytes(), 15.0).unwrap_err();
            assert!(error.contains(words), "{rows:?}: {error}");
        }
        for (head, words) in [
            ("path\tlabel\n", "line 1 names no column `subject`"),
            ("path\tlabel\tsubject\tpath\n", "line 1 names two columns `path`"),
            ("path\tlabel\tsubject\tfps\tfps\n", "line 1 names two columns `fps`"),
        ] {
            let error = parse(format!("{head}a\tprint\ts\n").as_bytes(), 15.0).unwrap_err();
            assert!(error.contains(words), "{head:?}: {error}");
        }
        assert!(parse(b"path\tlabel\tsubject\na\tb\t\xff\n", 15.0).unwrap_err().contains("line 2"));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\ta#.\n]{0,60}") {
            let _ = parse(&bytes, 15.0);
            let _ = parse(format!("path\tlabel\tsubject\n{text}").as_bytes(), 15.0);
        }
    }
}
