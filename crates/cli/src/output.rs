//! Files that the user named for output: looked at before the work, written whole or not at all.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::{Exit, Failure};

/// Fails when the file `path` could not be written later.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    beside(path).map(drop)
}

/// Puts `bytes` in the place of the file `path` at once; only the user may read it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = beside(path)?;
    file.write_all(bytes).map_err(|error| failed(path, &error))?;
    file.persist(path).map(drop).map_err(|error| failed(path, &error.error))
}

/// `rows` as RFC 4180 has them.
pub(crate) fn csv<R: IntoIterator<Item = String>>(
    rows: impl IntoIterator<Item = R>,
) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Runtime, error.to_string());
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.write_record(row)).map_err(|e| failed(&e))?;
    writer.into_inner().map_err(|error| failed(&error))
}

/// A temporary file in the folder of `path`.
fn beside(path: &Path) -> Result<NamedTempFile, Failure> {
    // Renaming over a device would replace it.
    let is_folder = path.to_string_lossy().ends_with(std::path::is_separator);
    if is_folder || (path.exists() && !path.is_file()) {
        return Err(refused(path, "it is not the name of a file"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(|error| failed(path, &error))
}

/// A path that cannot be is the caller's fault; a full disk is not.
fn failed(path: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::PermissionDenied
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput => refused(path, error),
        _ => Failure::new(Exit::Runtime, refused(path, error).to_string()),
    }
}

fn refused(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::input(format!("{} cannot be written", path.display()), error)
}
