//! The command line.

// Doc comments here are the help texts, where backticks would only be noise.
#![allow(clippy::doc_markdown)]

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use liveface::Provider;
use liveface_sandbox::FaultRule;

use crate::commands::bench::Format;
use crate::commands::v3::{ProtocolOptions, V3Options};

/// Selfie capture and liveness on this machine.
#[derive(Parser)]
#[command(name = "liveface", version, arg_required_else_help = true)]
#[command(
    after_help = "Example:\n  liveface capture --subject fixtures/clips-f1 --tag my-capture\n\n\
    Exit codes:\n  0  done (capture: live; register, authenticate: accepted as asked)\n  \
    2  wrong usage or bad input\n  3  capture not live, job rejected, bundle changed, or faces or scores differ\n  \
    4  presentation attack found\n  5  camera or runtime trouble\n  \
    6  network or server trouble; the job is kept and can be sent again"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command needs.
#[derive(Args)]
pub(crate) struct Common {
    /// Folder with models.toml and the models; without it, the models built into the program
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) models: Option<PathBuf>,
    /// ONNX Runtime's shared library; without it, ORT_DYLIB_PATH, beside the program, or what the
    /// project's set-up unpacked
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) runtime: Option<PathBuf>,
    /// What runs the models: cpu, or xnnpack, nnapi, coreml, qnn, directml or cuda where the program
    /// was built with the feature of that name
    #[arg(long, global = true, value_name = "NAME", default_value_t)]
    pub(crate) provider: Provider,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run one capture
    #[command(
        after_help = "Example:\n  liveface capture --replay fixtures/sequence-m1 --fps 15 --seed 1 --json"
    )]
    Capture(CaptureOptions),
    /// Send a capture as a register job
    #[command(
        after_help = "Example:\n  liveface register my-capture --user-id user-1 --env http://127.0.0.1:8080/v1"
    )]
    Register(JobOptions),
    /// Send a capture as an authenticate job
    #[command(
        after_help = "Example:\n  liveface authenticate my-capture --user-id user-1 --env sandbox"
    )]
    Authenticate(JobOptions),
    /// Show the state of a tag's job, asking the server if it is not final
    #[command(after_help = "Example:\n  liveface status my-capture")]
    Status(StatusOptions),
    /// Send every job that waits, oldest first
    #[command(after_help = "Example:\n  liveface submit --all --env sandbox\n\nExit code 6 when \
    something can be tried again, 3 when something was rejected, 0 otherwise.")]
    Submit(SubmitOptions),
    /// Check what a server sent to a callback address
    #[command(after_help = "Example:\n  liveface callback verify body.json")]
    Callback(CallbackOptions),
    /// Show and clear what lies in the store
    #[command(after_help = "Example:\n  liveface tags list")]
    Tags(TagsOptions),
    /// Write a capture's upload zip, with its integrity record, without sending it
    #[command(after_help = "Example:\n  liveface bundle my-capture --out capture.zip\n  \
        openssl genpkey -algorithm ed25519 -out key.pem && chmod 600 key.pem\n  \
        liveface bundle my-capture --out capture.zip --sign-key key.pem --device model=kiosk-7")]
    Bundle(BundleOptions),
    /// Tell whether a bundle was changed since it was recorded
    #[command(after_help = "Example:\n  liveface verify capture.zip --public-key public.pem\n\n\
        Exit code 3 when something differs, or the key did not sign the record.")]
    Verify(VerifyOptions),
    /// Show everything that the engine sees in still images
    #[command(after_help = "Example:\n  liveface analyze fixtures/stills/*.jpg")]
    Analyze(AnalyzeOptions),
    /// Compare two faces
    #[command(after_help = "Example:\n  liveface match selfie.jpg card.jpg")]
    Match(MatchOptions),
    /// Show the quality of many pictures, or check scores against the reference implementation's
    #[command(
        after_help = "Example:\n  liveface quality fixtures/stills --out report.html --csv report.csv\n  \
        liveface quality --conformance fixtures/reference/ofiq-mapping-sample.tsv"
    )]
    Quality(QualityOptions),
    /// Measure error rates over labelled pictures and clips, after ISO/IEC 30107-3
    #[command(
        after_help = "Example:\n  liveface eval --manifest faces/manifest.tsv --out report\n\n\
        The manifest has the columns path, label and subject between tabs; a label is bona_fide or the \
        name of an attack species. The same command again takes up what was interrupted."
    )]
    Eval(EvalOptions),
    /// Measure how fast every stage is on this machine
    #[command(after_help = "Example:\n  liveface bench --frames 300 --out before.json\n  \
    liveface bench --frames 300 --compare before.json\n\nOn a phone, with only the program and the \
    runtime library:\n  adb push liveface libonnxruntime.so /data/local/tmp/\n  \
    adb shell /data/local/tmp/liveface bench")]
    Bench(BenchOptions),
    /// Run a local development server that speaks the submission API
    #[command(after_help = "Example:\n  liveface sandbox --port 8080 --data sandbox-data")]
    Sandbox(SandboxOptions),
    /// Check the runtime library, the models, the store and the clock
    #[command(after_help = "Example:\n  liveface doctor")]
    Doctor(DoctorOptions),
}

