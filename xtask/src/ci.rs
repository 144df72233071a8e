//! Everything that must pass before a change is taken.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Failure, demo, golden, run, setup};

/// The release whose verdicts `deny.toml` was written against.
const CARGO_DENY: &str = "0.20.2";

/// Runs every check; stops at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let begun = Instant::now();
    let workspace = &step("set-up", || setup(workspace))?;
    let cargo = |arguments: &[&str]| workspace.cargo(arguments.iter().copied());
    step("format", || run::show(&mut cargo(&["fmt", "--all", "--check"])))?;
    step("lints", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run::show(&mut cargo(&arguments))
    })?;
    step("licences and sources", || licences(workspace))?;
    step("documentation", || {
        run::show(cargo(&["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-Dwarnings"))
    })?;
    step("tests", || tests(workspace))?;
    step("execution providers", || {
        let features = "--features=xnnpack,nnapi,coreml,qnn,directml,cuda";
        run::show(&mut cargo(&["test", "-p", "liveface-vision", features, "--", "provider"]))
    })?;
    step("demo", || demo::run(workspace))?;
    step("golden results, release", || golden::check_release(workspace))?;
    step("benchmarks, short", || {
        run::show(&mut cargo(&["bench", "-p", "liveface-benches", "--bench", "*", "--", "--quick"]))
    })?;
    println!("\nEverything passed in {}.", written(begun.elapsed()));
    Ok(())
}

/// Set-up, then all tests.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    tests(&setup(workspace)?)
}

fn tests(workspace: &Workspace) -> Result<(), Failure> {
    if !run::succeeds(&mut workspace.cargo(["nextest", "--version"])) {
        return run::show(&mut workspace.cargo(["test", "--workspace"]));
    }
    // nextest runs no examples of the documentation.
    run::show(&mut workspace.cargo(["test", "--workspace", "--doc"]))?;
    run::show(&mut workspace.cargo(["nextest", "run", "--workspace"]))?;
    // It shows nothing of a test that passes; tests that could not be tried write such files.
    let notes = fs::read_dir(workspace.target().join("tmp")).into_iter().flatten().flatten();
    for note in notes {
        if note.file_name().to_string_lossy().starts_with("official-client-skipped") {
            println!("\n{}", fs::read_to_string(note.path()).unwrap_or_default());
        }
    }
    Ok(())
}

/// Checks `deny.toml`. Advisories are left out: their database is a git repository, and a check
/// must not fail because that cannot be reached.
fn licences(workspace: &Workspace) -> Result<(), Failure> {
    let mut deny = workspace.command(cargo_deny(workspace)?);
    deny.args(["--workspace", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    run::show(&mut deny)
}

/// The path of cargo-deny: one that is installed, or one that is built under the target folder.
fn cargo_deny(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let tools = workspace.target().join("tools");
    let own = tools.join("bin/cargo-deny");
    for path in [PathBuf::from("cargo-deny"), own.clone()] {
        let version = run::output(Command::new(&path).arg("--version")).unwrap_or_default();
        if version.trim_ascii() == format!("cargo-deny {CARGO_DENY}").as_bytes() {
            return Ok(path);
        }
    }
    println!("Building cargo-deny {CARGO_DENY}, once; this takes some minutes ...");
    let build = tools.join("build");
    let mut install = workspace.cargo(["install", "--locked", "--force", "--quiet", "--root"]);
    install.arg(&tools).args(["--version", CARGO_DENY, "cargo-deny"]);
    run::show(install.env("CARGO_TARGET_DIR", &build))?;
    fs::remove_dir_all(&build).map_err(|error| format!("{}: {error}", build.display()))?;
    Ok(own)
}

/// Runs one step under a heading and says how long it took.
fn step<T>(name: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    println!("\n==== {name} ====");
    let begun = Instant::now();
    let result = work().map_err(|failure| format!("the step `{name}` failed: {failure}"))?;
    println!("---- {name}: {} ----", written(begun.elapsed()));
    Ok(result)
}

fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 => format!("{:.1} s", duration.as_secs_f64()),
        minutes => format!("{minutes} min {} s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_for_people() {
        assert_eq!(written(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(written(Duration::from_secs(125)), "2 min 5 s");
    }

    #[test]
    fn a_failed_step_is_named() {
        let failure = step("lints", || Err::<(), _>("too many".to_owned())).unwrap_err();
        assert_eq!(failure, "the step `lints` failed: too many");
    }
}
