//! The phases of a capture, and what leads from one to the next.

/// What the sequence waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// A gate fails.
    Positioning,
    /// Every gate holds, not yet for `timing.hold_ms`.
    Holding,
    /// Pictures of a face that looks straight ahead are taken.
    Taking,
    /// The head is to stay in the centre until the next turn is asked for.
    Centring,
    /// A turn of the head is asked for, and pictures of it are taken.
    Turning,
    /// There is an outcome.
    Ended,
}

use Phase::{Centring, Ended, Holding, Positioning, Taking, Turning};

/// Every change of phase that a call of the sequence can make: from, to, and the guard in words. One frame may do
/// two things, such as throw everything away and hold at once; what stands here is what a caller sees before and
/// after the call. [`Sequence::new`](crate::Sequence::new) begins in [`Phase::Positioning`].
pub const TRANSITIONS: &[(Phase, Phase, &str)] = &[
    (Positioning, Holding, "every gate holds"),
    (Positioning, Ended, "the time is used up, the app ends it, or one restart too many"),
    (Holding, Positioning, "a gate fails, or a restart"),
    (Holding, Taking, "every gate held for `timing.hold_ms`, and no turn is left to ask for"),
    (Holding, Centring, "every gate held for `timing.hold_ms`, and turns are left"),
    (Holding, Ended, "the time is used up, the app ends it, or one restart too many"),
    (
        Taking,
        Positioning,
        "a gate fails before the first picture, or the face was not followed and a gate fails, or a restart",
    ),
    (
        Taking,
        Holding,
        "the face was not followed, or a restart for a face that was gone, and every gate holds at once",
    ),
    (
        Taking,
        Ended,
        "the selfie is kept, the time is used up, the app ends it, or one restart too many",
    ),
    (Centring, Turning, "the head stayed in the centre for the pause that was drawn"),
    (Centring, Positioning, "the face was not followed and a gate fails, or a restart"),
    (
        Centring,
        Holding,
        "the face was not followed, or a restart for a face that was gone, and every gate holds at once",
    ),
    (
        Centring,
        Ended,
        "more unasked turns than `challenge.max_unasked_turns`, the time is used up, the app ends it, or one \
         restart too many",
    ),
    (
        Turning,
        Centring,
        "the turn is complete and its pictures are taken, or it has to be asked for again: it began too soon, \
         or the head came back before its pictures were taken",
    ),
    (Turning, Taking, "the last turn is complete and its pictures are taken"),
    (Turning, Positioning, "the face was not followed and a gate fails, or a restart"),
    (
        Turning,
        Holding,
        "the face was not followed, or a restart for a face that was gone, and every gate holds at once",
    ),
    (
        Turning,
        Ended,
        "a turn to another side, no answer within `challenge.max_response_ms`, one unasked turn or \
         one turn asked for again \
         too many, the time is used up, the app ends it, or one restart too many",
    ),
];

/// Whether a call may lead from one phase to the other.
pub(crate) fn may_lead(from: Phase, to: Phase) -> bool {
    from == to || TRANSITIONS.iter().any(|(here, there, _)| (*here, *there) == (from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_stands_in_the_table_once_and_nothing_follows_the_end() {
        for (index, (from, to, guard)) in TRANSITIONS.iter().enumerate() {
            assert!(from != to && *from != Ended && !guard.is_empty());
            let again = TRANSITIONS[..index].iter().any(|row| (row.0, row.1) == (*from, *to));
            assert!(!again, "{from:?} to {to:?}");
        }
        assert!(may_lead(Ended, Ended) && !may_lead(Ended, Positioning));
    }
}
