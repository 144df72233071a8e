//! The options of `liveface sandbox`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Place, Sandbox, run, text};

#[test]
fn jobs_of_a_killed_server_are_listed() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    let data = place.text("sandbox");
    let list = ["sandbox", "--list-jobs", "--data", &data, "--json"];
    assert_eq!(place.run(list).code, Some(5), "it is in use");
    place.capture("clips-f1", "1", "sent").expect(0);
    let register = ["register", "sent", "--user-id", "user-1", "--job-id", "job-1"];
    sandbox.run(&place, &register).expect(0);
    drop(sandbox);
    let listed = place.run(list).expect(0).json();
    let jobs = listed["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 1);
    let counts = ["announced", "received", "finished"].map(|name| jobs[0][name].clone());
    assert_eq!((&jobs[0]["job_id"], counts), (&json!("job-1"), [json!(1), json!(1), json!(1)]));
    let shown = place.run(["sandbox", "--list-jobs", "--data", &data]).expect(0).stdout;
    assert!(shown.lines().nth(1).unwrap().ends_with("0840    job-1"), "{shown}");
    let none = place.text("none");
    assert_eq!(place.run(["sandbox", "--list-jobs", "--data", &none]).code, Some(5));
}

#[test]
fn a_fault_that_is_none_is_wrong_usage() {
    let place = Place::new();
    let ended = run(&mut place.command(["sandbox", "--fault", "upload:nonsense"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("never-complete"), "it says which there are: {}", ended.stderr);
}

#[test]
fn with_tls_it_says_where_its_certificate_is_and_refuses_plain_http() {
    let place = Place::new();
    let data = place.text("sandbox");
    let arguments = ["sandbox", "--json", "--tls", "--port", "0", "--data", &data];
    let mut child = place.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let pem = std::fs::read_to_string(text(&said["certificate"])).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    let host = text(&said["v3_url"]).strip_prefix("https://").unwrap().to_owned();
    assert_eq!(text(&said["url"]), format!("https://{host}/v1"));
    assert_eq!(text(&said["auth_token"]).len(), 64);
    let mut connection = TcpStream::connect(host).unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("speaks HTTPS"), "{answer}");
    child.kill().unwrap();
    child.wait().unwrap();
}
