//! What the tests of the program share: a place of their own, runs of the real program in it, a
//! sandbox server beside it, and recordings made of the fixtures.
#![allow(dead_code, clippy::unwrap_used, reason = "for tests; each file uses a part of this")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Another program than the one of this build: what `cargo xtask golden --release` sets.
pub(crate) const PROGRAM: &str = "LIVEFACE_TEST_PROGRAM";

/// The root of the workspace, where every run begins: the fixtures have the paths that people type.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The bytes of `fixtures/{path}`.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    fs::read(root().join("fixtures").join(path)).unwrap()
}

/// A folder of the test's own, with a store in it that every run uses.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// `name` in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `name` in the folder, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes the file `name`; gives it as an argument.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.text(name)
    }

    /// A recording of `frames`, each the bytes of an image and the end of its name, as an argument.
    pub(crate) fn recording<'f>(
        &self,
        name: &str,
        frames: impl IntoIterator<Item = (Vec<u8>, &'f str)>,
    ) -> String {
        fs::create_dir(self.path(name)).unwrap();
        for (index, (bytes, extension)) in frames.into_iter().enumerate() {
            self.write(&format!("{name}/{index:03}.{extension}"), bytes);
        }
        self.text(name)
    }

    /// The program with `arguments`, not started yet.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let program = std::env::var_os(PROGRAM);
        let mut command = Command::new(
            program.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_liveface")), PathBuf::from),
        );
        command.args(arguments).current_dir(root()).stdin(Stdio::null());
        for name in ["LIVEFACE_PARTNER_ID", "LIVEFACE_API_KEY", "NO_COLOR"] {
            command.env_remove(name);
        }
        command.env("LIVEFACE_STORE", self.path("store")).env("LIVEFACE_RETRY_FOR", "1");
        command
    }

    /// Runs the program with `arguments`.
    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ended {
        run(&mut self.command(arguments))
    }

    /// Captures the person of `fixtures/{subject}` under `tag`.
    pub(crate) fn capture(&self, subject: &str, seed: &str, tag: &str) -> Ended {
        let subject = format!("fixtures/{subject}");
        self.run(["capture", "--json", "--subject", &subject, "--seed", seed, "--tag", tag])
    }

    /// What `tags show` says of `tag`.
    pub(crate) fn show(&self, tag: &str) -> Value {
        self.run(["tags", "show", tag, "--json"]).expect(0).json()
    }

    /// The tags that are listed, each with its state.
    pub(crate) fn tags(&self) -> Vec<(String, String)> {
        let list = self.run(["tags", "list", "--json"]).expect(0).json();
        let tags = list["tags"].as_array().unwrap().iter();
        tags.map(|tag| (text(&tag["tag"]), text(&tag["state"]))).collect()
    }

    /// The upload zip of `tag`.
    pub(crate) fn bundle(&self, tag: &str) -> Vec<u8> {
        let out = self.text("bundle.zip");
        self.run(["bundle", tag, "--out", &out]).expect(0);
        fs::read(out).unwrap()
    }
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Ended::from(command.output().unwrap())
}

/// A run of the program that came to its end.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    /// However it ended, it must not have been with a panic.
    fn from(output: Output) -> Self {
        let ended = Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }
}

impl Ended {
    /// The exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// It failed with `code` and a message that holds every one of `words`; stdout is empty.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, words: &[&str]) {
        let Self { stdout, stderr, .. } = self.expect(code);
        for word in words {
            assert!(stderr.contains(word), "no `{word}` in:\n{stderr}");
        }
        assert_eq!(stdout, "");
    }

    /// The JSON objects of stdout, one a line. Nothing else may be there.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let object = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value.is_object(), "{line}");
            value
        };
        self.stdout.lines().map(object).collect()
    }

    /// The one JSON object of stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{}", self.stdout);
        lines.remove(0)
    }

    /// A capture's last event.
    #[track_caller]
    pub(crate) fn verdict(&self) -> Value {
        let last = self.lines().pop().unwrap();
        assert_eq!(last["event"], "verdict", "{last}");
        last
    }

    /// A capture's events called `name`.
    #[track_caller]
    pub(crate) fn events(&self, name: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|event| event["event"] == name).collect()
    }
}

/// The names of an object's fields, sorted.
#[track_caller]
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// A text of the program's JSON.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A running `liveface sandbox`; it ends when it is dropped.
pub(crate) struct Sandbox {
    child: Child,
    pub(crate) url: String,
    pub(crate) partner_id: String,
    pub(crate) api_key: String,
}

impl Sandbox {
    /// Starts one on a free port.
    pub(crate) fn start(place: &Place) -> Self {
        Self::start_at(place, "0")
    }

    /// Starts one on `port`.
    pub(crate) fn start_at(place: &Place, port: &str) -> Self {
        let data = place.text("sandbox");
        let mut command =
            place.command(["sandbox", "--json", "--port", port, "--data", data.as_str()]);
        let log = place.path("sandbox.log");
        command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, first) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = send.send(line);
        });
        let mut sandbox =
            Self { child, url: String::new(), partner_id: String::new(), api_key: String::new() };
        let line = first.recv_timeout(Duration::from_secs(60)).unwrap();
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line}{}", fs::read_to_string(&log).unwrap()));
        sandbox.url = text(&said["url"]);
        sandbox.partner_id = text(&said["partner_id"]);
        sandbox.api_key = text(&said["api_key"]);
        sandbox
    }

    /// `place`'s program with `arguments` for this server and its partner.
    pub(crate) fn command(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = place.command(arguments.iter().copied());
        command.args(["--json", "--env", &self.url]);
        command.env("LIVEFACE_PARTNER_ID", &self.partner_id);
        command.env("LIVEFACE_API_KEY", &self.api_key);
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, place: &Place, arguments: &[&str]) -> Ended {
        run(&mut self.command(place, arguments))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The RGB pixels of `image` with a little noise that `seed` gives: what a camera that stands still
/// makes of a still scene.
pub(crate) fn with_noise(mut image: image::RgbImage, seed: u64) -> image::RgbImage {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for value in image.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *value = value.saturating_add_signed((state % 5) as i8 - 2);
    }
    image
}

/// `count` frames of the still picture `image`, each with noise of its own, as PNG.
pub(crate) fn standing(image: &[u8], count: u64) -> Vec<(Vec<u8>, &'static str)> {
    let image = image::load_from_memory(image).unwrap().to_rgb8();
    (0..count)
        .map(|seed| {
            let mut png = std::io::Cursor::new(Vec::new());
            with_noise(image.clone(), seed).write_to(&mut png, image::ImageFormat::Png).unwrap();
            (png.into_inner(), "png")
        })
        .collect()
}

/// The frames of a fixture's clip, as they are.
pub(crate) fn clip(path: &str) -> Vec<(Vec<u8>, &'static str)> {
    let mut names: Vec<_> = fs::read_dir(root().join("fixtures").join(path))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg"))
        .collect();
    names.sort();
    names.iter().map(|name| (fixture(&format!("{path}/{name}")), "jpg")).collect()
}
