//! The program, killed at any moment, leaves a store that is right: the old capture or the new one,
//! and a job that goes on where it was and reaches the server once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use liveface_submit::ApiKeySigner;
use serde_json::{Value, json};
use support::{Place, Sandbox, run, text};

/// Set it to the seed that a failure names, to have the same moments again.
const SEED: &str = "LIVEFACE_TEST_SEED";
/// How many are killed in each test; without it, 25.
const KILLS: &str = "LIVEFACE_TEST_KILLS";

fn kills() -> u64 {
    std::env::var(KILLS).ok().map_or(25, |kills| kills.parse().unwrap())
}

/// Random moments; a failed test shows the seed.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let given = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()) * 2_654_435_761 + 1);
        eprintln!("{SEED}={seed}");
        Self(seed)
    }

    /// A moment from `from` up to `to`.
    fn between(&mut self, from: Duration, to: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let share = (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        from + to.saturating_sub(from).mul_f64(share)
    }
}

/// SIGKILL. Whether it came before the end.
fn kill(mut child: Child) -> bool {
    // Fails only when it has ended already.
    let _ = child.kill();
    child.wait().unwrap().code().is_none()
}

/// A capture under way, and its event lines as they come.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

/// A capture of the fixture `subject`, with few images to be quick.
fn capture(place: &Place, subject: &str) -> Command {
    let policy = place.write("quick.toml", "[sequence]\nliveness_images = 3\n");
    let subject = format!("fixtures/{subject}");
    let capture = ["capture", "--json", "--subject", &subject, "--seed", "1", "--tag", "kiosk"];
    let mut command = place.command(capture);
    command.args(["--policy", &policy, "--replace"]);
    command
}

impl Running {
    fn start(place: &Place, subject: &str) -> Self {
        let mut command = capture(place, subject);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits for the line that holds `words`.
    fn wait_for(&self, words: &str) {
        while !self.lines.recv_timeout(Duration::from_secs(60)).unwrap().contains(words) {}
    }
}

const SELFIE: &str = r#""kind":"selfie","index":0"#;
const VERDICT: &str = r#""event":"verdict""#;

#[test]
fn a_killed_capture_leaves_the_old_one_or_the_new_one() {
    let (place, kills) = (Place::new(), kills());
    let mut moments = Moments::new();
    let zip_of = |subject: &str| {
        run(&mut capture(&place, subject)).expect(0);
        place.bundle("kiosk")
    };
    let zips = [("clips-f1", zip_of("clips-f1")), ("clips-m1", zip_of("clips-m1"))];
    let begun = Instant::now();
    let whole = Running::start(&place, "clips-f1");
    whole.wait_for(SELFIE);
    let taken = begun.elapsed();
    whole.wait_for(VERDICT);
    let total = begun.elapsed();
    let kept = total - taken;
    drop(whole.child.wait_with_output().unwrap());

    // What the tag holds now, as an index of `zips`.
    let mut current = Some(0);
    let (mut killed, mut killed_while_saving, mut saved) = (0, 0, 0);
    // The machine may be faster or slower by now: a kill that came too late shortens the next ones.
    let (mut whole_time, mut saving_time) = (total, kept * 2);
    for round in 0..kills {
        if round % 5 == 4 && current.is_some() {
            place.run(["tags", "clear", "kiosk"]).expect(0);
            current = None;
        }
        let new = current.map_or(0, |old| 1 - old);
        let running = Running::start(&place, zips[new].0);
        // Most moments lie where the store is written.
        let saving = round % 5 >= 2;
        if saving {
            running.wait_for(SELFIE);
            std::thread::sleep(moments.between(Duration::ZERO, saving_time));
        } else {
            std::thread::sleep(moments.between(Duration::ZERO, whole_time));
        }
        let early = kill(running.child);
        match (early, saving) {
            (true, _) => {}
            (false, true) => saving_time /= 2,
            (false, false) => whole_time = whole_time * 2 / 3,
        }
        let rest: Vec<String> = running.lines.iter().collect();
        let done = rest.iter().any(|line| line.contains(VERDICT));
        let taken = saving || rest.iter().any(|line| line.contains(SELFIE));
        killed += u32::from(early);
        killed_while_saving += u32::from(taken && !done);

        let listed: Vec<_> = place.tags().into_iter().map(|(tag, _)| tag).collect();
        let found = if listed.is_empty() {
            None
        } else {
            assert_eq!(listed, ["kiosk"]);
            assert_eq!(place.show("kiosk")["job"], Value::Null);
            let zip = place.bundle("kiosk");
            Some(zips.iter().position(|(_, whole)| *whole == zip).expect("neither old nor new"))
        };
        let is_new = found == Some(new);
        assert!(is_new || found == current, "round {round}: {found:?} after {current:?}");
        // Before the selfie there is nothing to keep; a verdict that was told is kept.
        assert!(taken || !is_new, "round {round}");
        assert!(!done || is_new, "round {round}");
        saved += u32::from(is_new);
        current = found;
    }
    eprintln!("{killed} killed, {killed_while_saving} while saving ({kept:?}), {saved} saved");
    assert!(killed >= kills as u32 / 2 && killed_while_saving > 0);

    // What the killed ones left behind is gone after the next save.
    run(&mut capture(&place, "clips-f1")).expect(0);
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let tags = folders(&place.path("store"));
    assert_eq!(tags.len(), 1, "{tags:?}");
    assert_eq!(folders(&tags[0]).len(), 1);
}

/// A copy of a store, as a backup would make it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(path, target).unwrap();
        }
    }
}

