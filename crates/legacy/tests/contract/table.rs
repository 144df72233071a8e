//! Holds `docs/legacy.md`, the code's own lists and the tests against each other.

use std::collections::{BTreeMap, BTreeSet};

use liveface::Guidance;
use liveface_legacy::{
    Appearance, CaptureState, ConsentError, ID_INFO_KEYS, PluginCode, ResultCodeState, SidError,
    SidEvent,
};

const PAGE: &str = include_str!("../../../../docs/legacy.md");

const TESTS: &[&str] = &[
    include_str!("arguments.rs"),
    include_str!("batch.rs"),
    include_str!("captures.rs"),
    include_str!("config.rs"),
    include_str!("errors.rs"),
    include_str!("jobs.rs"),
    include_str!("results.rs"),
    include_str!("tags.rs"),
];

/// The page's rows: what the last column says, by the row's name.
pub(crate) fn rows() -> BTreeMap<&'static str, &'static str> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter_map(|line| line.strip_prefix("| `")) {
        let (row, rest) = line.split_once('`').unwrap();
        let here = rest.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(rows.insert(row, here).is_none(), "the page has `{row}` twice");
    }
    rows
}

/// The rows that `source`'s tests cover.
fn covered(source: &'static str) -> Vec<&'static str> {
    let mut all = Vec::new();
    for test in source.split("#[test]").skip(1) {
        let name = test.split_once("fn ").unwrap().1.split_once('(').unwrap().0;
        let list = test.split_once("covers![").unwrap_or_else(|| panic!("{name} names no row")).1;
        let list = list.split_once("];").or(list.split_once("] {")).unwrap().0;
        let rows: Vec<_> = list.split('"').skip(1).step_by(2).collect();
        assert!(!rows.is_empty(), "{name} names no row");
        all.extend(rows);
    }
    all
}

#[test]
fn every_row_has_a_test_and_every_test_names_rows() {
    let rows: BTreeSet<_> = rows().into_keys().collect();
    let covered: BTreeSet<_> = TESTS.iter().flat_map(|source| covered(source)).collect();
    let untested: Vec<_> = rows.difference(&covered).collect();
    assert!(untested.is_empty(), "rows without a test: {untested:?}");
    let unknown: Vec<_> = covered.difference(&rows).collect();
    assert!(unknown.is_empty(), "tests name rows that the page does not have: {unknown:?}");
}

#[test]
fn every_file_of_tests_is_looked_at() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract");
    let files = std::fs::read_dir(folder).unwrap().count();
    let others = ["main.rs", "support.rs", "table.rs"];
    assert_eq!(files, TESTS.len() + others.len());
}

/// The page's rows that begin with `prefix` are exactly `names`, and say "never" where they must.
fn is_listed<'n>(prefix: &str, names: impl IntoIterator<Item = (&'n str, bool)>) {
    let rows = rows();
    let names: BTreeMap<_, _> = names.into_iter().collect();
    let listed: BTreeSet<_> = rows.keys().filter_map(|row| row.strip_prefix(prefix)).collect();
    assert_eq!(listed, names.keys().copied().collect(), "{prefix}");
    for (name, is_given) in names {
        let row = rows[format!("{prefix}{name}").as_str()];
        assert_eq!(!row.starts_with("never"), is_given, "{prefix}{name}: {row}");
    }
}

#[test]
fn the_page_has_every_name_of_the_code() {
    is_listed("error.", SidError::ALL.iter().map(|e| (e.name(), e.is_given())));
    is_listed("plugin.", PluginCode::ALL.iter().map(|e| (e.name(), true)));
    is_listed("state.", ResultCodeState::ALL.iter().map(|e| (e.name(), e.is_given())));
    is_listed("event.", SidEvent::NAMES.map(|name| (name, name != "onIdValidated")));
    let bvn = ConsentError::ALL.map(|error| (error.code().to_string(), error));
    let given = |error: &ConsentError| *error == ConsentError::CannotLaunch;
    is_listed("bvn.", bvn.iter().map(|(code, error)| (code.as_str(), given(error))));
    let own = ["id_prompt_*", "unknown"].map(|name| (name, true));
    let prompts = CaptureState::ALL.iter().filter_map(|state| state.key());
    let keys = Appearance::KEYS.iter().copied().chain(prompts).map(|key| (key, true));
    is_listed("config.", keys.chain(own));
    let additional = std::iter::once("additional");
    is_listed("arg.idInfo.", ID_INFO_KEYS.into_iter().chain(additional).map(|key| (key, true)));
    // What replaces which guidance's text.
    for guidance in Guidance::ALL {
        let row = match CaptureState::of(*guidance).key() {
            Some(key) => format!("config.{key}"),
            None => "captureState.OTHER".to_owned(),
        };
        let said = rows()[row.as_str()];
        let is_turn = guidance.code().starts_with("turn_") || guidance.code() == "look_up";
        let named = said.contains(&format!("`{}`", guidance.code()));
        assert!(named || (is_turn && said.contains("the turns")), "{row} and {guidance:?}");
    }
}
