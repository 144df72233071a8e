//! `liveface register`, `authenticate` and `status`: jobs and their results.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use liveface::Tag;
use liveface_submit::v3::TokenSource;
use liveface_submit::{
    ApiKeySigner, AuthSmileSigner, Call, Client, ClientConfig, Decision, DeviceFacts, Environment,
    GeoInfo, ImageLink, JobOutcome, JobRequest, JobType, Progress, RemoteSigner, RetryPolicy,
    Signer, SignerError, SmileConfig, StatusOptions as Wanted, SubmitError, TlsOptions, Transport,
    UreqTransport,
};
use serde::Serialize;
use serde_json::Value;

use super::v3::{self, ProtocolName};
use crate::args::{Common, Credentials, JobOptions, StatusOptions, Told};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};
use crate::keys;

const API_KEY_VARIABLE: &str = "LIVEFACE_API_KEY";
/// The token of mobile SDKs, which buys signatures.
const AUTH_TOKEN_VARIABLE: &str = "LIVEFACE_AUTH_TOKEN";
/// What tells the partner's backend who asks for signatures.
const SIGNER_TOKEN_VARIABLE: &str = "LIVEFACE_SIGNER_TOKEN";

#[derive(Serialize)]
struct OutcomeLine<'a> {
    tag: &'a Tag,
    job_type: u8,
    user_id: &'a str,
    job_id: &'a str,
    smile_job_id: Option<String>,
    job_complete: bool,
    approved: bool,
    decision: &'static str,
    result_code: Option<String>,
    result_text: Option<String>,
    confidence: Option<f64>,
    actions: BTreeMap<String, String>,
    partner_params: BTreeMap<String, String>,
    verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<&'a serde_json::Map<String, Value>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_links: Option<BTreeMap<String, BTreeMap<&'static str, String>>>,
    raw: Option<&'a str>,
}

pub(crate) fn register(common: &Common, options: &JobOptions) -> Result<Exit, Failure> {
    send(common, options, JobType::Register)
}

pub(crate) fn authenticate(common: &Common, options: &JobOptions) -> Result<Exit, Failure> {
    send(common, options, JobType::Authenticate)
}

pub(crate) fn status(common: &Common, options: &StatusOptions) -> Result<Exit, Failure> {
    let tag = Tag::new(&options.tag)?;
    let store = super::store(&options.store)?;
    let wanted = Wanted { history: options.history, image_links: options.image_links };
    let client = client(&options.credentials, &Told::default())?;
    let outcome = client.status(&store, &tag, wanted, Call::default())?;
    report(common, &tag, &outcome, wanted)
}

fn send(common: &Common, options: &JobOptions, job_type: JobType) -> Result<Exit, Failure> {
    let tag = Tag::new(&options.tag)?;
    let mut device = DeviceFacts::default();
    for (name, value) in pairs("--device", &options.device)? {
        device = device.with(&name, value).map_err(|error| Failure::input("--device", error))?;
    }
    let mut request = JobRequest {
        job_id: options.job_id.clone(),
        partner_params: pairs("--partner-param", &options.partner_param)?,
        callback_url: options.callback.clone(),
        allow_re_enroll: options.allow_re_enroll,
        use_enrolled_image: options.use_enrolled_image,
        id_info: pairs("--id-info", &options.id_info)?,
        geo: options.geo.as_deref().map(geo).transpose()?,
        device,
        wait: Some(wait(options.no_wait, options.timeout)),
        ..JobRequest::new(&options.user_id)
    };
    options.v3.fill(&mut request);
    let store = super::store(&options.store)?;
    let client = client(&options.credentials, &options.told)?;
    if options.queue {
        let outcome = client.prepare(&store, &tag, job_type, &request)?;
        return report(common, &tag, &outcome, Wanted::default());
    }
    let spinner = console::spinner("preparing");
    let mut watch = |progress| show(&spinner, progress);
    let call = Call::default().watched_by(&mut watch);
    let sent = match job_type {
        JobType::Register => client.register(&store, &tag, &request, call),
        JobType::Authenticate => client.authenticate(&store, &tag, &request, call),
    };
    spinner.finish_and_clear();
    report(common, &tag, &sent?, Wanted::default())
}

pub(crate) fn wait(no_wait: bool, seconds: u64) -> Duration {
    Duration::from_secs(if no_wait { 0 } else { seconds })
}

/// What a job is doing, on one line.
pub(crate) fn show(spinner: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Job { number, of } => spinner.set_prefix(format!("{number} of {of} ")),
        Progress::Preparing => spinner.set_message("preparing"),
        Progress::Uploading { sent, bytes } => {
            spinner.set_message(format!("uploading {sent} of {bytes} bytes"));
        }
        Progress::Retrying { attempt, pause } => {
            let seconds = pause.as_secs_f64();
            spinner.set_message(format!("attempt {attempt} failed, again in {seconds:.1} s"));
        }
        Progress::Waiting { attempt } => {
            spinner.set_message(format!("waiting for the result ({attempt})"));
        }
        _ => {}
    }
}

