//! Judgements of single pictures with the real models.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use liveface::camera::Still;
use liveface::{
    AnalysisOptions, Engine, EngineConfig, EvidenceKind, ModelSource, Policy, Reason, Verdict,
};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn a_picture_is_judged_by_its_only_face() {
    let models = ModelSource::Folder(folder("models"));
    let engine = Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap();
    let open = |still: &str| Still::open(folder("fixtures/stills").join(still)).unwrap();
    let judge = |still: &str, policy: &Policy| {
        engine.judge_still(&open(still).frame().unwrap(), policy).unwrap()
    };
    let mut policy = Policy::default();
    for (still, reason) in [("noface.jpg", Reason::FaceLost), ("two.jpg", Reason::MultipleFaces)] {
        let judged = judge(still, &policy);
        assert_eq!((judged.verdict, judged.live), (Verdict::Retry, None), "{still}");
        assert_eq!(judged.reasons, [reason]);
        assert_eq!(judged.findings[0].score, None);
    }
    // The smaller of the two is half as large.
    policy.tracking.bystander_area = 1.0;
    assert!(judge("two.jpg", &policy).live.is_some());

    let photo = "astronaut.png";
    let options = AnalysisOptions { presentation: true, embedding: false, quality_models: false };
    let seen = engine.analyze(&open(photo).frame().unwrap(), &policy.tracking, options).unwrap();
    let live = seen[0].pad_live.unwrap();
    let judged = judge(photo, &policy);
    assert_eq!(judged.verdict, Verdict::Live);
    assert!(judged.live.unwrap() > 0.9);
    assert_eq!(
        (judged.findings[0].evidence, judged.findings[0].score),
        (EvidenceKind::Passive, Some(live))
    );
    policy.fusion.passive.retry_below = live.next_up();
    assert_eq!(judge(photo, &policy).verdict, Verdict::Retry);
    policy.fusion.passive.attack_below = live.next_up();
    let judged = judge(photo, &policy);
    assert_eq!(
        (judged.verdict, judged.reasons),
        (Verdict::Attack, vec![Reason::PresentationAttack])
    );
}
