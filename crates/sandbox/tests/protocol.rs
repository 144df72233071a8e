//! The rules of the API: codes, tokens, retries, limits and what survives a restart.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Client, ColourAnalyser, GREEN, RED, capture, config, picture, start};
use liveface_core::Frame;
use liveface_sandbox::{FaceAnalyser, Limits, Sandbox, SandboxConfig, SandboxError, SeenFace};
use serde_json::{Value, json};

/// The code that a request is refused with.
fn refused(client: &Client, path: &str, body: &Value) -> String {
    let (status, answer) = client.post(path, body);
    assert_eq!(status, 400, "{answer}");
    assert!(!answer["error"].as_str().unwrap().is_empty());
    answer["code"].as_str().unwrap().to_owned()
}

/// The URL with another last digit.
fn nearly(url: &str) -> String {
    let (start, last) = url.split_at(url.len() - 1);
    format!("{start}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn an_upload_is_answered_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let (status, answer) = client.post("upload", &client.upload_body(4, "ann", "job-1"));
    assert_eq!(status, 200);
    assert_eq!(answer["code"], "2202");
    assert_eq!(answer["smile_job_id"], "0000000001");
    assert_eq!(answer["camera_config"], "null");
    let reference = answer["ref_id"].as_str().unwrap();
    assert!(reference.starts_with("2345-0000000001-"), "{reference}");
    let url = answer["upload_url"].as_str().unwrap();
    let token = url.strip_prefix(&format!("http://{}/zips/", sandbox.address())).unwrap();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn the_upload_url_names_the_host_that_the_client_used() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let port = sandbox.address().port();
    // A name that nobody can look up: the request itself says it.
    let body = Client::of(&sandbox).upload_body(4, "ann", "job-1").to_string();
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    write!(
        stream,
        "POST /v1/upload HTTP/1.1\r\nHost: laptop.example:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains(&format!("\"upload_url\":\"http://laptop.example:{port}/")),
        "{answer}"
    );
}

#[test]
fn a_wrong_signature_partner_or_time_is_not_authorised() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let bodies = [
        ("upload", "smile_client_id", client.upload_body(4, "ann", "job-1")),
        ("job_status", "partner_id", client.status_body("ann", "job-1")),
    ];
    for (path, partner, good) in bodies {
        let changed = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            refused(&client, path, &body)
        };
        assert_eq!(changed("signature", json!(client.sign("other"))), "2205");
        assert_eq!(changed("signature", json!("é")), "2205");
        assert_eq!(changed(partner, json!("02345")), "2205");
        assert_eq!(changed("timestamp", json!("2026-01-01T00:00:00.000Z")), "2205");
        let mut old = good.clone();
        old["timestamp"] = json!("2020-01-01T00:00:00.000Z");
        old["signature"] = json!(client.sign("2020-01-01T00:00:00.000Z"));
        assert_eq!(refused(&client, path, &old), "2205", "well signed, but years ago");
    }
    let other = Client::new(&sandbox.base_url(), "2345", "another-key");
    assert_eq!(refused(&other, "upload", &other.upload_body(4, "ann", "job-1")), "2205");
}

#[test]
fn a_request_that_cannot_be_read_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    assert_eq!(refused(&client, "upload", &json!("text")), "2203");
    assert_eq!(refused(&client, "upload", &json!({})), "2213");
    let mut body = client.upload_body(4, "ann", "job-1");
    body["partner_params"]["user_id"] = json!(7);
    assert_eq!(refused(&client, "upload", &body), "2204");
    assert_eq!(refused(&client, "upload", &client.upload_body(1, "ann", "job-1")), "2212");
    let (status, answer) = client.post("elsewhere", &json!({}));
    assert_eq!((status, &answer["code"]), (404, &json!("0404")));
    let (status, answer) = client.get(&format!("{}/upload", sandbox.base_url()));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["code"]), (405, &json!("0404")), "the wrong method");
}