/// The client for the server and the partner that the options, the environment and the config file
/// name, in this order. `metadata` says whether jobs tell what the engine knows.
pub(crate) fn client(credentials: &Credentials, told: &Told) -> Result<Client, Failure> {
    let partner = Partner::new(credentials)?;
    let budget = Duration::from_secs(credentials.retry_for);
    let config = ClientConfig {
        retry: RetryPolicy { budget, ..RetryPolicy::default() },
        tls: partner.tls.clone(),
        metadata: !told.no_metadata,
        record: !told.no_record,
        accept_unverified_answers: credentials.accept_unverified,
        ..ClientConfig::new(partner.environment.clone())
    };
    let client = match credentials.protocol.protocol {
        ProtocolName::V3 => Client::v3(config, partner.tokens(credentials)?)?,
        ProtocolName::V1 => Client::new(config, partner.signer(credentials)?)?,
    };
    Ok(match &told.sign_key {
        Some(path) => client.signing_records(keys::signer(path)?),
        None => client,
    })
}

/// Who signs and checks signatures.
pub(crate) fn signer(credentials: &Credentials) -> Result<Box<dyn Signer>, Failure> {
    Partner::new(credentials)?.signer(credentials)
}

/// Who sends jobs, and where to.
struct Partner {
    config: Option<SmileConfig>,
    environment: Environment,
    tls: TlsOptions,
    partner_id: String,
}

impl Partner {
    fn new(credentials: &Credentials) -> Result<Self, Failure> {
        let config = credentials.config.as_deref().map(SmileConfig::read).transpose()?;
        let environment: Environment = credentials.env.parse()?;
        let environment = match (&config, environment) {
            (Some(config), Environment::Sandbox) => config.environment(false),
            (Some(config), Environment::Production) => config.environment(true),
            (_, environment) => environment,
        };
        let mut tls = TlsOptions::default();
        if let Some(path) = &credentials.ca_file {
            let pem = std::fs::read(path).map_err(|error| Failure::input("--ca-file", error))?;
            tls = tls.trust(&pem).map_err(|error| Failure::input("--ca-file", error))?;
        }
        for pin in &credentials.pin {
            tls = tls.pin(pin.parse().map_err(|error| Failure::input("--pin", error))?);
        }
        let given = credentials.partner_id.clone();
        let partner_id = given.or(config.as_ref().map(|config| config.partner_id.clone()));
        let partner_id = partner_id.ok_or_else(no_credentials)?;
        let tls = tls.pinned_for(&environment);
        Ok(Self { config, environment, tls, partner_id })
    }

    fn signer(&self, credentials: &Credentials) -> Result<Box<dyn Signer>, Failure> {
        let Self { config, environment, tls, partner_id } = self;
        let wrong = |error: SignerError| Failure::input("credentials", error);
        let transport: Arc<dyn Transport> = Arc::new(UreqTransport::new(tls.clone()));
        let token = set(AUTH_TOKEN_VARIABLE);
        let token = token.or(config.as_ref().and_then(|config| config.auth_token.clone()));
        Ok(if let Some(url) = &credentials.signer_url {
            let mut signer = RemoteSigner::new(partner_id, url).map_err(wrong)?.over(transport);
            if let Some(url) = &credentials.verifier_url {
                signer = signer.verified_at(url).map_err(wrong)?;
            }
            if let Some(token) = set(SIGNER_TOKEN_VARIABLE) {
                signer = signer.with_token(&token).map_err(wrong)?;
            }
            Box::new(signer)
        } else if let Some(key) = set(API_KEY_VARIABLE) {
            Box::new(ApiKeySigner::new(partner_id, &key).map_err(wrong)?)
        } else if let Some(config) = config.as_ref().filter(|config| config.api_key.is_some()) {
            Box::new(config.signer()?)
        } else if let Some(token) = token {
            let signer = AuthSmileSigner::new(partner_id, &token, environment).map_err(wrong)?;
            Box::new(signer.over(transport))
        } else if let Some(config) = config {
            // Says what the file lacks.
            Box::new(config.signer()?)
        } else {
            return Err(no_credentials());
        })
    }

    fn tokens(&self, credentials: &Credentials) -> Result<Box<dyn TokenSource>, Failure> {
        let (key, token) = (set(API_KEY_VARIABLE), set(SIGNER_TOKEN_VARIABLE));
        let (options, config) = (&credentials.protocol, self.config.as_ref());
        v3::tokens(options, &self.partner_id, key.as_deref(), token.as_deref(), config)
    }
}

