//! `liveface quality --conformance`: does every raw value give the score that the reference
//! implementation gave?

use std::collections::BTreeMap;
use std::path::Path;

use liveface_core::Component;
use liveface_quality::standard_score;
use serde::Serialize;

use crate::args::Common;
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};
use crate::tsv::{Tsv, short};

/// What the reference writes for "failure to assess".
const NOT_ASSESSED: i16 = -1;

/// A line of the file.
#[derive(Debug, PartialEq)]
struct Pair {
    line: usize,
    component: Component,
    raw: f64,
    expected: Option<u8>,
}

/// A pair whose raw value gives another score.
#[derive(Serialize)]
struct Mismatch {
    line: usize,
    component: Component,
    raw: f64,
    expected: Option<u8>,
    computed: Option<u8>,
}

#[derive(Default, Serialize)]
struct Count {
    pairs: usize,
    mismatches: usize,
}

#[derive(Serialize)]
struct Report {
    pairs: usize,
    components: BTreeMap<Component, Count>,
    mismatches: Vec<Mismatch>,
}

pub(super) fn run(common: &Common, path: &Path) -> Result<Exit, Failure> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::input(format!("{name} cannot be read"), error))?;
    let pairs = parse(&bytes).map_err(|error| Failure::input(name, error))?;
    let report = compare(&pairs);
    if common.json {
        console::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(if report.mismatches.is_empty() { Exit::Done } else { Exit::NotAccepted })
}

/// The pairs of the file; other columns than the three are passed over.
fn parse(bytes: &[u8]) -> Result<Vec<Pair>, String> {
    let tsv = Tsv::read(bytes)?;
    let columns = tsv.required(["component", "raw", "mapped"])?;
    tsv.rows(columns, |line, fields, _| pair(line, fields))
}

fn pair(line: usize, [name, raw, mapped]: [&str; 3]) -> Result<Pair, String> {
    let known = Component::ALL.iter().find(|known| known.name() == name || known.code() == name);
    Ok(Pair {
        line,
        component: *known
            .ok_or_else(|| format!("line {line}: no component is called `{}`", short(name)))?,
        raw: raw
            .parse()
            .map_err(|_| format!("line {line}: the raw value `{}` is no number", short(raw)))?,
        expected: match mapped.parse() {
            Ok(NOT_ASSESSED) => None,
            Ok(score @ 0..=100) => Some(score as u8),
            _ => {
                return Err(format!(
                    "line {line}: the mapped value `{}` is none of 0 to 100, nor \
                     {NOT_ASSESSED} for a failure to assess",
                    short(mapped)
                ));
            }
        },
    })
}

fn compare(pairs: &[Pair]) -> Report {
    let mut components = BTreeMap::<_, Count>::new();
    let mut mismatches = Vec::new();
    for &Pair { line, component, raw, expected } in pairs {
        let computed = standard_score(component, raw);
        let count = components.entry(component).or_default();
        count.pairs += 1;
        if computed != expected {
            count.mismatches += 1;
            mismatches.push(Mismatch { line, component, raw, expected, computed });
        }
    }
    Report { pairs: pairs.len(), components, mismatches }
}

fn print(report: &Report) -> Result<(), Failure> {
    if !report.mismatches.is_empty() {
        console::line(format!(
            "{:>6}  {:<28}{:>16}{:>14}{:>14}",
            "line", "component", "raw", "expected", "computed"
        ))?;
    }
    let text = |score: Option<u8>| score.map_or("not assessed".to_owned(), |s| s.to_string());
    for Mismatch { line, component, raw, expected, computed } in &report.mismatches {
        let (name, expected, computed) = (component.name(), text(*expected), text(*computed));
        console::line(format!("{line:>6}  {name:<28}{raw:>16}{expected:>14}{computed:>14}"))?;
    }
    if !report.mismatches.is_empty() {
        console::line("")?;
    }
    console::line(format!("{:<28}{:>8}{:>12}", "component", "pairs", "mismatches"))?;
    for (component, Count { pairs, mismatches }) in &report.components {
        console::line(format!("{:<28}{pairs:>8}{mismatches:>12}", component.name()))?;
    }
    console::line("")?;
    let (style, differ) = match report.mismatches.len() {
        0 => (Style::Good, "none differs".to_owned()),
        1 => (Style::Bad, "1 differs".to_owned()),
        more => (Style::Bad, format!("{more} differ")),
    };
    let pairs = console::counted(report.pairs, "pair");
    console::line(format!("{pairs}: {}", styled(differ, style)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines that are nearly right, so that every check is reached.
    fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
        let field = prop_oneof![
            "component|raw|mapped|image|Sharpness|head_size",
            "-?[0-9]{1,4}(\\.[0-9]{0,3})?|NaN|inf|1e999|-1|100|101",
            "\\PC{0,3}",
        ];
        let line =
            (proptest::collection::vec(field, 0..5), prop_oneof!["\n", "\r\n", "\r", "\n\n"]);
        proptest::collection::vec(line.prop_map(|(fields, end)| fields.join("\t") + &end), 0..8)
            .prop_map(|lines| lines.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn what_is_read_is_the_lines_in_order(text in nearly_right(), head in any::<bool>()) {
            let head: &[u8] = if head { b"component\traw\tmapped\n" } else { b"" };
            let text = [head, &text].concat();
            match parse(&text) {
                Ok(pairs) => {
                    prop_assert!(!pairs.is_empty());
                    prop_assert!(pairs.iter().map(|pair| pair.line).is_sorted());
                    prop_assert_eq!(compare(&pairs).pairs, pairs.len());
                }
                Err(error) => prop_assert!(error.starts_with("line ") || error.starts_with("the file")),
            }
        }

        #[test]
        fn every_written_pair_is_read_back(
            index in 0..Component::ALL.len(), raw in any::<f64>(), mapped in -1_i16..=100,
            crlf in any::<bool>(),
        ) {
            prop_assume!(!raw.is_nan());
            let component = Component::ALL[index];
            let end = if crlf { "\r\n" } else { "\n" };
            let name = component.name();
            let text =
                format!("image\tmapped\traw\tcomponent{end}{end}x y.png\t{mapped}\t{raw}\t{name}");
            let expected = u8::try_from(mapped).ok();
            prop_assert_eq!(
                parse(text.as_bytes()), Ok(vec![Pair { line: 3, component, raw, expected }])
            );
        }
    }
}
