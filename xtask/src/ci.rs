//! Everything that must pass before a change is taken.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::workspace::Workspace;
use crate::{Failure, demo, golden, run, setup};

/// The release whose verdicts `deny.toml` was written against.
const CARGO_DENY: &str = "0.20.2";

/// Makes a test fail that would be skipped because a client of the service cannot be had.
const REQUIRE_CLIENTS: &str = "LIVEFACE_REQUIRE_OFFICIAL_CLIENT";

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
    step("tests", || tests(workspace, !is_offline()))?;
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
    // Once more at the end: such a pass is worth less.
    show_skipped(workspace);
    Ok(())
}

/// Whether the tests may go without the service's own clients, which come over the network.
fn is_offline() -> bool {
    std::env::var_os("LIVEFACE_OFFLINE").is_some_and(|value| value == "1")
}

/// Set-up, then all tests.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    tests(&setup(workspace)?, false)
}

/// All tests; with `clients`, one of the service's own clients that cannot be tried is a failure.
fn tests(workspace: &Workspace, clients: bool) -> Result<(), Failure> {
    let cargo = |arguments: &[&str]| {
        let mut cargo = workspace.cargo(arguments.iter().copied());
        if clients {
            cargo.env(REQUIRE_CLIENTS, "1");
        }
        cargo
    };
    if !run::succeeds(&mut cargo(&["nextest", "--version"])) {
        return run::show(&mut cargo(&["test", "--workspace"]));
    }
    // nextest runs no examples of the documentation.
    run::show(&mut cargo(&["test", "--workspace", "--doc"]))?;
    run::show(&mut cargo(&["nextest", "run", "--workspace"]))?;
    // It shows nothing of a test that passes.
    show_skipped(workspace);
    Ok(())
}

/// Shows what tests of the service's own clients wrote that could not be tried.
fn show_skipped(workspace: &Workspace) {
    let notes = fs::read_dir(workspace.target().join("tmp")).into_iter().flatten().flatten();
    for note in notes {
        if note.file_name().to_string_lossy().starts_with("official-client-skipped") {
            println!("\n{}", fs::read_to_string(note.path()).unwrap_or_default());
        }
    }
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
