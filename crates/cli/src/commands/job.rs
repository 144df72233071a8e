//! `liveface register`, `authenticate` and `status`: jobs and their results.

use std::collections::BTreeMap;
use std::time::Duration;

use liveface::Tag;
use liveface_submit::{
    ApiKeySigner, Client, ClientConfig, Decision, Environment, GeoInfo, JobOutcome, JobRequest,
    JobType, Progress, SmileConfig, SubmitError,
};
use serde::Serialize;

use crate::args::{Common, Credentials, JobOptions, StatusOptions};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};

const API_KEY_VARIABLE: &str = "LIVEFACE_API_KEY";

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
    let outcome = client(&options.credentials)?.status(&store, &tag)?;
    report(common, &tag, &outcome)
}

fn send(common: &Common, options: &JobOptions, job_type: JobType) -> Result<Exit, Failure> {
    let tag = Tag::new(&options.tag)?;
    let request = JobRequest {
        job_id: options.job_id.clone(),
        partner_params: pairs("--partner-param", &options.partner_param)?,
        callback_url: options.callback.clone(),
        allow_re_enroll: options.allow_re_enroll,
        use_enrolled_image: options.use_enrolled_image,
        geo: options.geo.as_deref().map(geo).transpose()?,
        wait: Some(Duration::from_secs(if options.no_wait { 0 } else { options.timeout })),
        ..JobRequest::new(&options.user_id)
    };
    let store = super::store(&options.store)?;
    let client = client(&options.credentials)?;
    let spinner = console::spinner("preparing");
    let mut watch = |progress: Progress| {
        spinner.set_message(match progress {
            Progress::Preparing => "preparing".to_owned(),
            Progress::Uploading { bytes } => format!("uploading {bytes} bytes"),
            Progress::Waiting { attempt } => format!("waiting for the result ({attempt})"),
            Progress::Done => "done".to_owned(),
        });
    };
    let sent = match job_type {
        JobType::Register => client.register(&store, &tag, &request, Some(&mut watch)),
        JobType::Authenticate => client.authenticate(&store, &tag, &request, Some(&mut watch)),
    };
    spinner.finish_and_clear();
    report(common, &tag, &sent?)
}

/// The client for the server and the partner that the options, the environment and the config file
/// name, in this order.
fn client(credentials: &Credentials) -> Result<Client, Failure> {
    let config = credentials.config.as_deref().map(SmileConfig::read).transpose()?;
    let environment: Environment = credentials.env.parse()?;
    let environment = match (&config, environment) {
        (Some(config), Environment::Sandbox) => config.environment(false),
        (Some(config), Environment::Production) => config.environment(true),
        (_, environment) => environment,
    };
    let key = std::env::var(API_KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    let partner_id =
        credentials.partner_id.clone().or(config.as_ref().map(|c| c.partner_id.clone()));
    let signer = match (partner_id, key, &config) {
        (Some(partner_id), Some(key), _) => ApiKeySigner::new(&partner_id, &key)
            .map_err(|error| Failure::input("credentials", error))?,
        (_, None, Some(config)) => config.signer()?,
        _ => {
            return Err(Failure::input(
                "no credentials",
                format!("set LIVEFACE_PARTNER_ID and {API_KEY_VARIABLE}, or give --config"),
            ));
        }
    };
    Ok(Client::new(ClientConfig::new(environment), signer)?)
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        if error.is_server_trouble() || error.is_retryable() {
            return Self::new(Exit::Network, error.to_string());
        }
        match error {
            SubmitError::Store(error) => error.into(),
            SubmitError::Refused { .. } => Self::new(Exit::NotAccepted, error.to_string()),
            error => Self::new(Exit::Input, error.to_string()),
        }
    }
}

fn report(common: &Common, tag: &Tag, outcome: &JobOutcome) -> Result<Exit, Failure> {
    let decision = outcome.decision();
    let (word, style, exit) = match decision {
        Decision::Approved => ("approved", Style::Good, Exit::Done),
        Decision::ProvisionallyApproved => ("provisionally approved", Style::Good, Exit::Done),
        // Accepted as asked: the result is yet to come.
        Decision::Pending => ("pending", Style::Strong, Exit::Done),
        Decision::Rejected => ("rejected", Style::Bad, Exit::NotAccepted),
        _ => ("undecided", Style::Bad, Exit::NotAccepted),
    };
    if common.json {
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
            raw: outcome.raw(),
        })?;
        return Ok(exit);
    }
    console::line(styled(word, style))?;
    if let (Some(code), Some(text)) = (outcome.result_code(), outcome.result_text()) {
        console::line(format!("  {code}: {text}"))?;
    }
    if let Some(confidence) = outcome.confidence() {
        console::line(format!("  confidence {confidence:.1}"))?;
    }
    console::line(format!("  job {}", outcome.job_id()))?;
    for (action, result) in outcome.actions() {
        console::line(format!("  {:<40} {result}", action.replace('_', " ")))?;
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
    let wrong = |why: &str| {
        Failure::input(
            "--geo",
            format!("{why}; write latitude=1.5,longitude=36.8,altitude=1700,accuracy=10"),
        )
    };
    let mut fields = BTreeMap::new();
    for part in text.split(',') {
        let (name, value) =
            part.split_once('=').ok_or_else(|| wrong("each field must be name=number"))?;
        let number: f64 = value.trim().parse().map_err(|_| wrong("a value is not a number"))?;
        if !["latitude", "longitude", "altitude", "accuracy"].contains(&name.trim()) {
            return Err(wrong("a field's name is not known"));
        }
        if fields.insert(name.trim(), number).is_some() {
            return Err(wrong("a field is given twice"));
        }
    }
    let needed = |name: &str| {
        fields.get(name).copied().ok_or_else(|| wrong("latitude and longitude are both needed"))
    };
    Ok(GeoInfo {
        latitude: needed("latitude")?,
        longitude: needed("longitude")?,
        altitude: fields.get("altitude").copied(),
        accuracy: fields.get("accuracy").copied(),
    })
}
