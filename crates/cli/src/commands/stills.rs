//! Many still images, looked at by several engines at once.

use std::path::{Path, PathBuf};

use liveface::Engine;
use liveface::camera::Still;
use liveface_core::Frame;
use rayon::prelude::*;
use serde::Serialize;

use crate::args::Common;
use crate::console;
use crate::failure::{Exit, Failure};

/// An image that could not be looked at, as JSON has it.
#[derive(Serialize)]
pub(super) struct ErrorLine<'l> {
    pub(super) file: &'l str,
    pub(super) error: &'l str,
}

/// Images for one engine between two rounds of output.
const SHARE: usize = 8;

/// Looks at every image of `paths` with `look` and tells the results in their order. An image that
/// cannot be read is told as such and makes the exit code that of bad input; what is the engine's
/// fault ends the work.
pub(super) fn each<T: Send>(
    common: &Common,
    paths: &[PathBuf],
    look: impl Fn(&Engine, &Frame<'_>) -> Result<T, Failure> + Sync,
    mut tell: impl FnMut(String, Result<T, String>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    // Engines take turns with their models, so each thread has one of its own.
    let threads = rayon::current_num_threads().min(paths.len().div_ceil(SHARE)).max(1);
    let engines: Vec<Engine> =
        (0..threads).map(|_| super::engine(common)).collect::<Result<_, _>>()?;
    let bar = console::bar(paths.len() as u64, "analyzing");
    let mut exit = Exit::Done;
    for round in paths.chunks(threads * SHARE) {
        let looked: Vec<_> = engines
            .par_iter()
            .zip(round.par_chunks(SHARE))
            .flat_map_iter(|(engine, share)| share.iter().map(|path| open(engine, path, &look)))
            .collect();
        for (path, result) in round.iter().zip(looked) {
            let result = match result {
                Err(failure) if failure.exit != Exit::Input => return Err(failure),
                Err(failure) => {
                    exit = Exit::Input;
                    Err(failure.to_string())
                }
                Ok(seen) => Ok(seen),
            };
            // A path need not be UTF-8, which JSON is.
            bar.suspend(|| tell(path.display().to_string(), result))?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(exit)
}

fn open<T>(
    engine: &Engine,
    path: &Path,
    look: impl Fn(&Engine, &Frame<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let still = Still::open(path).map_err(|error| Failure::new(Exit::Input, error.to_string()))?;
    let frame = still.frame().map_err(|error| Failure::new(Exit::Input, error.to_string()))?;
    look(engine, &frame)
}
