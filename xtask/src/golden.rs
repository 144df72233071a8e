//! The golden results of the fixtures: writes what captures give to `fixtures/golden`, or compares
//! it. The captures themselves are made by the program's test of the same name.

use std::process::Command;

use crate::workspace::Workspace;
use crate::{Failure, demo, run, setup};

/// Tells the test to write.
const WRITE: &str = "LIVEFACE_GOLDEN_WRITE";
/// Tells the test which program to run, in place of the one that is built with it.
const PROGRAM: &str = "LIVEFACE_TEST_PROGRAM";

/// Writes the results of the development build.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Failure> {
    run::show(test(&setup(workspace)?).env(WRITE, "1"))?;
    println!("Review what has changed: git diff fixtures/golden");
    Ok(())
}

/// Compares the results of the development build with the committed ones.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    run::show(&mut test(&setup(workspace)?))
}

/// Compares the results of the release build with the committed ones: optimisation changes nothing.
pub(crate) fn check_release(workspace: &Workspace) -> Result<(), Failure> {
    let workspace = setup(workspace)?;
    let program = demo::build(&workspace)?;
    run::show(test(&workspace).env(PROGRAM, program))
}

fn test(workspace: &Workspace) -> Command {
    workspace.cargo(["test", "--quiet", "-p", "liveface-cli", "--test", "golden"])
}
