//! Signers for devices that must not hold the API key.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::call::Call;
use crate::environment::{Environment, Reach, reach};
use crate::error::SubmitError;
use crate::exchange::{Ask, Exchange, is_passing, json as json_of, v1_json, without};
use crate::retry::RetryPolicy;
use crate::signature::{Signed, Signer, SignerError, SigningJob, Verification};
use crate::tls::TlsOptions;
use crate::transport::Transport;
use crate::ureq_transport::UreqTransport;
use crate::wire::{Refusal, signed, truth};

/// Longest time for one question to whoever signs, and for all attempts together. A person waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest signature or time that is taken, in bytes. A signature has 44.
const MAX_SIGNATURE: usize = 500;

/// Asks the partner's own backend, which holds the API key, for signatures.
///
/// To sign, it is sent `POST {sign_url}` with
/// `{"partner_id", "job_type", "user_id", "job_id", "production"}`, where the job's type is a number
/// and `production` a truth value, and answers `{"timestamp", "signature"}`:
/// [`signature::sign`](crate::signature::sign) makes such a signature. To check an answer's signature,
/// it is sent `POST {verify_url}` with `{"partner_id", "timestamp", "signature"}` and answers
/// `{"valid": true}` or `{"valid": false}`. Any other status than 200 is a refusal; a text under
/// `error` is passed on. With a token, each request bears `Authorization: Bearer ...`.
pub struct RemoteSigner {
    partner_id: String,
    sign_url: String,
    verify_url: Option<String>,
    token: Option<Zeroizing<String>>,
    exchange: Exchange,
}

impl RemoteSigner {
    /// A signer that asks the backend at `sign_url`.
    ///
    /// # Errors
    /// When the partner id is empty, or the address is neither https nor on this machine.
    pub fn new(partner_id: &str, sign_url: &str) -> Result<Self, SignerError> {
        check_partner(partner_id)?;
        Ok(Self {
            partner_id: partner_id.to_owned(),
            sign_url: safe(sign_url)?,
            verify_url: None,
            token: None,
            exchange: exchange(default_transport()),
        })
    }

    /// Has answers checked at `verify_url`. Without, they cannot be.
    ///
    /// # Errors
    /// When the address is neither https nor on this machine.
    pub fn verified_at(mut self, verify_url: &str) -> Result<Self, SignerError> {
        self.verify_url = Some(safe(verify_url)?);
        Ok(self)
    }

    /// Tells the backend who asks.
    ///
    /// # Errors
    /// When the token is empty or holds anything but visible ASCII.
    pub fn with_token(mut self, token: &str) -> Result<Self, SignerError> {
        if token.is_empty() || !token.chars().all(|c| c.is_ascii_graphic()) {
            let what = "the signer's token is empty or holds other than visible ASCII";
            return Err(SignerError::Refused(what.to_owned()));
        }
        self.token = Some(token.to_owned().into());
        Ok(self)
    }

    /// Asks over the app's own HTTP, or one that trusts other servers.
    #[must_use]
    pub fn over(mut self, transport: Arc<dyn Transport>) -> Self {
        self.exchange = exchange(transport);
        self
    }

    fn ask(&self, doing: &'static str, url: &str, body: &Value) -> Result<Value, SignerError> {
        let mut ask = Ask::json(doing, url.to_owned(), body);
        if let Some(token) = &self.token {
            ask.headers.push(("authorization", format!("Bearer {}", token.as_str())));
        }
        let sent = self.exchange.send(ask, &mut Call::default());
        let response = sent.map_err(|failed| trouble(&failed.error))?.response;
        let (_, value) = json_of(doing, &response).map_err(|error| trouble(&error))?;
        let status = response.status;
        if status == 200 {
            return Ok(value);
        }
        let said = value.get("error").and_then(Value::as_str).unwrap_or_default();
        let asked = body.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let private: Vec<&str> = asked.chain(self.token.iter().map(|t| t.as_str())).collect();
        let said = without(said, &private);
        let what = format!("could not {doing}: HTTP status {status} {said}").trim_end().to_owned();
        let refused =
            if is_passing(status) { SignerError::Unavailable } else { SignerError::Refused };
        Err(refused(what))
    }
}

impl Signer for RemoteSigner {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    fn sign(&self, job: &SigningJob) -> Result<Signed, SignerError> {
        let doing = "ask the partner's backend for a signature";
        let body = json!({
            "partner_id": self.partner_id, "job_type": job.job_type, "user_id": job.user_id,
            "job_id": job.job_id, "production": job.production,
        });
        taken(doing, &self.ask(doing, &self.sign_url, &body)?)
    }

