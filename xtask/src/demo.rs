//! Shows the whole path on this machine: capture, enrol, authenticate, and two impostors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::workspace::Workspace;
use crate::{Failure, run, setup};

/// The person who enrols, the stranger, and a screen that shows the stranger.
const SUBJECT: &str = "fixtures/clips-f1";
const STRANGER: &str = "fixtures/clips-m1";
const SCREEN: &str = "fixtures/attack-clips-m1-replay-bezel";

/// The presets: a smile, and turns of the head in an order drawn from the seed.
const SMILE: &str = "smart-selfie";
const TURNS: &str = "enhanced";
const USER: &str = "demo-user";

/// The service's code for a person who was enrolled.
const ENROLLED: &str = "0840";

/// Set-up, build, then the demo; fails when an outcome is not as it must be.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let workspace = setup(workspace)?;
    let program = build(&workspace)?;

    let lock_path = workspace.target().join("demo.lock");
    let lock =
        File::create(&lock_path).map_err(|error| format!("{}: {error}", lock_path.display()))?;
    if lock.try_lock().is_err() {
        return Err("another demo is running; wait until it has ended".to_owned());
    }
    let folder = fresh_folder(workspace.target().join("demo"))?;
    let sandbox = Sandbox::start(&workspace, &program, &folder)?;
    println!("\n1. A sandbox server listens at {}.", sandbox.url);
    let stage = Stage { workspace: &workspace, program: &program, folder: &folder, sandbox };

    println!("\n2. Enrolment: {SUBJECT} in front of the camera.");
    let sheet = folder.join("capture.png");
    let capture = stage.capture(SUBJECT, SMILE, 1, "demo-enrol", Some(&sheet))?;
    capture.expect_live()?;
    expect(sheet.is_file(), "the contact sheet was not written")?;
    let job = stage.job("register", "demo-enrol")?;
    job.print();
    expect(job.approved && job.code == ENROLLED, "the person was not enrolled")?;

    println!(
        "\n3. The same person authenticates, in a new capture that asks for turns of the head."
    );
    stage.capture(SUBJECT, TURNS, 2, "demo-auth", None)?.expect_live()?;
    let job = stage.job("authenticate", "demo-auth")?;
    job.print();
    expect(job.approved, "the enrolled person was not recognised")?;

    println!("\n4. A stranger, {STRANGER}, claims to be that user.");
    stage.capture(STRANGER, SMILE, 3, "demo-stranger", None)?.expect_live()?;
    let job = stage.job("authenticate", "demo-stranger")?;
    job.print();
    expect(!job.approved, "the stranger was accepted as the enrolled person")?;

    println!("\n5. A screen replays a recording of the stranger: {SCREEN}.");
    let attack = stage.capture(SCREEN, SMILE, 4, "demo-attack", None)?;
    expect(attack.verdict == "attack", "a screen was not taken for an attack")?;
    println!("   Refused on the device; nothing was sent.");

    println!(
        "\nThe enrolment's pictures: {} (open it in any image viewer).",
        workspace.display(&sheet)
    );
    println!("Tags and sandbox data: {} (made anew by every demo).", workspace.display(&folder));
    Ok(())
}

/// Builds the release program; answers with its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Failure> {
    println!("Building the program ...");
    run::show(&mut workspace.cargo(["build", "--quiet", "--release", "-p", "liveface-cli"]))?;
    let name = format!("liveface{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace.target().join("release").join(name))
}

fn expect(outcome: bool, otherwise: &str) -> Result<(), Failure> {
    if outcome { Ok(()) } else { Err(format!("the demo did not end as it must: {otherwise}")) }
}

fn fresh_folder(folder: PathBuf) -> Result<PathBuf, Failure> {
    let made = match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(&folder),
    };
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// What every command of the demo has in common.
struct Stage<'a> {
    workspace: &'a Workspace,
    program: &'a Path,
    folder: &'a Path,
    sandbox: Sandbox,
}

