//! Brings ONNX Runtime's shared library under the target folder: fetched once, checked by sha256.
//!
//! The library is put in its place by one rename, after everything about it was checked, so that
//! whatever stops this leaves either nothing or all of it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::Failure;
use crate::run;

/// The release that the project is tested with.
const VERSION: &str = "1.22.1";
const LIBRARY: &str = "libonnxruntime.so.1.22.1";

/// No more than this is read of any file.
const MAX_BYTES: u64 = 200 << 20;

/// The wheel of one processor architecture. It serves any version of Python: nothing of it is run.
struct Wheel {
    architecture: &'static str,
    sha256: &'static str,
    library_sha256: &'static str,
}

const WHEELS: &[Wheel] = &[
    Wheel {
        architecture: "x86_64",
        sha256: "f6effa1299ac549a05c784d50292e3378dbbf010346ded67400193b09ddc2f04",
        library_sha256: "ad9665887025474170d3e71cd28021e7e811c5bf201bc365f953e34a2c4989cc",
    },
    Wheel {
        architecture: "aarch64",
        sha256: "7ae7526cf10f93454beb0f751e78e5cb7619e3b92f9fc3bd51aa6f3b7a8977e5",
        library_sha256: "7b28635814a0810407791b3e26aff9dccf1b4563210baf3b71133231a35c5f2e",
    },
];

/// Members that go beside the library: its licence and those of what is inside it.
const NOTICES: &[&str] = &["LICENSE", "ThirdPartyNotices.txt"];

/// The library's path, after making sure that it is there and is the right one.
pub(crate) fn ensure(target: &Path) -> Result<PathBuf, Failure> {
    let machine = (std::env::consts::OS, std::env::consts::ARCH);
    let wheel = WHEELS.iter().find(|wheel| machine == ("linux", wheel.architecture));
    let Some(wheel) = wheel else { return given_by_hand() };
    let base = target.join("onnxruntime");
    let library = base.join(VERSION).join(LIBRARY);
    if is_right(&library, wheel) {
        return Ok(library);
    }
    fs::create_dir_all(&base).map_err(|error| at(&base, &error))?;
    // Two set-ups at once: the second waits, then finds the work done.
    let lock_file = base.join("lock");
    let lock = File::create(&lock_file).map_err(|error| at(&lock_file, &error))?;
    lock.lock().map_err(|error| at(&lock_file, &error))?;
    if is_right(&library, wheel) {
        return Ok(library);
    }
    remove_leftovers(&base)?;
    let scratch = base.join(format!("{SCRATCH}{}", std::process::id()));
    fs::create_dir(&scratch).map_err(|error| at(&scratch, &error))?;
    let installed = install(wheel, &scratch, &library);
    fs::remove_dir_all(&scratch).map_err(|error| at(&scratch, &error))?;
    installed?;
    println!("ONNX Runtime {VERSION} is in {}.", library.display());
    Ok(library)
}

/// What every scratch folder's name begins with.
const SCRATCH: &str = "download-";

/// Removes what a set-up left that was killed. Only for who holds the lock.
fn remove_leftovers(base: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(base).map_err(|error| at(base, &error))? {
        let path = entry.map_err(|error| at(base, &error))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SCRATCH)) {
            fs::remove_dir_all(&path).map_err(|error| at(&path, &error))?;
        }
    }
    Ok(())
}

/// The library that the user names, where none can be fetched.
fn given_by_hand() -> Result<PathBuf, Failure> {
    match std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(format!("ORT_DYLIB_PATH names {}, which is no file", path.display())),
        None => Err(format!(
            "ONNX Runtime is fetched for Linux on x86_64 and aarch64 only; install ONNX Runtime \
             {VERSION} or newer and set ORT_DYLIB_PATH to its shared library"
        )),
    }
}

fn is_right(library: &Path, wheel: &Wheel) -> bool {
    File::open(library)
        .and_then(|file| digest(file, &mut io::sink()))
        .is_ok_and(|found| found == wheel.library_sha256)
}

