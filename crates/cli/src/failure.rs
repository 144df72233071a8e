//! Exit codes, and the errors that lead to them.

use std::process::ExitCode;

/// What the program's exit code says; scripts depend on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; `capture`: live; `register` and `authenticate`: accepted as asked.
    Done = 0,
    /// Wrong usage or bad input.
    Input = 2,
    /// The capture ended without a live verdict, the job was rejected, or the bundle was changed.
    NotAccepted = 3,
    /// A presentation attack was found.
    Attack = 4,
    /// Camera or runtime trouble.
    Runtime = 5,
    /// Network or server trouble; the job is kept and can be sent again.
    Network = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Bad input; `what` says with what.
    pub(crate) fn input(what: impl std::fmt::Display, error: impl std::fmt::Display) -> Self {
        Self::new(Exit::Input, format!("{what}: {error}"))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<liveface::EngineError> for Failure {
    fn from(error: liveface::EngineError) -> Self {
        let exit = match error {
            liveface::EngineError::Policy(_)
            | liveface::EngineError::Vision(liveface::VisionError::ProviderNotBuiltIn { .. }) => {
                Exit::Input
            }
            _ => Exit::Runtime,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<liveface::camera::CameraError> for Failure {
    fn from(error: liveface::camera::CameraError) -> Self {
        Self::new(Exit::Input, error.to_string())
    }
}

impl From<liveface::BundleError> for Failure {
    fn from(error: liveface::BundleError) -> Self {
        let exit = if is_systems(&error) { Exit::Runtime } else { Exit::Input };
        Self::new(exit, error.to_string())
    }
}

/// Whether the disk or the system is at fault, and not the caller.
fn is_systems(error: &liveface::BundleError) -> bool {
    match error {
        liveface::BundleError::Io { .. } | liveface::BundleError::Random(_) => true,
        liveface::BundleError::Key(error) => error.is_system(),
        liveface::BundleError::Migration { source, .. } => is_systems(source),
        _ => false,
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Runtime, format!("the output could not be written: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use liveface::{BundleError, KeyError};

    use super::*;

    #[test]
    fn the_systems_fault_is_told_from_the_callers_wherever_it_is_wrapped() {
        let full = || BundleError::Io {
            action: "write",
            path: "x".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        let older = |source: BundleError| BundleError::Migration {
            path: "x".into(),
            source: source.into(),
        };
        let damaged = || BundleError::Damaged { path: "x".into(), what: String::new() };
        for (error, exit) in [
            (full(), Exit::Runtime),
            (older(full()), Exit::Runtime),
            (damaged(), Exit::Input),
            (older(damaged()), Exit::Input),
            (KeyError::system("x").into(), Exit::Runtime),
            (KeyError::new("x").into(), Exit::Input),
        ] {
            assert_eq!(Failure::from(error).exit, exit);
        }
    }
}
