//! The sandbox server as a child process that never outlives this one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::run;
use crate::workspace::Workspace;

/// How long the server may take until it says where it listens.
const START: Duration = Duration::from_secs(60);

/// A running sandbox. Dropping it ends the server.
pub(crate) struct Sandbox {
    child: Child,
    /// Where it listens.
    pub(crate) url: String,
    /// Who may send jobs.
    pub(crate) partner_id: String,
    /// The key that signs them.
    pub(crate) api_key: String,
}

impl Sandbox {
    /// Starts `program sandbox` on a free port; its data and its log go to `folder`.
    pub(crate) fn start(
        workspace: &Workspace,
        program: &Path,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let log_path = folder.join("sandbox.log");
        let log =
            File::create(&log_path).map_err(|error| format!("{}: {error}", log_path.display()))?;
        let mut command = tied(workspace, program);
        command.args(["sandbox", "--port", "0", "--json", "--data"]).arg(folder.join("sandbox"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| run::not_started(&command, &error))?;
        let stdout = child.stdout.take();
        let mut sandbox =
            Self { child, url: String::new(), partner_id: String::new(), api_key: String::new() };
        let first = stdout.and_then(first_line);
        let started: Value =
            first.and_then(|line| serde_json::from_str(&line).ok()).ok_or_else(|| {
                format!("the sandbox did not say where it listens; see {}", log_path.display())
            })?;
        for (name, field) in [
            ("url", &mut sandbox.url),
            ("partner_id", &mut sandbox.partner_id),
            ("api_key", &mut sandbox.api_key),
        ] {
            let value = started[name].as_str();
            *field = value.ok_or_else(|| format!("the sandbox did not say `{name}`"))?.to_owned();
        }
        Ok(sandbox)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `program`, which Linux ends when this process ends, however it ends, where that can be asked for.
fn tied(workspace: &Workspace, program: &Path) -> Command {
    let setpriv = ["--pdeathsig", "KILL"];
    if run::succeeds(Command::new("setpriv").args(setpriv).arg("true")) {
        let mut command = workspace.command("setpriv");
        command.args(setpriv).arg(program);
        return command;
    }
    workspace.command(program)
}

/// The first line, if it comes in time. What follows is read and dropped, so that the writer is
/// never held up.
fn first_line(stdout: ChildStdout) -> Option<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive.recv_timeout(START).ok()
}
