//! The official Python client registers and authenticates people against the sandbox with the engine.
//!
//! Its packages are installed once, with pinned hashes, into a virtual environment below the target
//! directory. Where Python or the packages cannot be had the test is skipped and says so, on standard
//! error and in a file that `cargo xtask test` shows; with `LIVEFACE_REQUIRE_OFFICIAL_CLIENT=1` that
//! is a failure.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use liveface_sandbox::Sandbox;
use serde_json::{Value, json};

/// The pictures of one capture.
struct Capture {
    selfie: Vec<u8>,
    liveness: Vec<Vec<u8>>,
}

/// One person twice, then another one.
fn captures() -> [Capture; 3] {
    let person = |first, second| {
        let (selfie, liveness) = common::fixture_capture("clips-f1", first, second);
        Capture { selfie, liveness }
    };
    let stranger = common::fixture("stills/astronaut.png");
    [
        person("idle", "smile"),
        person("approach", "blink"),
        Capture { selfie: stranger.clone(), liveness: vec![stranger; 7] },
    ]
}

#[test]
fn the_official_client_registers_and_authenticates() {
    let note = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-client-skipped");
    let python = match installed_client() {
        Ok(python) => {
            // An earlier run may have left it.
            let _ = std::fs::remove_file(&note);
            python
        }
        Err(reason) => {
            let required = std::env::var_os("LIVEFACE_REQUIRE_OFFICIAL_CLIENT").is_some();
            assert!(!required, "{reason}");
            // Straight to standard error: what a passing test prints is not shown.
            let message =
                format!("*** SKIPPED: the official Python client was NOT tried: {reason} ***\n");
            std::io::stderr().write_all(message.as_bytes()).unwrap();
            // Some test runners show nothing at all of a test that passes.
            std::fs::write(&note, message).unwrap();
            return;
        }
    };
    let dir = tempfile::tempdir().unwrap();
    let sandbox =
        Sandbox::start(common::config(&dir.path().join("data")), common::engine_analyser())
            .unwrap();
    let [first, second, stranger] = captures();

    let status = submit(&python, &sandbox, dir.path(), 4, "job-1", false, &first);
    assert_eq!(status["job_success"], true, "{status}");
    let result = &status["result"];
    assert_eq!(
        (&result["ResultCode"], &result["ResultText"]),
        (&json!("0840"), &json!("Enroll User"))
    );
    assert_eq!(result["Actions"]["Register_Selfie"], "Approved");
    assert_eq!(
        result["PartnerParams"],
        json!({ "user_id": "ann", "job_id": "job-1", "job_type": 4 })
    );
    let link = status["image_links"]["selfie_image"].as_str().unwrap();
    assert_eq!(common::Client::of(&sandbox).get(link), (200, first.selfie.clone()));

    let status = submit(&python, &sandbox, dir.path(), 2, "job-2", true, &second);
    assert_eq!(status["result"]["ResultCode"], "0820", "{status}");
    assert_eq!(status["history"].as_array().unwrap().len(), 2);

    let status = submit(&python, &sandbox, dir.path(), 2, "job-3", false, &stranger);
    assert_eq!(status["job_complete"], true, "{status}");
    assert_eq!(status["job_success"], false, "{status}");
    assert_eq!(status["result"]["ResultCode"], "0821", "{status}");
}

/// Runs the client for one job of the user "ann"; the status that it returned.
fn submit(
    python: &Path,
    sandbox: &Sandbox,
    dir: &Path,
    job_type: u8,
    job_id: &str,
    base64: bool,
    capture: &Capture,
) -> Value {
    let save = |name: String, bytes: &[u8]| {
        let path = dir.join(format!("{job_id}-{name}.jpg"));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let liveness = capture.liveness.iter().enumerate();
    let job = json!({
        "server": sandbox.base_url(),
        "partner_id": sandbox.partner_id(),
        "api_key": sandbox.api_key(),
        "user_id": "ann",
        "job_id": job_id,
        "job_type": job_type,
        "base64": base64,
        "selfie": save("si_selfie_1".to_owned(), &capture.selfie),
        "liveness": liveness
            .map(|(n, bytes)| save(format!("si_liveness_{}", n + 1), bytes))
            .collect::<Vec<_>>(),
    });
    let mut client = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_client.py"))
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(job.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the client failed: {errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The Python that has the client installed, or why there is none. A package that is not the
/// pinned one is a failure.
fn installed_client() -> Result<PathBuf, String> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/requirements.txt");
    let wanted = std::fs::read(&requirements).unwrap();
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("official-python-client");
    let python = venv.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: what is installed is complete and from this list.
    let installed = venv.join("installed-requirements.txt");
    if std::fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let system = if cfg!(windows) { "python" } else { "python3" };
    run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--only-binary", ":all:", "--require-hashes", "--retries", "1", "--requirement"]);
    run(pip.arg(&requirements)).inspect_err(|reason| {
        assert!(!reason.contains("DO NOT MATCH THE HASHES"), "{reason}");
    })?;
    std::fs::write(&installed, wanted).unwrap();
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} does not run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{program} failed: {}", String::from_utf8_lossy(&said).trim()))
}
