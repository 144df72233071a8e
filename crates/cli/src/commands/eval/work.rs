//! Judges all presentations, on several threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use liveface::Engine;

use super::journal::{Done, Journal, Stamp};
use super::judge::{Judge, is_clip};
use super::manifest::Entry;
use super::{Presentation, is_wrong};
use crate::args::Common;
use crate::console::{self, counted};
use crate::failure::{Exit, Failure};

/// What came of every entry, in their order. What the journal has is not done again, and what is done is
/// written into it. A file that cannot be read, or that the engine panics over, is told as such; any other fault of
/// the engine ends the work.
pub(super) fn judge_all<'m>(
    common: &Common,
    threads: Option<u32>,
    engine: &Engine,
    judge: &Judge<'_>,
    entries: &'m [Entry],
    mut journal: Option<&mut Journal>,
) -> Result<Vec<Presentation<'m>>, Failure> {
    let mut results: Vec<Option<Judged<Done>>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let stamp = Stamp::of(&judge.path(entry)).ok();
        let kept = match (&mut journal, stamp) {
            (Some(journal), Some(stamp)) => journal.take(entry, stamp)?,
            _ => None,
        };
        results.push(kept.map(Ok));
    }
    let todo: Vec<_> = (0..entries.len()).filter(|index| results[*index].is_none()).collect();
    let kept = entries.len() - todo.len();
    if let Some(damaged) = journal.as_ref().map(|journal| journal.damaged).filter(|n| *n > 0) {
        let lines = counted(damaged, "line");
        console::note(format!("note: {lines} of earlier results cannot be read"));
    }
    if kept > 0 {
        let all = counted(entries.len(), "presentation");
        console::note(format!("{kept} of {all} are done already"));
    }

    // Engines take turns with their models, so each thread has one of its own.
    let wanted = threads.map_or_else(cores, |threads| threads as usize);
    let more = (1..wanted.min(todo.len())).map(|_| super::super::engine(common));
    let engines: Vec<_> =
        std::iter::once(Ok(engine.clone())).chain(more).collect::<Result<_, _>>()?;
    let bar = console::bar(entries.len() as u64, "judging").with_position(kept as u64);
    let work = |engine: &Engine, index: usize| one(engine, judge, &entries[index]);
    each(&engines, &todo, work, |index, result| {
        if let (Some(journal), Ok(done)) = (&mut journal, &result) {
            journal.add(done)?;
        }
        results[index] = Some(result);
        bar.inc(1);
        Ok(())
    })?;
    bar.finish_and_clear();
    let presentations = entries.iter().zip(results).filter_map(|(entry, result)| {
        Some(Presentation { entry, is_clip: is_clip(&judge.path(entry)), result: result? })
    });
    Ok(presentations.collect())
}

/// What came of one presentation: if it failed, how.
type Judged<D> = Result<D, Failure>;

/// Does `work` for each of `todo`, with every worker on a thread of its own, and gives `take` what came of it as
/// it comes. A panic is a failure of that one. After an error of `work` or `take` nothing more is begun, but what
/// is under way is still given to `take`, unless the error was its own.
fn each<W: Sync, D: Send>(
    workers: &[W],
    todo: &[usize],
    work: impl Fn(&W, usize) -> Result<Judged<D>, Failure> + Sync,
    mut take: impl FnMut(usize, Judged<D>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for worker in workers {
            let (send, next, stop, work) = (send.clone(), &next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed)
                    && let Some(&index) = todo.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    // What a panic leaves behind in the worker is not used: see `Engine::vision`.
                    let result = catch_unwind(AssertUnwindSafe(|| work(worker, index)));
                    // Its text may hold anything.
                    let result = result.unwrap_or_else(|_| {
                        Ok(Err(Failure::new(Exit::Runtime, "the engine broke down over it")))
                    });
                    if result.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    // Nobody listens any more when `take` has failed.
                    if send.send((index, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut ended = Ok(());
        for (index, result) in receive {
            match result {
                Ok(result) => {
                    if let Err(failure) = take(index, result) {
                        stop.store(true, Ordering::Relaxed);
                        return ended.and(Err(failure));
                    }
                }
                Err(failure) => ended = ended.and(Err(failure)),
            }
        }
        ended
    })
}

/// Judges `entry`. That its file cannot be read is its own failure; any other ends the work.
fn one(engine: &Engine, judge: &Judge<'_>, entry: &Entry) -> Result<Judged<Done>, Failure> {
    let judged = || -> Judged<Done> {
        // Before it is read: if it changes meanwhile, it is judged again the next time.
        let stamp = Stamp::of(&judge.path(entry))
            .map_err(|error| Failure::new(Exit::Input, format!("it cannot be read: {error}")))?;
        let (outcome, thumbnail) = judge.judge(engine, entry)?;
        let thumbnail = thumbnail.filter(|_| is_wrong(entry, outcome.whole().verdict));
        Ok(Done { entry: entry.clone(), stamp, outcome, thumbnail })
    };
    match judged() {
        Err(failure) if failure.exit != Exit::Input => Err(failure),
        judged => Ok(judged),
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Taken = Vec<(usize, Judged<usize>)>;

    /// What `take` was given, in the order of `todo`.
    fn taken(
        work: impl Fn(&u8, usize) -> Result<Judged<usize>, Failure> + Sync,
    ) -> (Taken, Result<(), Failure>) {
        let todo: Vec<_> = (10..30).collect();
        let mut taken = Vec::new();
        let ended = each(&[0, 1, 2], &todo, work, |index, result| {
            taken.push((index, result));
            Ok(())
        });
        taken.sort_by_key(|(index, _)| *index);
        (taken, ended)
    }

    #[test]
    fn a_panic_fails_only_the_one_it_came_from_and_tells_nothing() {
        let (taken, ended) = taken(|_, index| {
            assert_ne!(index % 5, 0, "a secret");
            Ok(Ok(index))
        });
        ended.unwrap();
        assert!(taken.iter().map(|(index, _)| *index).eq(10..30));
        for (index, result) in taken {
            match result {
                Ok(done) => assert!(done == index && index % 5 != 0),
                Err(failure) => {
                    assert!(index % 5 == 0 && failure.exit == Exit::Runtime);
                    assert_eq!(failure.to_string(), "the engine broke down over it");
                }
            }
        }
    }

    #[test]
    fn what_was_under_way_at_an_error_is_not_lost() {
        // The first one fails when two others are under way, which end only after that.
        let (begun, failing) = (std::sync::Barrier::new(3), AtomicBool::new(false));
        let (taken, ended) = taken(|_, index| {
            if index <= 12 {
                begun.wait();
            }
            if index == 10 {
                failing.store(true, Ordering::SeqCst);
                return Err(Failure::new(Exit::Runtime, "no memory"));
            }
            while !failing.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            // Until the error has surely been seen.
            thread::sleep(std::time::Duration::from_millis(300));
            Ok(Ok(index))
        });
        assert_eq!(ended.unwrap_err().to_string(), "no memory");
        assert!(taken.iter().map(|(index, _)| *index).eq(11..13), "{taken:?}");
        assert!(taken.iter().all(|(_, result)| result.is_ok()));
    }

    #[test]
    fn nothing_is_given_to_one_that_cannot_take_it() {
        let mut asked = 0;
        let ended = each(
            &[0, 1],
            &[1, 2, 3, 4],
            |_, index| Ok(Ok(index)),
            |_, _| {
                asked += 1;
                Err(Failure::new(Exit::Input, "the disk is full"))
            },
        );
        assert_eq!((ended.unwrap_err().to_string().as_str(), asked), ("the disk is full", 1));
    }
}
