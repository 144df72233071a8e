//! Judges all presentations, on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
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
/// written into it. A file that cannot be read is told as such; what is the engine's fault ends the work.
pub(super) fn judge_all<'m>(
    common: &Common,
    threads: Option<u32>,
    engine: &Engine,
    judge: &Judge<'_>,
    entries: &'m [Entry],
    mut journal: Option<&mut Journal>,
) -> Result<Vec<Presentation<'m>>, Failure> {
    let mut results: Vec<Option<Result<Done, String>>> = Vec::with_capacity(entries.len());
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
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        for engine in &engines {
            let (send, next, todo) = (send.clone(), &next, &todo);
            scope.spawn(move || {
                while let Some(index) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Nobody listens any more after a failure.
                    if send.send((*index, one(engine, judge, &entries[*index]))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        for (index, result) in receive {
            results[index] = Some(match result {
                Ok(done) => {
                    if let Some(journal) = &mut journal {
                        journal.add(&done)?;
                    }
                    Ok(done)
                }
                Err(failure) if failure.exit == Exit::Input => Err(failure.to_string()),
                Err(failure) => return Err(failure),
            });
            bar.inc(1);
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let presentations = entries.iter().zip(results).filter_map(|(entry, result)| {
        Some(Presentation { entry, is_clip: is_clip(&judge.path(entry)), result: result? })
    });
    Ok(presentations.collect())
}

fn one(engine: &Engine, judge: &Judge<'_>, entry: &Entry) -> Result<Done, Failure> {
    // Before it is read: if it changes meanwhile, it is judged again the next time.
    let stamp = Stamp::of(&judge.path(entry))
        .map_err(|error| Failure::new(Exit::Input, format!("it cannot be read: {error}")))?;
    let (outcome, thumbnail) = judge.judge(engine, entry)?;
    let thumbnail = thumbnail.filter(|_| is_wrong(entry, outcome.whole().verdict));
    Ok(Done { entry: entry.clone(), stamp, outcome, thumbnail })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
