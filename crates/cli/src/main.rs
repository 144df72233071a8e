//! The `liveface` program: capture, submission, analysis and a local sandbox from a terminal.

mod allocations;
mod args;
mod commands;
mod console;
mod failure;
mod output;
mod page;
mod sheet;
mod tsv;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let common = &arguments.common;
    let done = match arguments.command {
        Command::Capture(options) => commands::capture::run(common, &options),
        Command::Register(options) => commands::job::register(common, &options),
        Command::Authenticate(options) => commands::job::authenticate(common, &options),
        Command::Status(options) => commands::job::status(common, &options),
        Command::Submit(options) => commands::queue::run(common, &options),
        Command::Callback(options) => commands::callback::run(common, &options),
        Command::Tags(options) => commands::tags::run(common, &options),
        Command::Bundle(options) => commands::bundle::run(common, &options),
        Command::Analyze(options) => commands::analyze::run(common, &options),
        Command::Match(options) => commands::compare::run(common, &options),
        Command::Quality(options) => commands::quality::run(common, &options),
        Command::Eval(options) => commands::eval::run(common, &options),
        Command::Bench(options) => commands::bench::run(common, &options),
        Command::Sandbox(options) => commands::sandbox::run(common, &options),
        Command::Doctor(options) => commands::doctor::run(common, &options),
    };
    match done {
        Ok(code) => code.into(),
        Err(failure) => {
            console::error(&failure);
            failure.exit.into()
        }
    }
}