/// Downloads, checks and unpacks in `scratch`, then moves into place; `library` comes last.
fn install(wheel: &Wheel, scratch: &Path, library: &Path) -> Result<(), Failure> {
    println!("Fetching ONNX Runtime {VERSION} for {} ...", wheel.architecture);
    let path = download(wheel, scratch)?;
    let file = File::open(&path).map_err(|error| at(&path, &error))?;
    let found = digest(&file, &mut io::sink()).map_err(|error| at(&path, &error))?;
    if found != wheel.sha256 {
        return Err(format!(
            "the downloaded {} has sha256\n  {found}, but must have\n  {}\nNothing was \
             installed. Run it again; if that does not help, the package index serves another \
             file than the project was tested with.",
            path.file_name().unwrap_or_default().display(),
            wheel.sha256
        ));
    }
    let mut archive =
        ZipArchive::new(file).map_err(|error| format!("{}: {error}", path.display()))?;
    let unpacked_library = scratch.join(LIBRARY);
    let member = format!("onnxruntime/capi/{LIBRARY}");
    let found = unpack(&mut archive, &member, &unpacked_library)?;
    if found != wheel.library_sha256 {
        return Err(format!(
            "{LIBRARY} has sha256\n  {found}, but must have\n  {}\nNothing was installed.",
            wheel.library_sha256
        ));
    }
    for notice in NOTICES {
        unpack(&mut archive, &format!("onnxruntime/{notice}"), &scratch.join(notice))?;
    }
    let folder = library.parent().unwrap_or(scratch);
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    for name in NOTICES.iter().chain([&LIBRARY]) {
        let place = folder.join(name);
        fs::rename(scratch.join(name), &place).map_err(|error| at(&place, &error))?;
    }
    Ok(())
}

/// The path of the wheel that pip put into `scratch`.
fn download(wheel: &Wheel, scratch: &Path) -> Result<PathBuf, Failure> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip"]);
    if !run::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Err(format!(
            "`python3 -m pip` does not run, and ONNX Runtime is fetched with it; install pip (on \
             Debian, as root: apt-get install -y python3-pip), or put {LIBRARY} of the Python \
             package onnxruntime {VERSION} into {} yourself",
            scratch.with_file_name(VERSION).display()
        ));
    }
    pip.args(["download", "--no-deps", "--only-binary=:all:", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--python-version", "3.11", "--implementation", "cp"]);
    // The wheel carries both tags, and pip wants every tag that may be used.
    for tag in ["manylinux_2_27", "manylinux_2_28"] {
        pip.arg("--platform").arg(format!("{tag}_{}", wheel.architecture));
    }
    pip.arg("--dest").arg(scratch).arg(format!("onnxruntime=={VERSION}"));
    run::output(&mut pip).map_err(|failure| {
        format!(
            "ONNX Runtime could not be fetched. Check the network and run this again; pip said:\n\
             {failure}"
        )
    })?;
    let entries = fs::read_dir(scratch).map_err(|error| at(scratch, &error))?;
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("`{}` left no wheel", run::line(&pip)))
}

/// Unpacks `member` into the new file `to`, down to the disk; answers with its sha256.
fn unpack(archive: &mut ZipArchive<File>, member: &str, to: &Path) -> Result<String, Failure> {
    let from = archive.by_name(member).map_err(|error| format!("{member}: {error}"))?;
    let mut file = File::create_new(to).map_err(|error| at(to, &error))?;
    let digest = digest(from, &mut file).map_err(|error| at(to, &error))?;
    file.sync_all().map_err(|error| at(to, &error))?;
    Ok(digest)
}

/// Copies `from` to `to` and answers with the sha256 of what was copied, in lower-case hex.
fn digest(from: impl Read, to: &mut impl Write) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut from = from.take(MAX_BYTES);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

fn at(path: &Path, error: &io::Error) -> Failure {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha256_of_what_was_copied() {
        let mut copy = Vec::new();
        let hash = digest(&b"abc"[..], &mut copy).unwrap();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(copy, b"abc");
    }

    #[test]
    fn another_file_in_the_librarys_place_is_noticed() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(WHEELS.iter().all(|wheel| !is_right(&path, wheel)));
        assert!(WHEELS.iter().all(|wheel| !is_right(&path.join("missing"), wheel)));
    }
}
