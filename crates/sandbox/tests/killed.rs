//! A sandbox that is killed at any moment keeps its keys and certificate, loses no job that it
//! accepted, and decides each of them once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::v3::{Form, V3Client};
use common::{Client, ColourAnalyser, RED, capture, config};
use liveface_sandbox::{Sandbox, SandboxConfig, list_jobs};

const CHILD_DIR: &str = "LIVEFACE_SANDBOX_CHILD_DIR";
const KILLS: u32 = 16;

fn start(dir: &Path) -> Sandbox {
    let config = SandboxConfig { tls: true, ..config(dir) };
    Sandbox::start(config, Box::new(ColourAnalyser)).unwrap()
}

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "another test starts it"]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let sandbox = start(dir.as_ref());
    println!("\nserving {}", sandbox.v3_url());
    // The parent kills this long before; if the parent is gone, this must not stay for ever.
    std::thread::sleep(Duration::from_secs(60));
    std::process::exit(1);
}

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Submits jobs of both protocols until the sandbox is gone; the ids of those that it accepted.
fn submit(url: &str, dir: &Path, round: u32) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let (pem, key) = (read("ca.pem"), read("api_key"));
    let mut accepted = Vec::new();
    let Ok(client) = V3Client::new(url, Some(&pem), "2345", &key) else { return accepted };
    let v1 = Client::trusting(Some(&pem), &format!("{url}/v1"), "2345", &key);
    for n in 0.. {
        let user = format!("user-{round}-{n}");
        match client.try_post("registration", Some(&user), &Form::capture(RED)) {
            Ok((202, answer)) => accepted.push(answer["job_id"].as_str().unwrap().to_owned()),
            // Too many wait: the colours are looked at more slowly than they come.
            Ok((429, _)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(_) => return accepted,
        }
        let job = format!("job-{round}-{n}");
        let user = format!("v1-{user}");
        let Ok((200, answer)) = v1.try_post("upload", &v1.upload_body(4, &user, &job)) else {
            return accepted;
        };
        let zip = capture(RED);
        match v1.try_put(answer["upload_url"].as_str().unwrap(), "application/zip", &zip) {
            Ok((200, _)) => accepted.push(job),
            Ok((503, _)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(_) => return accepted,
        }
    }
    accepted
}

#[test]
fn kills_at_any_moment_lose_and_repeat_nothing() {
    let seed = std::process::id().wrapping_mul(2_654_435_761) | 1;
    eprintln!("seed {seed}");
    let mut random = seed;
    let mut up_to = |limit: u32| {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        Duration::from_millis(u64::from(random % limit))
    };
    let dir = tempfile::tempdir().unwrap();
    let mut accepted = Vec::new();
    let mut kept: Option<[String; 4]> = None;
    for round in 0..KILLS {
        // While it starts; the first few times, while it makes its keys.
        let child = spawn(dir.path());
        std::thread::sleep(up_to(60));
        kill(child);
        let mut child = spawn(dir.path());
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.strip_prefix("serving ").map(str::to_owned)).unwrap();
        let files = ["api_key", "token_key", "auth_token", "tls.pem"]
            .map(|name| std::fs::read_to_string(dir.path().join(name)).unwrap());
        assert_eq!(kept.get_or_insert_with(|| files.clone()), &files);
        // While it works.
        let moment = up_to(400);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(moment);
            kill(child);
        });
        accepted.extend(submit(&url, dir.path(), round));
        killer.join().unwrap();
    }
    assert!(accepted.len() > 10, "{} jobs are too few to say anything", accepted.len());

    let sandbox = start(dir.path());
    let end = Instant::now() + Duration::from_secs(60);
    let open =
        |sandbox: &Sandbox| sandbox.jobs().unwrap().iter().any(|job| job.received != job.finished);
    while open(&sandbox) {
        assert!(Instant::now() < end, "jobs stay undecided");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(sandbox.last_fault(), None);
    sandbox.stop();
    let jobs = list_jobs(dir.path(), "2345").unwrap();
    for job in &jobs {
        let counts = (job.announced, job.received, job.finished);
        // Announced, and then the sandbox was killed before the zip came.
        let lost = counts == (1, 0, 0) && job.protocol == "v1";
        assert!(counts == (1, 1, 1) || lost && !accepted.contains(&job.job_id), "{job:?}");
        assert!(lost || job.result_code.as_deref() == Some("0840"), "{job:?}");
    }
    for id in &accepted {
        assert_eq!(jobs.iter().filter(|job| job.job_id == *id).count(), 1, "{id}");
    }
    eprintln!("{} jobs, {} of them accepted", jobs.len(), accepted.len());
}