#[derive(Args)]
pub(crate) struct StoreOption {
    /// Folder of the captures; without it, LIVEFACE_STORE or the user's data folder
    #[arg(long, global = true, value_name = "DIR", env = "LIVEFACE_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// File with the key of the captures; without it, the folder's path with .key at the end
    #[arg(long, global = true, value_name = "FILE", env = "LIVEFACE_STORE_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Args)]
#[group(id = "source", required = true, multiple = false)]
pub(crate) struct Source {
    /// A recording: a folder of images, a .mjpeg or a .y4m file
    #[arg(long, value_name = "PATH")]
    pub(crate) replay: Option<PathBuf>,
    /// A folder of clips (idle, smile, ...): plays the one that the guidance asks for
    #[arg(long, value_name = "DIR")]
    pub(crate) subject: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct CaptureOptions {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The preset `smart-selfie`, `enhanced` or `passive`, or a TOML file
    #[arg(long, default_value = "smart-selfie", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Seed of everything random; without it, the system's randomness
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A server's nonce, which the seed is made of
    #[arg(long, conflicts_with = "seed", value_parser = nonce)]
    pub(crate) nonce: Option<String>,
    /// Frames a second, where the recording has no frames.csv
    #[arg(long, default_value_t = 15.0)]
    pub(crate) fps: f64,
    /// Name of the capture; without it, one is made
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Replace an earlier capture of that name, if this one is live
    #[arg(long, requires = "tag")]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) store: StoreOption,
    /// Also write a contact sheet: images, guidance over time, scores
    #[arg(long, value_name = "FILE.png")]
    pub(crate) sheet: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Credentials {
    /// `sandbox`, `production` or a base URL
    #[arg(long, default_value = "sandbox", value_name = "ENV|URL")]
    pub(crate) env: String,
    /// Partner id; the API key comes from LIVEFACE_API_KEY or the config file
    #[arg(long, env = "LIVEFACE_PARTNER_ID")]
    pub(crate) partner_id: Option<String>,
    /// A smile_config.json with partner id and key, or with a mobile token
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The partner's backend, which signs in place of an API key; LIVEFACE_SIGNER_TOKEN is sent along
    #[arg(long, value_name = "URL", env = "LIVEFACE_SIGNER_URL")]
    pub(crate) signer_url: Option<String>,
    /// Where that backend checks signatures of answers
    #[arg(long, value_name = "URL", env = "LIVEFACE_VERIFIER_URL", requires = "signer_url")]
    pub(crate) verifier_url: Option<String>,
    #[command(flatten)]
    pub(crate) protocol: ProtocolOptions,
    /// Take answers whose signature nobody here can check
    #[arg(long)]
    pub(crate) accept_unverified: bool,
    /// Certificates (PEM) to trust as well
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Talk only to a server with this certificate or key: sha256/BASE64 or hex, may be repeated
    #[arg(long, value_name = "SHA256")]
    pub(crate) pin: Vec<String>,
    /// Seconds for which a request is tried again when the network or the server fails
    #[arg(long, value_name = "SECONDS", default_value_t = 20, env = "LIVEFACE_RETRY_FOR")]
    pub(crate) retry_for: u64,
}

/// What a job tells besides what the server asks for.
#[derive(Args, Default)]
pub(crate) struct Told {
    /// Do not tell what the engine and the system know of the capture
    #[arg(long)]
    pub(crate) no_metadata: bool,
    /// Leave out the integrity record
    #[arg(long)]
    pub(crate) no_record: bool,
    /// Sign the integrity record with this private key: Ed25519, PKCS#8 in PEM, readable by its owner only
    #[arg(long, value_name = "FILE.pem", conflicts_with = "no_record")]
    pub(crate) sign_key: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct JobOptions {
    /// The capture to send
    pub(crate) tag: String,
    /// The user to register or authenticate
    #[arg(long)]
    pub(crate) user_id: String,
    /// Id of the job; without it, one is made
    #[arg(long)]
    pub(crate) job_id: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Where the server sends the result as well
    #[arg(long, value_name = "URL")]
    pub(crate) callback: Option<String>,
    /// Allow registering a user who is registered already
    #[arg(long)]
    pub(crate) allow_re_enroll: bool,
    /// Ask the server to use the enrolled image
    #[arg(long)]
    pub(crate) use_enrolled_image: bool,
    /// Extra partner parameter, may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) partner_param: Vec<String>,
    /// latitude=..,longitude=..,altitude=..,accuracy=..
    #[arg(long, value_name = "FIELDS")]
    pub(crate) geo: Option<String>,
    /// Field of an identity document or person, such as country=KE, may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) id_info: Vec<String>,
    /// Fact of the device, such as camera_name=front, may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) device: Vec<String>,
    #[command(flatten)]
    pub(crate) told: Told,
    #[command(flatten)]
    pub(crate) v3: V3Options,
    /// Only record the job; `liveface submit --all` sends it
    #[arg(long)]
    pub(crate) queue: bool,
    /// Do not wait for the result
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Seconds to wait for the result
    #[arg(long, default_value_t = 76)]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Args)]
pub(crate) struct StatusOptions {
    /// The capture whose job to look at
    pub(crate) tag: String,
    /// Ask for the job's earlier results (JSON)
    #[arg(long)]
    pub(crate) history: bool,
    /// Ask for addresses of the job's pictures on the server (JSON)
    #[arg(long)]
    pub(crate) image_links: bool,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Args)]
pub(crate) struct SubmitOptions {
    /// Every job that is not finished
    #[arg(long, required = true)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Do not wait for the results
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Seconds to wait for each result
    #[arg(long, default_value_t = 76)]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Args)]
pub(crate) struct CallbackOptions {
    #[command(subcommand)]
    pub(crate) action: CallbackAction,
}

#[derive(Subcommand)]
pub(crate) enum CallbackAction {
    /// Read a callback's body and check its signature. Exit code 3 when it is wrong
    Verify {
        /// The body; - reads stdin
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        #[command(flatten)]
        credentials: Credentials,
    },
}

#[derive(Args)]
pub(crate) struct TagsOptions {
    #[command(subcommand)]
    pub(crate) action: TagsAction,
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Subcommand)]
pub(crate) enum TagsAction {
    /// List all captures
    List {
        /// Only those that were not submitted
        #[arg(long)]
        idle: bool,
    },
    /// Show one capture
    Show {
        /// The capture
        tag: String,
        /// Write its contact sheet
        #[arg(long, value_name = "FILE.png")]
        sheet: Option<PathBuf>,
    },
    /// Write a capture's images to a folder, decrypted, in the place of an earlier export
    Export {
        /// The capture
        tag: String,
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Replace or remove other images that lie there.
        #[arg(long)]
        replace: bool,
    },
    /// Delete captures that are too old, and then those that are too many: submitted ones first,
    /// then the oldest
    #[command(group = ArgGroup::new("limits").required(true).multiple(true).args(["max_age", "max_count"]))]
    Retain {
        /// Delete captures that are older, submitted or not
        #[arg(long, value_name = "DAYS")]
        max_age: Option<u32>,
        /// Keep at most that many
        #[arg(long, value_name = "N")]
        max_count: Option<usize>,
    },
    /// Delete a capture, or all that were submitted
    #[command(group = ArgGroup::new("which").required(true).args(["tag", "submitted"]))]
    Clear {
        /// The capture
        tag: Option<String>,
        /// All captures whose job has its final result
        #[arg(long)]
        submitted: bool,
    },
}

#[derive(Args)]
pub(crate) struct BundleOptions {
    /// The capture
    pub(crate) tag: String,
    /// The zip to write
    #[arg(long, value_name = "FILE.zip")]
    pub(crate) out: PathBuf,
    /// Leave the integrity record out
    #[arg(long, conflicts_with_all = ["sign_key", "device"])]
    pub(crate) no_record: bool,
    /// Sign the record with this private key: Ed25519, PKCS#8 in PEM, readable by its owner only
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Record a fact about the device, may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) device: Vec<String>,
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Args)]
pub(crate) struct VerifyOptions {
    /// A zip of `liveface bundle`, or an upload zip or folder of images with --record
    pub(crate) path: PathBuf,
    /// The integrity record: its file, or a job's metadata as a list in JSON; without it, the one in
    /// the zip or folder
    #[arg(long, value_name = "FILE.json")]
    pub(crate) record: Option<PathBuf>,
    /// The key that must have signed the record: Ed25519, SPKI in PEM
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) public_key: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct AnalyzeOptions {
    /// JPEG or PNG images
    #[arg(required = true)]
    pub(crate) images: Vec<PathBuf>,
    /// Print the 478 landmarks (JSON)
    #[arg(long)]
    pub(crate) landmarks: bool,
    /// Print the embedding (JSON); it is biometric data
    #[arg(long)]
    pub(crate) embedding: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true).args(["folder", "conformance"]))]