#[test]
fn an_unknown_user_cannot_authenticate_and_a_known_one_not_register_again() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    assert_eq!(refused(&client, "upload", &client.upload_body(2, "ann", "job-1")), "2210");
    client.register("ann", "job-1", &capture(RED));
    let mut again = client.upload_body(4, "ann", "job-2");
    assert_eq!(refused(&client, "upload", &again), "2209");

    again["allow_new_enroll"] = json!(true);
    let url = client.open(&again);
    client.put_zip(&url, &capture(GREEN));
    assert_eq!(client.wait("ann", "job-2")["result"]["ResultCode"], "0840");
    assert_eq!(client.authenticate("ann", "job-3", &capture(GREEN))["ResultCode"], "0820");
    assert_eq!(client.authenticate("ann", "job-4", &capture(RED))["ResultCode"], "0821");
}

#[test]
fn of_two_registrations_at_once_only_the_first_enrols() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let first = client.open(&client.upload_body(4, "ann", "job-1"));
    let second = client.open(&client.upload_body(4, "ann", "job-2"));
    client.put_zip(&first, &capture(RED));
    assert_eq!(client.wait("ann", "job-1")["result"]["ResultCode"], "0840");
    client.put_zip(&second, &capture(GREEN));
    assert_eq!(client.wait("ann", "job-2")["result"]["ResultCode"], "2209");
    assert_eq!(client.authenticate("ann", "job-3", &capture(RED))["ResultCode"], "0820");
}

#[test]
fn a_job_id_is_good_once_unless_its_zip_never_arrived_and_a_retry_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let body = client.upload_body(4, "ann", "job-1");
    let lost = client.open(&body);
    assert_eq!(refused(&client, "upload", &body), "2215");

    let mut retry = body.clone();
    retry["retry"] = json!(true);
    let mut of_another = retry.clone();
    of_another["partner_params"]["user_id"] = json!("bob");
    assert_eq!(refused(&client, "upload", &of_another), "2209");
    let (status, answer) = client.post("upload", &retry);
    assert_eq!(status, 200);
    assert_eq!(answer["smile_job_id"], "0000000001", "it is the same job");
    assert_eq!(client.put(&lost, "application/zip", &capture(RED)).0, 403);
    client.put_zip(answer["upload_url"].as_str().unwrap(), &capture(RED));
    client.wait("ann", "job-1");
    assert_eq!(refused(&client, "upload", &retry), "2215", "its zip arrived");
}

#[test]
fn before_the_zip_the_result_is_a_text() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    let (status, answer) = client.post("job_status", &client.status_body("ann", "job-1"));
    let expected = json!({
        "timestamp": answer["timestamp"], "signature": answer["signature"],
        "job_complete": false, "job_success": false, "code": "2302",
        "result": "No zip uploaded", "history": [], "image_links": {},
    });
    assert_eq!((status, &answer), (200, &expected));
    let signed = client.sign(answer["timestamp"].as_str().unwrap());
    assert_eq!(answer["signature"].as_str().unwrap(), signed);

    assert_eq!(refused(&client, "job_status", &client.status_body("ann", "job-9")), "2314");
    assert_eq!(refused(&client, "job_status", &client.status_body("bob", "job-1")), "2314");
}

#[test]
fn an_upload_url_takes_one_zip_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { zip_bytes: 40_000, ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let client = Client::of(&sandbox);
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    let zip = capture(RED);

    let (status, error) = client.put(&url, "text/plain", &zip);
    assert_eq!(status, 403);
    assert!(error.contains("<Code>SignatureDoesNotMatch</Code>"), "{error}");
    let (status, error) = client.put(&url, "application/zip", &vec![0; 40_001]);
    assert_eq!(status, 413);
    assert!(error.contains("<Code>EntityTooLarge</Code>"), "{error}");
    client.put_zip(&url, &zip);
    let guessed = nearly(&url);
    for url in [&url, &guessed] {
        let (status, error) = client.put(url, "application/zip", &zip);
        assert_eq!(status, 403);
        assert!(error.starts_with("<?xml") && error.contains("<Code>AccessDenied</Code>"));
    }
    assert_eq!(client.wait("ann", "job-1")["result"]["ResultCode"], "0840");
}

