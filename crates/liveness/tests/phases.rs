//! The table of transitions: every row of it happens, and `docs/sequence.md` draws it. `LIVEFACE_WRITE_DOCS=1`
//! writes the page's drawing and table.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use std::fmt::Write as _;

use common::{Scene, Who};
use liveface_core::{Policy, Reason};
use liveface_liveness::Phase::{Centring, Ended, Holding, Positioning, Taking, Turning};
use liveface_liveness::{Phase, Sequence, TRANSITIONS};

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

#[test]
fn the_page_about_the_sequence_draws_the_table() {
    let mut drawing = "```mermaid\nstateDiagram-v2\n    [*] --> Positioning\n".to_owned();
    let mut table = "| | from | to | when |\n|---|---|---|---|\n".to_owned();
    for (index, (from, to, guard)) in TRANSITIONS.iter().enumerate() {
        let number = index + 1;
        writeln!(drawing, "    {from:?} --> {to:?}: {number}").unwrap();
        writeln!(table, "| {number} | {from:?} | {to:?} | {guard} |").unwrap();
    }
    drawing += "    Ended --> [*]\n```\n";
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sequence.md");
    let page = std::fs::read_to_string(file).unwrap();
    let (start, end) = ("<!-- transitions -->\n", "<!-- /transitions -->");
    let (before, rest) = page.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let made = format!("{before}{start}\n{drawing}\n{table}\n{end}{after}");
    if std::env::var_os("LIVEFACE_WRITE_DOCS").is_some() {
        std::fs::write(file, made).unwrap();
    } else {
        assert_eq!(page, made, "LIVEFACE_WRITE_DOCS=1 writes the page anew");
    }
}
