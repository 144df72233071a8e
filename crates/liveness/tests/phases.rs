//! The table of transitions: every row of it happens. And `docs/sequence.md` says what the code does:
//! `LIVEFACE_WRITE_DOCS=1` writes its drawing and tables.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use std::fmt::Write as _;

use common::{Scene, Who};
use liveface_core::policy::ChallengeKind;
use liveface_core::{Policy, Reason};
use liveface_liveness::Phase::{Centring, Ended, Holding, Positioning, Taking, Turning};
use liveface_liveness::{Phase, Sequence, TRANSITIONS, possible_orders};

fn smiles() -> Scene {
    Scene::new()
}

fn turns() -> Scene {
    let mut policy = Policy::preset("enhanced").unwrap();
    // The scripted head is a ball, and has no shape to tell.
    policy.fusion.shape.required = false;
    let mut scene = Scene::with_policy(policy.clone());
    scene.sequence = Sequence::new(policy, 3);
    scene.sways = false;
    scene
}

/// Runs until the sequence is in `phase`.
fn run_to(mut scene: Scene, phase: Phase) -> Scene {
    for _ in 0..1_000 {
        if scene.sequence.phase() == phase {
            return scene;
        }
        scene.frame();
    }
    panic!("{phase:?} was not reached: {:?}", scene.sequence.outcome());
}

/// One more frame, in which the face is on another track, and as it was or too dark.
fn not_followed(mut scene: Scene, is_dark: bool) -> Scene {
    scene.person.track += 1;
    if is_dark {
        scene.quality = Default::default();
    }
    scene.frame();
    scene
}

fn end(mut scene: Scene) -> Scene {
    scene.call(|sequence| sequence.end(Reason::Cancelled));
    scene
}

/// A scene in which the row happens.
fn scene_of(from: Phase, to: Phase) -> Scene {
    match (from, to) {
        (Positioning, Holding) => run_to(smiles(), Holding),
        (Positioning, Ended) => end(smiles()),
        (Holding, Positioning) => not_followed(run_to(smiles(), Holding), true),
        (Holding, Taking) => run_to(smiles(), Taking),
        (Holding, Centring) => run_to(turns(), Centring),
        (Holding, Ended) => end(run_to(smiles(), Holding)),
        (Taking, Positioning) => not_followed(run_to(smiles(), Taking), true),
        (Taking, Holding) => not_followed(run_to(smiles(), Taking), false),
        (Taking, Ended) => {
            let mut scene = smiles();
            scene.run_to_end();
            scene
        }
        (Centring, Turning) => run_to(turns(), Turning),
        (Centring, Positioning) => not_followed(run_to(turns(), Centring), true),
        (Centring, Holding) => not_followed(run_to(turns(), Centring), false),
        (Centring, Ended) => {
            let mut scene = run_to(turns(), Centring);
            scene.obeys = false;
            for _ in 0..2 {
                scene.turns_to = (15.0, 0.0);
                scene.run_ms(150);
                scene.turns_to = (0.0, 0.0);
                scene.run_ms(150);
            }
            assert_eq!(scene.sequence.outcome().unwrap().reasons[0], Reason::UnaskedTurn);
            scene
        }
        (Turning, Centring) => run_to(run_to(turns(), Turning), Centring),
        (Turning, Taking) => run_to(turns(), Taking),
        (Turning, Positioning) => {
            let mut scene = run_to(turns(), Turning);
            scene.person.who = Who::Bob;
            scene.run_to_restart();
            scene
        }
        (Turning, Holding) => not_followed(run_to(turns(), Turning), false),
        (Turning, Ended) => {
            let mut scene = run_to(turns(), Turning);
            scene.obeys = false;
            scene.run_ms(11_000);
            assert_eq!(scene.sequence.outcome().unwrap().reasons[0], Reason::NoResponse);
            scene
        }
        other => panic!("there is no scene for {other:?}"),
    }
}

#[test]
fn every_transition_of_the_table_happens() {
    for (from, to, _) in TRANSITIONS {
        let changes = scene_of(*from, *to).changes;
        assert_eq!(changes.last(), Some(&(*from, *to)), "{changes:?}");
    }
}

#[test]
fn a_restart_too_many_ends_the_capture_in_whatever_phase() {
    for phase in [Holding, Taking, Centring, Turning] {
        let is_turn = matches!(phase, Centring | Turning);
        let mut scene = if is_turn { turns() } else { smiles() };
        let most = scene.sequence.policy().sequence.max_restarts;
        for others in 0..=most {
            assert!(!scene.ended(), "{phase:?} after {others} restarts");
            scene = run_to(scene, if is_turn { phase } else { Taking });
            if !is_turn {
                scene.run_to_shots(1);
            }
            if phase == Holding {
                scene = run_to(not_followed(scene, false), Holding);
            }
            scene.person.who = if scene.person.who == Who::Ann { Who::Bob } else { Who::Ann };
            let before = scene.restarts.len();
            while scene.restarts.len() == before {
                scene.frame();
            }
        }
        let outcome = scene.sequence.outcome().unwrap();
        assert_eq!(outcome.evidence.restarts.len() as u32, most + 1);
        assert_eq!(outcome.reasons[0], Reason::PersonChanged);
        assert_eq!(scene.changes.last().unwrap().1, Ended);
    }
}