pub(crate) struct QualityOptions {
    /// Folder of JPEG or PNG images; folders in it are not entered. Of each image, the largest face
    /// is measured
    pub(crate) folder: Option<PathBuf>,
    /// Also write a page with everything, for a browser; it holds small pictures of the faces
    #[arg(long, value_name = "FILE.html", conflicts_with = "conformance")]
    pub(crate) out: Option<PathBuf>,
    /// Also write a table with a row for each image
    #[arg(long, value_name = "FILE.csv", conflicts_with = "conformance")]
    pub(crate) csv: Option<PathBuf>,
    /// Compute the score of each raw value in a file of OFIQ's results anew: columns component, raw
    /// and mapped, between tabs. Exit code 3 if one differs
    #[arg(long, value_name = "PAIRS.tsv")]
    pub(crate) conformance: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct EvalOptions {
    /// What is presented: columns path (a picture, or a clip: a folder of images, a .mjpeg or a .y4m
    /// file), label and subject, and fps where a clip needs it; paths begin in the manifest's folder
    #[arg(long, value_name = "FILE.tsv")]
    pub(crate) manifest: PathBuf,
    /// Folder for a page, a table and the results so far; it holds small pictures of faces
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The preset `smart-selfie`, `enhanced` or `passive`, or a TOML file
    #[arg(long, default_value = "passive", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Threads, each with models of its own; without it, one for each core
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: Option<u32>,
    /// Frames a second of clips that have neither frames.csv nor a rate in the manifest
    #[arg(long, default_value_t = 15.0)]
    pub(crate) fps: f64,
    /// Seed of everything random in the captures of clips
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Highest APCERs, in per cent, at which BPCER is told
    #[arg(long, value_name = "PERCENT,..", value_delimiter = ',', default_values_t = [10.0, 5.0, 1.0],
        value_parser = percent)]
    pub(crate) fixed_apcer: Vec<f64>,
}