impl Stage<'_> {
    /// Runs one capture, prints it and answers with how it ended.
    fn capture(
        &self,
        subject: &str,
        policy: &str,
        seed: u32,
        tag: &str,
        sheet: Option<&Path>,
    ) -> Result<Capture, Failure> {
        let mut command = self.workspace.command(self.program);
        command.args(["capture", "--subject", subject, "--policy", policy, "--tag", tag, "--json"]);
        command.arg("--seed").arg(seed.to_string()).arg("--store").arg(self.folder.join("store"));
        if let Some(sheet) = sheet {
            command.arg("--sheet").arg(sheet);
        }
        let output = command.output().map_err(|error| run::not_started(&command, &error))?;
        let line = run::line(&command);
        // 3 and 4 are captures that ended, without a live verdict and as an attack.
        let capture = Capture::from_events(&finished(output, &[0, 3, 4], &line)?)
            .map_err(|what| format!("`{line}`: {what}"))?;
        capture.print();
        Ok(capture)
    }

    /// Sends `tag` as `command` for the demo's user and waits for the result.
    fn job(&self, command: &str, tag: &str) -> Result<Job, Failure> {
        let mut send = self.workspace.command(self.program);
        send.args([command, tag, "--user-id", USER, "--json", "--env", &self.sandbox.url]);
        send.arg("--store").arg(self.folder.join("store"));
        send.env("LIVEFACE_PARTNER_ID", &self.sandbox.partner_id);
        send.env("LIVEFACE_API_KEY", &self.sandbox.api_key);
        let output = send.output().map_err(|error| run::not_started(&send, &error))?;
        let line = run::line(&send);
        let rejected = output.status.code() == Some(3);
        let job = Job::from_answer(&finished(output, &[0, 3], &line)?)
            .map_err(|what| format!("`{line}`: {what}"))?;
        if job.approved == rejected {
            return Err(format!(
                "`{line}` says approved: {}, but its exit code says otherwise",
                job.approved
            ));
        }
        Ok(job)
    }
}

