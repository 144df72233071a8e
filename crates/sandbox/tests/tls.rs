//! The sandbox speaks HTTPS with a certificate of its own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Client, ColourAnalyser, RED, capture, config};
use liveface_sandbox::{Limits, Sandbox, SandboxConfig};
use serde_json::json;

fn start(dir: &Path, limits: Limits) -> Sandbox {
    let config = SandboxConfig { tls: true, limits, ..config(dir) };
    Sandbox::start(config, Box::new(ColourAnalyser)).unwrap()
}

/// Everything that the sandbox says until it hangs up.
fn rest(mut connection: TcpStream) -> Vec<u8> {
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut answer = Vec::new();
    match connection.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => answer,
    }
}

#[test]
fn a_job_goes_over_https_from_end_to_end() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), Limits::default());
    assert!(sandbox.base_url().starts_with("https://127.0.0.1:"));
    let client = Client::of(&sandbox);
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    client.put_zip(&url, &capture(RED));
    client.wait("ann", "job-1");
    let mut question = client.status_body("ann", "job-1");
    question["image_links"] = json!(true);
    let (_, answer) = client.post("job_status", &question);
    assert_eq!(answer["result"]["ResultCode"], "0840");
    let link = answer["image_links"]["selfie_image"].as_str().unwrap();
    assert!(link.starts_with("https://"), "{link}");
    assert_eq!(client.get(link).0, 200);
}

#[test]
fn the_certificate_is_good_for_localhost_stays_the_same_and_nobody_elses_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), Limits::default());
    let pem = sandbox.certificate_pem().unwrap().to_owned();
    assert_eq!(std::fs::read_to_string(sandbox.certificate_path().unwrap()).unwrap(), pem);
    sandbox.stop();
    let sandbox = start(dir.path(), Limits::default());
    assert_eq!(sandbox.certificate_pem(), Some(pem.as_str()));
    let base = format!("https://localhost:{}/v1", sandbox.address().port());
    let client = Client::trusting(Some(&pem), &base, "2345", sandbox.api_key());
    let url = client.open(&client.upload_body(4, "ann", "job-1"));
    assert!(url.starts_with("https://localhost:"), "{url}");

    let other = tempfile::tempdir().unwrap();
    let other = start(other.path(), Limits::default());
    let client = Client::trusting(other.certificate_pem(), &base, "2345", sandbox.api_key());
    assert!(client.try_post("upload", &json!({})).is_err());
}

#[test]
fn plain_http_and_garbage_on_the_tls_port_are_refused_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), Limits::default());
    for (bytes, told) in [
        (&b"POST /v1/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"[..], true),
        (b"\x00", true),
        (b"\x16\x03\x01\xff\xff garbage", false),
        (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", false),
    ] {
        let mut connection = TcpStream::connect(sandbox.address()).unwrap();
        connection.write_all(bytes).unwrap();
        // That no more comes ends a handshake that is only half there.
        connection.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(connection);
        assert_eq!(answer.starts_with(b"HTTP/1.1 400"), told);
        assert_eq!(answer.ends_with(b"This port speaks HTTPS, not HTTP\n"), told);
    }
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    assert_eq!(sandbox.last_fault(), None);
}

#[test]
fn plain_http_without_an_end_is_refused_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), Limits::default());
    // More than the sandbox has threads.
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let mut connection = TcpStream::connect(sandbox.address()).unwrap();
            connection.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
            std::thread::spawn(move || {
                let end = Instant::now() + Duration::from_secs(20);
                let block = [b'x'; 1 << 16];
                while Instant::now() < end {
                    match connection.write_all(&block) {
                        Ok(()) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                        Err(_) => return true,
                    }
                }
                false
            })
        })
        .collect();
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    for flood in floods {
        assert!(flood.join().unwrap(), "the sandbox did not hang up");
    }
}

#[test]
fn a_silent_handshake_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path(), Limits::default());
    let mut silent = TcpStream::connect(sandbox.address()).unwrap();
    let mut begun = TcpStream::connect(sandbox.address()).unwrap();
    begun.write_all(b"\x16\x03\x01\x40\x00").unwrap();
    let client = Client::of(&sandbox);
    client.open(&client.upload_body(4, "ann", "job-1"));
    for connection in [&mut silent, &mut begun] {
        connection.set_nonblocking(true).unwrap();
        let still_open = connection.read(&mut [0]).unwrap_err();
        assert_eq!(still_open.kind(), ErrorKind::WouldBlock, "they were served meanwhile");
    }
}

#[test]
fn a_silent_handshake_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { request_time: Duration::from_millis(600), ..Limits::default() };
    let sandbox = start(dir.path(), limits);
    let silent = TcpStream::connect(sandbox.address()).unwrap();
    // Drips a long handshake record: never silent, never done.
    let mut slow = TcpStream::connect(sandbox.address()).unwrap();
    slow.write_all(b"\x16\x03\x01\x40\x00").unwrap();
    let mut drip = slow.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        // Fewer bytes than the record is said to have.
        for _ in 0..0x3000 {
            if drip.write_all(b"\x01").is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    });
    let told = rest(silent);
    assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 400"));
    rest(slow);
    assert!(drip.join().unwrap(), "the sandbox hung up");
}