/// An environment variable that is not empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn no_credentials() -> Failure {
    let what = format!("set LIVEFACE_PARTNER_ID and {API_KEY_VARIABLE}, or give --config");
    Failure::input("no credentials", what)
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        if error.is_server_trouble() || error.is_retryable() {
            return Self::new(Exit::Network, error.to_string());
        }
        match error {
            SubmitError::Store(error) => error.into(),
            SubmitError::Unclear { .. } => Self::new(Exit::Network, error.to_string()),
            SubmitError::Refused { .. }
            | SubmitError::Declined { .. }
            | SubmitError::Clock { .. } => Self::new(Exit::NotAccepted, error.to_string()),
            error => Self::new(Exit::Input, error.to_string()),
        }
    }
}

/// A decision in words, and the exit code for a job that came to it.
pub(crate) fn told(decision: Decision) -> (&'static str, Style, Exit) {
    match decision {
        Decision::Approved => ("approved", Style::Good, Exit::Done),
        Decision::ProvisionallyApproved => ("provisionally approved", Style::Good, Exit::Done),
        // Accepted as asked: the result is yet to come.
        Decision::Pending => ("pending", Style::Strong, Exit::Done),
        Decision::Rejected => ("rejected", Style::Bad, Exit::NotAccepted),
        _ => ("undecided", Style::Bad, Exit::NotAccepted),
    }
}

fn report(
    common: &Common,
    tag: &Tag,
    outcome: &JobOutcome,
    wanted: Wanted,
) -> Result<Exit, Failure> {
    let decision = outcome.decision();
    let (word, style, exit) = told(decision);
    if common.json {
        let link = |link| match link {
            ImageLink::Address(url) => [("url", url)].into(),
            ImageLink::Error(error) => [("error", error)].into(),
        };
        let links = || outcome.image_links().into_iter().map(|(name, l)| (name, link(l))).collect();
        let history = || outcome.history().into_iter().map(|result| result.fields()).collect();
        console::json(&OutcomeLine {
            tag,
            job_type: outcome.job_type(),
            user_id: outcome.user_id(),
            job_id: outcome.job_id(),
            smile_job_id: outcome.smile_job_id(),
            job_complete: decision != Decision::Pending,
            approved: outcome.is_approved(),
            decision: word,
            result_code: outcome.result_code(),
            result_text: outcome.result_text(),
            confidence: outcome.confidence(),
            actions: outcome.actions().into_iter().map(|(k, v)| (k, v.to_string())).collect(),
            partner_params: outcome.partner_params(),
            verified: outcome.verified(),
            history: wanted.history.then(history),
            image_links: wanted.image_links.then(links),
            raw: outcome.raw(),
        })?;
        return Ok(exit);
    }
    console::line(styled(word, style))?;
    if let (Some(code), Some(text)) = (outcome.result_code(), outcome.result_text()) {
        console::line(format!("  {}: {}", console::plain(&code), console::plain(&text)))?;
    }
    if let Some(status) = outcome.v3_status() {
        let message = status.message.unwrap_or_default();
        let state = status.state.to_string();
        console::line(format!("  {}: {}", console::plain(&state), console::plain(&message)))?;
    }
    if let Some(confidence) = outcome.confidence() {
        console::line(format!("  confidence {confidence:.1}"))?;
    }
    console::line(format!("  job {}", outcome.job_id()))?;
    for (action, result) in outcome.actions() {
        let (action, result) = (console::plain(&action), console::plain(&result.to_string()));
        console::line(format!("  {:<40} {result}", action.replace('_', " ")))?;
    }
    // V3 signs nothing.
    let signed = outcome.v3_status().is_none();
    if outcome.raw().is_some() && signed && !outcome.verified() {
        console::line("  nobody could check the answer's signature")?;
    }
    if decision == Decision::Pending {
        console::line(format!("  ask again with: liveface status {tag}"))?;
    }
    Ok(exit)
}

pub(super) fn pairs(option: &str, texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = |why: &str| Failure::input(option, why);
    let mut pairs = BTreeMap::new();
    for text in texts {
        let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
        let (key, value) =
            pair.ok_or_else(|| wrong("each one must be KEY=VALUE, for example order=ORD-9"))?;
        if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(wrong("a key is given twice"));
        }
    }
    Ok(pairs)
}

/// latitude=..,longitude=..,altitude=..,accuracy=..
fn geo(text: &str) -> Result<GeoInfo, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::input(
            "--geo",
            format!("{why}; write latitude=1.5,longitude=36.8,altitude=1700,accuracy=10"),
        )
    };
    let mut fields = BTreeMap::new();
    for part in text.split(',') {
        let (name, value) =
            part.split_once('=').ok_or_else(|| wrong(&"each field must be name=number"))?;
        if fields.insert(name.trim().to_owned(), value.to_owned()).is_some() {
            return Err(wrong(&"a field is given twice"));
        }
    }
    GeoInfo::from_fields(&fields).map_err(|error| wrong(&error))
}
