//! A process that is killed while it saves leaves the old capture or the new one.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::capture;
use liveface_bundle::{BundleError, Store, StoreKey, Tag};

const STORE: &str = "LIVEFACE_TEST_STORE";

fn tag() -> Tag {
    Tag::new("kiosk").unwrap()
}

/// Saves capture after capture, and says which one is done, until it is killed.
#[test]
#[ignore = "the test below runs this in a child process"]
fn saver() {
    let Ok(path) = std::env::var(STORE) else { return };
    let store = Store::open(path, &StoreKey::from_bytes([7; 32])).unwrap();
    let next = store.load(&tag()).map_or(0, |found| found.record.seed + 1);
    for number in next.. {
        store.replace(&tag(), &capture(number)).unwrap();
        println!("saved {number}");
        if number % 7 == 6 {
            store.clear(&tag()).unwrap();
            println!("cleared {number}");
        }
    }
}

fn start(store: &Store) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "saver", "--ignored", "--nocapture", "--test-threads=1"])
        .env(STORE, store.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn after_a_kill_every_listed_tag_loads_wholly_and_is_old_or_new() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreKey::from_bytes([7; 32])).unwrap();
    let (mut kills_with_tag, mut saves) = (0, 0);
    for round in 0..40u64 {
        let begun = Instant::now();
        let mut child = start(&store);
        let (send, said) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        // Starts to count once the child is at work; the wait differs from round to round.
        let first = loop {
            let line = said.recv_timeout(Duration::from_secs(60)).unwrap();
            if line.starts_with("saved") || line.starts_with("cleared") {
                break line;
            }
        };
        // On a slow machine saves take longer, and so does the start.
        let longest = Duration::from_millis(30).max(4 * begun.elapsed());
        std::thread::sleep(longest * (round * 7919 % 30_000) as u32 / 30_000);
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();

        let lines: Vec<_> = std::iter::once(first).chain(said.try_iter()).collect();
        saves += lines.len();
        let last = lines.iter().rev().find(|l| l.starts_with("saved") || l.starts_with("cleared"));
        let (done, number) = last.unwrap().split_once(' ').unwrap();
        let number: u64 = number.parse().unwrap();
        let listed = store.tags().unwrap();
        match store.load(&tag()) {
            Ok(found) => {
                kills_with_tag += 1;
                let seed = found.record.seed;
                assert_eq!(found, capture(seed));
                assert!(seed == number || seed == number + 1, "{done} {number}, found {seed}");
                assert_eq!(listed.len(), 1);
            }
            Err(BundleError::NoSuchTag { .. }) => {
                // Cleared, or about to say so.
                assert!(done == "cleared" || number % 7 >= 5, "{done} {number}, found nothing");
                assert!(listed.is_empty());
            }
            Err(other) => panic!("{done} {number}: {other}"),
        }
    }
    assert!(kills_with_tag > 10 && saves > 40, "{kills_with_tag} {saves}");
}