/// The output of a program that must end with one of `codes`.
fn finished(output: Output, codes: &[i32], line: &str) -> Result<String, Failure> {
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.code().is_some_and(|code| codes.contains(&code)) {
        return Err(format!("`{line}` ended with {}:\n{}", output.status, said.trim_end()));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` wrote what is not text"))
}

/// How a capture went, in the words of its events.
#[derive(Debug, PartialEq)]
struct Capture {
    guidance: Vec<String>,
    restarts: usize,
    verdict: String,
    reasons: Vec<String>,
    video_seconds: f64,
    images: usize,
    frames_seen: u64,
    /// What each kind of evidence says: its name, its score and what speaks against a live person.
    findings: Vec<(String, Option<f64>, Option<String>)>,
}

impl Capture {
    /// Reads the events of `capture --json`, one JSON object per line.
    fn from_events(text: &str) -> Result<Self, Failure> {
        let events = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Value>, _>>()
            .map_err(|error| format!("a line of the output is no JSON: {error}"))?;
        let named = |name: &'static str| events.iter().filter(move |event| event["event"] == name);
        let end = named("verdict").next_back().ok_or("no verdict was printed")?;
        let findings = end["evidence"]["findings"].as_array().into_iter().flatten();
        let finding = |finding: &Value| {
            let reason = Some(&finding["reason"]).filter(|reason| reason.is_string());
            (words_of(&finding["evidence"]), finding["score"].as_f64(), reason.map(words_of))
        };
        Ok(Self {
            guidance: named("guidance").map(|event| words_of(&event["guidance"])).collect(),
            restarts: named("restart").count(),
            verdict: words_of(&end["verdict"]),
            reasons: end["reasons"].as_array().into_iter().flatten().map(words_of).collect(),
            video_seconds: end["t_ms"].as_f64().ok_or("the verdict has no time")? / 1000.0,
            images: end["images"].as_array().ok_or("the verdict has no images")?.len(),
            frames_seen: end["frames"]["seen"].as_u64().ok_or("the verdict has no frame count")?,
            findings: findings.map(finding).collect(),
        })
    }

    fn print(&self) {
        println!("   Guidance: {}.", self.guidance.join(", "));
        let restarts = match self.restarts {
            0 => String::new(),
            times => format!(" It started again {times} times."),
        };
        println!(
            "   Verdict: {}, after {:.1} s of video ({} frames), with {} images.{restarts}",
            self.verdict, self.video_seconds, self.frames_seen, self.images
        );
        if !self.reasons.is_empty() {
            println!("   Reasons: {}.", self.reasons.join(", "));
        }
        let told = self.findings.iter().filter_map(|(kind, score, reason)| {
            let against = reason.as_ref().map(|reason| format!(" ({reason})"));
            Some(format!("{kind} {:.2}{}", (*score)?, against.unwrap_or_default()))
        });
        println!("   Evidence, 0 attack to 1 live: {}.", told.collect::<Vec<_>>().join(", "));
    }

    fn expect_live(&self) -> Result<(), Failure> {
        expect(self.verdict == "live", "a capture of a person did not end with a live verdict")
    }
}

/// The service's answer to a job.
#[derive(Debug, PartialEq)]
struct Job {
    approved: bool,
    code: String,
    text: String,
    confidence: Option<f64>,
}

impl Job {
    /// Reads the one JSON object of `register --json` or `authenticate --json`.
    fn from_answer(text: &str) -> Result<Self, Failure> {
        let answer: Value = serde_json::from_str(text)
            .map_err(|error| format!("the output is no JSON object: {error}"))?;
        expect(answer["job_complete"] == true, "the job was not complete")?;
        Ok(Self {
            approved: answer["approved"].as_bool().ok_or("the answer does not say `approved`")?,
            code: plain(&answer["result_code"]),
            text: plain(&answer["result_text"]),
            confidence: answer["confidence"].as_f64(),
        })
    }

    fn print(&self) {
        let confidence = self.confidence.map(|value| format!(" Confidence {value:.2}."));
        println!(
            "   The server's result: {} {} ({}).{}",
            self.code,
            self.text,
            if self.approved { "approved" } else { "rejected" },
            confidence.unwrap_or_default()
        );
    }
}

/// A value as text, whatever its JSON type.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A code as words: `move_closer` becomes "move closer".
fn words_of(value: &Value) -> String {
    plain(value).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_read_from_its_events() {
        let events = r#"{"event":"guidance","t_ms":0,"guidance":"move_closer"}
{"event":"restart","t_ms":70,"reason":"face_lost"}
{"event":"shot","t_ms":100,"kind":"selfie","index":0,"challenge":null}
{"event":"verdict","t_ms":4200,"tag":"t","verdict":"timed_out","reasons":["time_used_up"],"evidence":{"findings":[{"evidence":"passive","score":0.5,"reason":"presentation_doubtful"},{"evidence":"shape","score":null,"reason":null}]},"images":[{"kind":"selfie","file":"a.jpg","width":1,"height":1}],"frames":{"seen":63,"dropped":0}}"#;
        let capture = Capture::from_events(events).unwrap();
        assert_eq!(capture.guidance, ["move closer"]);
        assert_eq!((capture.restarts, capture.images, capture.frames_seen), (1, 1, 63));
        assert_eq!(capture.verdict, "timed out");
        assert_eq!(capture.reasons, ["time used up"]);
        assert_eq!(capture.video_seconds, 4.2);
        let passive = ("passive".to_owned(), Some(0.5), Some("presentation doubtful".to_owned()));
        assert_eq!(capture.findings, [passive, ("shape".to_owned(), None, None)]);
        assert!(capture.expect_live().is_err());
    }

    #[test]
    fn an_output_without_a_verdict_is_no_capture() {
        let cut = r#"{"event":"guidance","t_ms":0,"guidance":"smile"}"#;
        assert!(Capture::from_events(cut).unwrap_err().contains("no verdict"));
        assert!(Capture::from_events("panicked").unwrap_err().contains("no JSON"));
    }

    #[test]
    fn a_job_is_read_from_its_answer() {
        let answer = r#"{"approved":true,"result_code":"0840","result_text":"Enrolled","confidence":99.5,"job_id":"j","user_id":"u","job_complete":true}"#;
        let job = Job::from_answer(answer).unwrap();
        assert!(job.approved);
        assert_eq!((job.code.as_str(), job.confidence), ("0840", Some(99.5)));
        assert!(Job::from_answer(r#"{"approved":true,"job_complete":false}"#).is_err());
        assert!(Job::from_answer(r#"{"job_complete":true}"#).is_err());
    }
}