/// The drawing and the table of the transitions.
fn transitions() -> String {
    let mut drawing = "```mermaid\nstateDiagram-v2\n    [*] --> Positioning\n".to_owned();
    let mut table = "| | from | to | when |\n|---|---|---|---|\n".to_owned();
    for (index, (from, to, guard)) in TRANSITIONS.iter().enumerate() {
        let number = index + 1;
        writeln!(drawing, "    {from:?} --> {to:?}: {number}").unwrap();
        writeln!(table, "| {number} | {from:?} | {to:?} | {guard} |").unwrap();
    }
    format!("{drawing}    Ended --> [*]\n```\n\n{table}")
}

/// What the presets differ in.
fn presets() -> String {
    let names = ["smart-selfie", "enhanced", "passive"];
    let policies = names.map(|name| Policy::preset(name).unwrap());
    let mut table = "| |".to_owned();
    names.iter().for_each(|name| write!(table, " `{name}` |").unwrap());
    table += "\n|---|---|---|---|\n";
    let mut row = |what: &str, value: &dyn Fn(&Policy) -> String| {
        let cells = policies.each_ref().map(value).join(" | ");
        writeln!(table, "| {what} | {cells} |").unwrap();
    };
    row("`challenge.kind`", &|policy| match policy.challenge.kind {
        ChallengeKind::None => "`none`: nothing but to hold the gates".to_owned(),
        ChallengeKind::Smile => "`smile`: a relaxed face, a smile, a relaxed face".to_owned(),
        ChallengeKind::Turns => "`turns`: turns of the head, the face relaxed".to_owned(),
    });
    row("pictures", &|policy| {
        let images = policy.sequence.liveness_images;
        let of = match policy.challenge.kind {
            ChallengeKind::None => String::new(),
            ChallengeKind::Smile => {
                format!(", the last {} smile", images - policy.sequence.smile_from)
            }
            ChallengeKind::Turns => " of turns".to_owned(),
        };
        format!("{images}{of}; the selfie")
    });
    row("Centring and Turning", &|policy| {
        let turns = policy.challenge.kind == ChallengeKind::Turns;
        if turns { "yes" } else { "no" }.to_owned()
    });
    row("required evidence", &|policy| {
        let fusion = &policy.fusion;
        let kinds = [
            ("passive", fusion.passive),
            ("shape", fusion.shape),
            ("response", fusion.response),
            ("surroundings", fusion.surroundings),
            ("texture", fusion.texture),
            ("stream", fusion.stream),
            ("eyes", fusion.eyes),
            ("person", fusion.person),
        ];
        let required = kinds.iter().filter(|(_, weight)| weight.required);
        required.map(|(kind, _)| *kind).collect::<Vec<_>>().join(", ")
    });
    row("`timing.min_gap_ms`", &|policy| policy.timing.min_gap_ms.to_string());
    row("`viewfinder.max_face_area`", &|policy| format!("{:.2}", policy.viewfinder.max_face_area));
    row("`presentation.min_room`", &|policy| format!("{:.2}", policy.presentation.min_room));
    table
}

/// How many orders there are.
fn orders() -> String {
    let turns = [3, 6, 9];
    let mut table =
        "| directions | three turns | six turns | nine turns |\n|---|---|---|---|\n".to_owned();
    for (directions, name) in [(3, "three"), (2, "two"), (1, "one")] {
        let cells = turns.map(|turns| possible_orders(directions, turns).to_string()).join(" | ");
        writeln!(table, "| {name} | {cells} |").unwrap();
    }
    table
}

#[test]
fn the_page_about_the_sequence_says_what_the_code_does() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sequence.md");
    let page = std::fs::read_to_string(file).unwrap();
    let mut made = page.clone();
    for (name, block) in
        [("transitions", transitions()), ("presets", presets()), ("orders", orders())]
    {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let from = made.find(&start).unwrap() + start.len();
        let to = made.find(&end).unwrap();
        made.replace_range(from..to, &format!("\n{block}\n"));
    }
    if std::env::var_os("LIVEFACE_WRITE_DOCS").is_some() {
        std::fs::write(file, made).unwrap();
    } else {
        assert_eq!(page, made, "LIVEFACE_WRITE_DOCS=1 writes the page anew");
    }
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let policy = Policy::from_toml(example).unwrap();
    assert_eq!(policy.challenge.kind, ChallengeKind::Turns);
    assert!(policy.fusion.shape.required && policy.fusion.response.required);
}