#[test]
fn history_and_the_selfie_come_when_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    client.register("ann", "job-1", &capture(RED));
    client.register("bob", "job-2", &capture(GREEN));
    client.authenticate("ann", "job-3", &capture(GREEN));
    client.open(&client.upload_body(2, "ann", "job-4"));
    let mut question = client.status_body("ann", "job-1");
    question["history"] = json!(true);
    question["image_links"] = json!(true);
    let (_, answer) = client.post("job_status", &question);
    let history = answer["history"].as_array().unwrap();
    let codes: Vec<_> =
        history.iter().map(|result| result["ResultCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["0821", "0840"], "newest first, of this user only");
    assert_eq!(history[1], answer["result"]);
    let link = answer["image_links"]["selfie_image"].as_str().unwrap();
    assert_eq!(client.get(link), (200, picture(&[RED])));
    assert_eq!(client.get(&nearly(link)).0, 403);
    let mut question = client.status_body("ann", "job-4");
    question["image_links"] = json!(true);
    let (_, answer) = client.post("job_status", &question);
    assert_eq!(answer["image_links"], json!({ "error": "No selfie of this job is on file" }));
}

#[test]
fn a_restart_keeps_users_jobs_and_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let key = sandbox.api_key().to_owned();
    client.register("ann", "job-1", &capture(RED));
    let waiting = client.open(&client.upload_body(2, "ann", "job-2"));
    let address = sandbox.address();
    sandbox.stop();

    let config = SandboxConfig { address, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    assert_eq!(sandbox.api_key(), key);
    let client = Client::of(&sandbox);
    client.put_zip(&waiting, &capture(RED));
    assert_eq!(client.wait("ann", "job-2")["result"]["ResultCode"], "0820");
    assert_eq!(client.wait("ann", "job-1")["result"]["ResultCode"], "0840");
    let (_, answer) = client.post("upload", &client.upload_body(2, "ann", "job-3"));
    assert_eq!(answer["smile_job_id"], "0000000003", "numbers go on");
}

#[test]
fn partners_of_one_data_directory_do_not_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    Client::of(&sandbox).register("ann", "job-1", &capture(RED));
    sandbox.stop();
    let config = SandboxConfig { partner_id: "0001".into(), ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let client = Client::of(&sandbox);
    assert_eq!(refused(&client, "job_status", &client.status_body("ann", "job-1")), "2314");
    assert_eq!(refused(&client, "upload", &client.upload_body(2, "ann", "job-1")), "2210");
}

/// Sees what `ColourAnalyser` sees, but only when it is let: says that it was asked, then waits.
struct Gated {
    asked: Sender<()>,
    go: Receiver<()>,
}

impl FaceAnalyser for Gated {
    fn faces(&mut self, picture: &Frame<'_>) -> Result<Vec<SeenFace>, String> {
        self.asked.send(()).unwrap();
        // When the test has let go of the other end, there is nothing to wait for.
        let _ = self.go.recv();
        ColourAnalyser.faces(picture)
    }
}

#[test]
fn a_job_that_a_stop_interrupts_goes_on_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let ((asked, was_asked), (go, gate)) = (channel(), channel());
    let analyser = Box::new(Gated { asked, go: gate });
    let sandbox = Sandbox::start(config(dir.path()), analyser).unwrap();
    let client = Client::of(&sandbox);
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    client.put_zip(&url, &capture(RED));
    was_asked.recv().unwrap();
    let (_, answer) = client.post("job_status", &client.status_body("ann", "job-1"));
    assert_eq!(answer["result"], "Job in progress");
    let stop = std::thread::spawn(move || sandbox.stop());
    sleep(Duration::from_millis(100));
    go.send(()).unwrap();
    stop.join().unwrap();
    assert!(was_asked.try_recv().is_err(), "the stop came before the second picture");

    let sandbox = start(dir.path());
    assert_eq!(Client::of(&sandbox).wait("ann", "job-1")["result"]["ResultCode"], "0840");
}

#[test]
fn more_zips_than_may_wait_are_told_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let ((asked, was_asked), (go, gate)) = (channel(), channel());
    let limits = Limits { waiting_jobs: 1, ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(Gated { asked, go: gate })).unwrap();
    let client = Client::of(&sandbox);
    let first = client.open(&client.upload_body(4, "ann", "job-1"));
    let second = client.open(&client.upload_body(4, "bob", "job-2"));
    client.put_zip(&first, &capture(RED));
    was_asked.recv().unwrap();
    let (status, error) = client.put(&second, "application/zip", &capture(GREEN));
    assert_eq!(status, 503);
    assert!(error.contains("<Code>SlowDown</Code>"), "{error}");
    drop(go);
    client.wait("ann", "job-1");
    client.put_zip(&second, &capture(GREEN));
    assert_eq!(client.wait("bob", "job-2")["result"]["ResultCode"], "0840");
}

