//! Result states, for results that the sandbox does not give too.

use std::collections::BTreeMap;

use liveface_legacy::ResultCodeState;
use liveface_submit::{ActionResult, Decision};

#[test]
fn every_state_follows_from_job_type_decision_and_code() {
    use Decision::{Approved, Pending, ProvisionallyApproved, Rejected, Unknown};
    let rows = covers![
        "state.ENROL_REJECTED",
        "state.ENROL_ID_REJECTED",
        "state.ENROL_WID_REJECTED",
        "state.ENROL_WID_PROV_APPROVED",
        "state.ENROL_PROVISIONAL_APPROVAL",
        "state.IMAGE_NOT_USABLE",
        "state.ENROL_APPROVED",
        "state.ENROL_WID_APPROVED",
        "state.AUTH_REJECTED",
        "state.AUTH_PROVISIONAL_APPROVAL",
        "state.AUTH_APPROVED",
        "state.UPDATE_PHOTO_REJECTED",
        "state.UPDATE_PHOTO_PROV_APPROVAL",
        "state.UPDATE_PHOTO_APPROVED",
        "state.UNKNOWN",
        "item.IDValidationResponse",
    ];
    let id = BTreeMap::from([("Verify_ID_Number".to_owned(), ActionResult::NotVerified)]);
    let none = BTreeMap::new();
    let found: Vec<_> = [
        (4, Rejected, Some("0841"), &none),
        (1, Rejected, Some("0812"), &id),
        (1, Rejected, Some("0812"), &none),
        (1, ProvisionallyApproved, Some("0814"), &none),
        (4, ProvisionallyApproved, Some("0814"), &none),
        (4, Rejected, Some("0001"), &none),
        (4, Approved, Some("0840"), &none),
        (1, Approved, Some("0810"), &none),
        (2, Rejected, None, &none),
        (2, ProvisionallyApproved, None, &none),
        (2, Approved, Some("0820"), &none),
        (8, Rejected, None, &none),
        (8, ProvisionallyApproved, None, &none),
        (8, Approved, None, &none),
        (4, Pending, None, &none),
    ]
    .map(|(job, decision, code, actions)| ResultCodeState::of(job, decision, code, actions))
    .map(|state| format!("state.{state}"))
    .to_vec();
    assert_eq!(found, rows[..15]);
    // Nothing that is not known is an approval, and an approval is no unusable image.
    for job_type in [0, 1, 2, 4, 5, 6, 8, 255] {
        for decision in [Pending, Unknown] {
            let state = ResultCodeState::of(job_type, decision, Some("0840"), &none);
            assert_eq!(state, ResultCodeState::Unknown);
        }
    }
    assert_eq!(ResultCodeState::of(6, Approved, None, &none), ResultCodeState::Unknown);
    let odd = ResultCodeState::of(4, Approved, Some("0001"), &none);
    assert_eq!(odd, ResultCodeState::EnrolApproved);
    // No job with an ID, so no item of such a job.
    let items = [4, 2].map(|job| ResultCodeState::of(job, Rejected, None, &id));
    assert_eq!(items, [ResultCodeState::EnrolRejected, ResultCodeState::AuthRejected]);
}
