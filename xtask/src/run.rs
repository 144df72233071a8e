//! Starts other programs and says clearly when one fails.

use std::process::{Command, Stdio};

use crate::Failure;

/// Runs `command` with this program's own output; fails unless it exits with 0.
pub(crate) fn show(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", line(command))) }
}

/// Runs `command` and answers with its output; fails with its messages unless it exits with 0.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.output().map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` ended with {}:\n{}", line(command), output.status, said.trim_end()))
}

/// Whether `command` can be started and exits with 0; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The failure to start `command`.
pub(crate) fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    format!("`{}` could not be started: {error}", line(command))
}

/// `command` as it would be typed. Its environment is left out: that may hold a key.
pub(crate) fn line(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@".contains(c);
        line.push(' ');
        if !argument.is_empty() && argument.chars().all(plain) {
            line.push_str(&argument);
        } else {
            line.push_str(&format!("'{}'", argument.replace('\'', r"'\''")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_written_as_it_would_be_typed() {
        let mut command = Command::new("pip");
        command.args(["download", "--dest", "a folder", "it's", ""]).env("KEY", "secret");
        assert_eq!(line(&command), r"pip download --dest 'a folder' 'it'\''s' ''");
    }

    #[test]
    fn a_failure_carries_the_programs_own_words() {
        let failure = output(Command::new("sh").args(["-c", "echo no room >&2; exit 3"]));
        let failure = failure.unwrap_err();
        assert!(failure.contains("no room") && failure.contains('3'), "{failure}");
        assert!(show(&mut Command::new("/nowhere/at-all")).unwrap_err().contains("not be started"));
    }
}
