//! `cargo xtask`: the commands that set the workspace up, show it, test it and check it.
//!
//! Few dependencies, because everything starts with building this.

#![expect(clippy::print_stdout, reason = "a program for people at a terminal")]

mod ci;
mod demo;
mod golden;
mod onnxruntime;
mod packages;
mod run;
mod sandbox;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  setup  fetches what the project needs and this machine lacks; does nothing when all is there
  demo   set-up, then captures, enrols and authenticates a synthetic person, and tries two impostors
  test   set-up, then all tests
  golden set-up, then writes fixtures/golden anew, for review as a diff;
         with --check it only compares, with --check --release the release program's results
  ci     everything that must pass: format, lints, licences, documentation, tests, demo, golden
         results of the release program, benchmarks

Example: cargo xtask demo";

/// What went wrong and what to do about it, in sentences.
type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command: fn(&Workspace) -> Result<(), Failure> =
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] | ["help" | "-h" | "--help"] => {
                println!("{HELP}");
                return ExitCode::SUCCESS;
            }
            ["setup"] => |workspace| setup(workspace).map(|_| println!("Set-up is done.")),
            ["demo"] => demo::run,
            ["golden"] => golden::write,
            ["golden", "--check"] => golden::check,
            ["golden", "--check", "--release"] => golden::check_release,
            ["test"] => ci::test,
            ["ci"] => ci::run,
            _ => {
                eprintln!("`{}` is no command of xtask.\n\n{HELP}", arguments.join(" "));
                return ExitCode::from(2);
            }
        };
    match Workspace::find().and_then(|workspace| command(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask stopped: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Makes sure that everything is there; answers with the workspace that uses ONNX Runtime.
fn setup(workspace: &Workspace) -> Result<Workspace, Failure> {
    packages::ensure()?;
    let library = onnxruntime::ensure(workspace.target())?;
    Ok(workspace.with_onnxruntime(library))
}