const CHILD_DIR: &str = "LIVEFACE_SANDBOX_CHILD_DIR";

/// Not a test of its own: the process that the next test kills. Its eyes never open.
#[test]
#[ignore = "another test starts it"]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else { return };
    let ((asked, was_asked), (_go, gate)) = (channel(), channel());
    let analyser = Box::new(Gated { asked, go: gate });
    let sandbox = Sandbox::start(config(dir.as_ref()), analyser).unwrap();
    println!("\nserving {}", sandbox.base_url());
    was_asked.recv().unwrap();
    println!("\nlooking");
    // The parent kills this long before; if the parent is gone, this must not stay for ever.
    sleep(Duration::from_secs(60));
    std::process::exit(1);
}

#[test]
fn a_job_whose_zip_arrived_before_a_kill_is_done_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(output).map(Result::unwrap);
    let base = lines.find_map(|line| line.strip_prefix("serving ").map(str::to_owned)).unwrap();
    let key = std::fs::read_to_string(dir.path().join("api_key")).unwrap();
    let client = Client::new(&base, "2345", &key);
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    client.put_zip(&url, &capture(RED));
    lines.find(|line| line == "looking").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let sandbox = start(dir.path());
    assert_eq!(Client::of(&sandbox).wait("ann", "job-1")["result"]["ResultCode"], "0840");
}

#[test]
fn an_address_or_directory_in_use_is_an_error_that_says_so() {
    let (first_dir, second_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sandbox = start(first_dir.path());
    let error = Sandbox::start(config(first_dir.path()), Box::new(ColourAnalyser)).unwrap_err();
    assert!(matches!(error, SandboxError::InUse { .. }), "{error}");
    let config = SandboxConfig { address: sandbox.address(), ..config(second_dir.path()) };
    let error = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap_err();
    assert!(error.to_string().contains("port 0"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_is_on_disk_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/data");
    let _sandbox = start(&data);
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&data.join("api_key")), 0o600);
    assert_eq!(mode(&data.join("sandbox.redb")), 0o600);
}

#[test]
fn silent_connections_are_cut_off_and_make_room_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let limits =
        Limits { connections: 2, request_time: Duration::from_millis(400), ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let begin = Instant::now();
    let mut silent = [(); 2].map(|()| TcpStream::connect(sandbox.address()).unwrap());
    silent[0].write_all(b"POST /v1/upload HTTP/1.1\r\nContent-Le").unwrap();
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    assert!(begin.elapsed() >= Duration::from_millis(300), "the third connection had to wait");
    for connection in &mut silent {
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        // End of stream or a reset, but no waiting.
        assert!(
            !matches!(connection.read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        );
    }
}

#[test]
fn a_stranger_is_refused_however_much_they_send() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { zip_bytes: 40_000, ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let client = Client::of(&sandbox);
    let origin = sandbox.v3_url();
    for token in ["0", "%ff"] {
        let url = format!("{origin}/zips/{token}");
        for length in [0, 40_000, 40_001] {
            // Nobody looked whether it is too large: that comes after the token.
            let (status, error) = client.put(&url, "application/zip", &vec![0; length]);
            assert_eq!(status, 403, "{error}");
            assert!(error.contains("<Code>AccessDenied</Code>"), "{error}");
        }
    }
    assert_eq!(client.get(&format!("{origin}/pictures/%ff")).0, 403);
    let (status, error) = client.get(&format!("{origin}/zips/0"));
    let error = String::from_utf8(error).unwrap();
    assert_eq!(status, 405);
    assert!(error.contains("<Code>MethodNotAllowed</Code>"), "{error}");
}

#[test]
fn a_body_that_never_ends_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { request_time: Duration::from_millis(400), ..Limits::default() };
    let config = SandboxConfig { limits, ..config(dir.path()) };
    let sandbox = Sandbox::start(config, Box::new(ColourAnalyser)).unwrap();
    let mut connection = TcpStream::connect(sandbox.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection
        .write_all(b"POST /v1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        .unwrap();
    let mut slow = connection.try_clone().unwrap();
    // Drips, so that the connection itself is never silent.
    let drip = std::thread::spawn(move || {
        for _ in 0..100 {
            if slow.write_all(b" ").is_err() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    });
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    drop(connection);
    drip.join().unwrap();
}