    fn verify(&self, received: &Signed) -> Result<Verification, SignerError> {
        let Some(url) = &self.verify_url else { return Ok(Verification::NotPossible) };
        let doing = "ask the partner's backend to check a signature";
        let Signed { timestamp, signature } = received;
        let body = json!({
            "partner_id": self.partner_id, "timestamp": timestamp, "signature": signature,
        });
        match self.ask(doing, url, &body)?.get("valid").and_then(Value::as_bool) {
            Some(valid) => Ok(valid.into()),
            None => {
                Err(SignerError::Refused(format!("could not {doing}: the answer has no `valid`")))
            }
        }
    }
}

impl std::fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RemoteSigner(..)")
    }
}

/// Signs as Smile ID's mobile SDKs do: the token of a `smile_config.json` buys a signature at
/// `/auth_smile`. It cannot check answers.
pub struct AuthSmileSigner {
    partner_id: String,
    auth_token: Zeroizing<String>,
    url: String,
    exchange: Exchange,
}

impl AuthSmileSigner {
    /// A signer for jobs at `environment`.
    ///
    /// # Errors
    /// When the partner id or the token is empty, or the address is neither https nor on this
    /// machine.
    pub fn new(
        partner_id: &str,
        auth_token: &str,
        environment: &Environment,
    ) -> Result<Self, SignerError> {
        check_partner(partner_id)?;
        if auth_token.trim().is_empty() {
            return Err(SignerError::Refused("the auth token is empty".to_owned()));
        }
        Ok(Self {
            partner_id: partner_id.to_owned(),
            auth_token: auth_token.to_owned().into(),
            url: safe(&format!("{}/auth_smile", environment.base_url()))?,
            exchange: exchange(default_transport()),
        })
    }

    /// Asks over the app's own HTTP, or one that trusts other servers.
    #[must_use]
    pub fn over(mut self, transport: Arc<dyn Transport>) -> Self {
        self.exchange = exchange(transport);
        self
    }
}

impl Signer for AuthSmileSigner {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    fn sign(&self, job: &SigningJob) -> Result<Signed, SignerError> {
        let doing = "exchange the auth token for a signature";
        let body = json!({
            "job_type": job.job_type, "enrollment": job.job_type == 4,
            "update_enrolled_image": false, "job_id": job.job_id, "user_id": job.user_id,
            "signature": true, "production": job.production, "partner_id": self.partner_id,
            "auth_token": self.auth_token.as_str(),
        });
        let private = [self.auth_token.as_str(), &job.user_id, &job.job_id];
        let ask = Ask::json(doing, self.url.clone(), &body);
        let sent = self.exchange.send(ask, &mut Call::default()).map_err(|failed| failed.error);
        let read = sent.and_then(|answered| v1_json(doing, &answered.response, &private));
        let (_, value) = read.map_err(|error| trouble(&error))?;
        if value.get("success").and_then(truth) != Some(true) {
            let said = Refusal::parse(&value).map_or(String::new(), |r| format!(" ({})", r.code));
            let what = format!("could not {doing}: the server refused{}", without(&said, &private));
            return Err(SignerError::Refused(what));
        }
        taken(doing, &value)
    }

    fn verify(&self, _: &Signed) -> Result<Verification, SignerError> {
        Ok(Verification::NotPossible)
    }
}

impl std::fmt::Debug for AuthSmileSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthSmileSigner(..)")
    }
}

fn default_transport() -> Arc<dyn Transport> {
    Arc::new(UreqTransport::new(TlsOptions::default()))
}

fn exchange(transport: Arc<dyn Transport>) -> Exchange {
    let retry = RetryPolicy { budget: TIMEOUT, ..RetryPolicy::default() };
    Exchange::new(transport, TIMEOUT, retry)
}

fn check_partner(partner_id: &str) -> Result<(), SignerError> {
    if partner_id.is_empty() || !partner_id.chars().all(|c| c.is_ascii_graphic()) {
        return Err(SignerError::Refused("the partner id is empty or not ASCII".to_owned()));
    }
    Ok(())
}

/// `url`, if what is sent there stays between the two.
pub(crate) fn safe(url: &str) -> Result<String, SignerError> {
    match reach(url) {
        Some(Reach::Tls | Reach::Loopback) => Ok(url.to_owned()),
        _ => {
            let what =
                "the address of whoever signs or gives tokens must begin with https:// and a host";
            Err(SignerError::Refused(what.to_owned()))
        }
    }
}

/// The signature that an answer holds.
fn taken(doing: &str, value: &Value) -> Result<Signed, SignerError> {
    let fits = |text: &str| {
        (1..=MAX_SIGNATURE).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic())
    };
    signed(value).filter(|signed| fits(&signed.timestamp) && fits(&signed.signature)).ok_or_else(
        || SignerError::Refused(format!("could not {doing}: the answer has no signature")),
    )
}

fn trouble(error: &SubmitError) -> SignerError {
    let what = error.to_string();
    match error {
        SubmitError::Unavailable { .. } | SubmitError::Refused { .. } if error.is_retryable() => {
            SignerError::Unavailable(what)
        }
        _ if error.is_retryable() => SignerError::Unreachable(what),
        _ => SignerError::Refused(what),
    }
}