/// A number above 0 and below 100.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| *number > 0.0 && *number < 100.0);
    number.ok_or_else(|| "give a number above 0 and below 100".to_owned())
}

#[derive(Args)]
pub(crate) struct MatchOptions {
    /// An image
    pub(crate) a: PathBuf,
    /// The image to compare it with
    pub(crate) b: PathBuf,
    /// The preset or TOML file whose threshold decides
    #[arg(long, default_value = "smart-selfie", value_name = "NAME|FILE")]
    pub(crate) policy: String,
}

#[derive(Args)]
pub(crate) struct BenchOptions {
    /// A recording to measure on; without it, a picture built into the program
    #[arg(long, value_name = "PATH")]
    pub(crate) replay: Option<PathBuf>,
    /// How the frames lie in memory; by default as most cameras give them
    #[arg(long, value_enum, default_value_t = Format::Nv12)]
    pub(crate) format: Format,
    /// Threads that look at tracked frames at the same time, each with models of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: u32,
    /// Frames to measure
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) frames: u32,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE.json")]
    pub(crate) out: Option<PathBuf>,
    /// Say what differs from figures that were written earlier, and what is only noise
    #[arg(long, value_name = "FILE.json")]
    pub(crate) compare: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct SandboxOptions {
    /// Port on this machine; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The preset `smart-selfie`, `enhanced` or `passive`, or a TOML file: its thresholds decide
    #[arg(long, default_value = "smart-selfie", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Speak HTTPS with a certificate of its own, kept in the data folder
    #[arg(long)]
    pub(crate) tls: bool,
    /// A fault to make, `STEP:FAULT[:TIMES]`, such as `upload:5xx:2` or `status:never-complete:always`;
    /// may be repeated
    #[arg(long, value_name = "RULE")]
    pub(crate) fault: Vec<FaultRule>,
    /// Show the jobs of a stopped server in the data folder and how often it saw each, and end
    #[arg(long, conflicts_with_all = ["tls", "fault"])]
    pub(crate) list_jobs: bool,
    /// Folder for users, jobs and the keys
    #[arg(long, value_name = "DIR", default_value = "liveface-sandbox")]
    pub(crate) data: PathBuf,
}

#[derive(Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

/// An empty one, as of a variable that is not set, would give every capture the same seed.
fn nonce(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("the nonce is empty") } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_nonce_is_refused() {
        let parse = |nonce: &str| {
            let begin = ["liveface", "capture", "--replay", "clip", "--nonce"];
            Arguments::try_parse_from(begin.into_iter().chain([nonce]))
        };
        let error = parse("").err().unwrap().to_string();
        assert!(error.contains("--nonce") && error.contains("the nonce is empty"), "{error}");
        assert!(matches!(
            parse("n-1").ok().unwrap().command,
            Command::Capture(CaptureOptions { nonce: Some(nonce), .. }) if nonce == "n-1"
        ));
    }
}