/// The results of every finished job of `user`, as the server tells them.
fn history(sandbox: &Sandbox, user: &str, job: &str) -> Vec<Value> {
    let signed = ApiKeySigner::new(&sandbox.partner_id, &sandbox.api_key).unwrap().sign_now();
    let question = json!({
        "user_id": user, "job_id": job, "partner_id": sandbox.partner_id,
        "image_links": false, "history": true,
        "timestamp": signed.timestamp, "signature": signed.signature,
    });
    let url = format!("{}/job_status", sandbox.url);
    let mut answer = ureq::post(url).send_json(question).unwrap();
    let answer: Value = answer.body_mut().read_json().unwrap();
    answer["history"].as_array().unwrap().clone()
}

#[test]
fn a_killed_registration_goes_on_as_the_same_job() {
    let (place, count) = (Place::new(), kills());
    let sandbox = Sandbox::start(&place);
    place.capture("clips-f1", "1", "kiosk").expect(0);
    let zip = place.bundle("kiosk");
    let (pristine, key) = (place.path("pristine"), place.path("store.key"));
    copy(&place.path("store"), &pristine);

    // A registration for a user and a store of the round's own.
    let register = |round: u64| -> Command {
        let user = format!("user-{round}");
        let mut command = sandbox.command(&place, &["register", "kiosk", "--user-id", &user]);
        command.env("LIVEFACE_STORE", place.path(&format!("store-{round}")));
        command.env("LIVEFACE_STORE_KEY_FILE", &key);
        command
    };
    copy(&pristine, &place.path("store-0"));
    let begun = Instant::now();
    let first = run(&mut register(0)).expect(0).json();
    let total = begun.elapsed();
    let numbers = Mutex::new(BTreeSet::from([text(&first["smile_job_id"])]));

    let early_end = Duration::from_millis(150);
    let mut moments = Moments::new();
    let kills: Vec<_> = (1..=count)
        .map(|round| {
            let at = match round % 3 {
                // Announced, uploaded and noted.
                0 => moments.between(Duration::ZERO, early_end),
                // The result comes and is noted.
                1 => moments.between(total - early_end, total + early_end / 2),
                _ => moments.between(Duration::ZERO, total),
            };
            (round, at)
        })
        .collect();
    let one = |round: u64, at: Duration| {
        let user = format!("user-{round}");
        let store = place.path(&format!("store-{round}"));
        copy(&pristine, &store);
        let child = register(round).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(at);
        let early = kill(child);

        let look = |arguments: &[&str]| {
            let mut command = place.command(arguments.iter().copied());
            command.env("LIVEFACE_STORE", &store).env("LIVEFACE_STORE_KEY_FILE", &key);
            run(&mut command).expect(0)
        };
        let listed = look(&["tags", "list", "--json"]).json();
        assert_eq!(listed["tags"][0]["tag"], "kiosk", "round {round}, killed at {at:?}");
        let out = place.text(&format!("{round}.zip"));
        look(&["bundle", "kiosk", "--no-record", "--out", &out]);
        assert_eq!(fs::read(out).unwrap(), zip);
        let job = look(&["tags", "show", "kiosk", "--json"]).json()["job"].clone();

        let sent = run(&mut register(round)).expect(0).json();
        assert_eq!((&sent["approved"], &sent["result_code"]), (&json!(true), &json!("0840")));
        let job_id = text(&sent["job_id"]);
        if !job.is_null() {
            assert_eq!(job["job_id"], job_id.as_str(), "round {round}, killed at {at:?}");
        }
        let listed = look(&["tags", "list", "--json"]).json();
        assert_eq!(listed["tags"][0]["state"], "submitted");

        let history = history(&sandbox, &user, &job_id);
        assert_eq!(history.len(), 1, "round {round}, killed at {at:?}: {history:?}");
        assert_eq!(history[0]["ResultCode"], "0840");
        assert_eq!(history[0]["PartnerParams"]["job_id"], job_id.as_str());
        numbers.lock().unwrap().insert(text(&history[0]["SmileJobID"]));
        early
    };
    // Most of the time is waiting for the server, so several wait side by side.
    let killed: usize = std::thread::scope(|scope| {
        let shares: Vec<_> = kills
            .chunks(kills.len().div_ceil(5))
            .map(|share| {
                scope.spawn(move || share.iter().filter(|(round, at)| one(*round, *at)).count())
            })
            .collect();
        shares.into_iter().map(|share| share.join().unwrap()).sum()
    });
    eprintln!("{killed} of {count} killed before their end");
    assert!(killed >= count as usize / 2);

    // The server counts the jobs that were announced: nobody announced another one.
    let numbers = numbers.into_inner().unwrap();
    assert_eq!(numbers.len(), count as usize + 1);
    assert_eq!(numbers.last().unwrap().parse::<u64>().unwrap(), count + 1);
}
