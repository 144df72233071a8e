//! Where the workspace lies, and how its commands are started.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Failure;
use crate::run;

/// The folders of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    onnxruntime: Option<PathBuf>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self, Failure> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut ask = Command::new(cargo());
        ask.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
        let answer = run::output(ask.arg(manifest))?;
        let metadata: Value = serde_json::from_slice(&answer)
            .map_err(|error| format!("`cargo metadata` answered with no JSON: {error}"))?;
        let folder = |name: &str| match metadata[name].as_str() {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(format!("`cargo metadata` did not say `{name}`")),
        };
        let (root, target) = (folder("workspace_root")?, folder("target_directory")?);
        Ok(Self { root, target, onnxruntime: None })
    }

    /// The same workspace, whose commands load `library`.
    pub(crate) fn with_onnxruntime(&self, library: PathBuf) -> Self {
        Self { onnxruntime: Some(library), ..self.clone() }
    }

    /// The folder for everything that is built or fetched.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// `program`, to be run in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        if let Some(library) = &self.onnxruntime {
            command.env("ORT_DYLIB_PATH", library);
        }
        command
    }

    /// `cargo` with `arguments`, to be run in the root.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.command(cargo());
        command.args(arguments);
        command
    }

    /// `path` as a person in the root would type it.
    pub(crate) fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

/// The cargo that runs this program.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}
