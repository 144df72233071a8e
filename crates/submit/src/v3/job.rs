//! The steps of a V3 job.

use std::cell::RefCell;
use std::time::Instant;

use liveface_bundle::{Capture, JobStage, JobState, Submission};
use serde_json::Value;

use super::body::form;
use super::status::{V3State, V3Status, is_job_id};
use super::token::{Post, Token, TokenRequest, TokenSource};
use crate::call::Call;
use crate::client::Client;
use crate::error::SubmitError;
use crate::exchange::{Again, Answered, Ask, Failed, is_passing, json, without};
use crate::request::JobType;
use crate::retry::{now_seconds, retry_after};
use crate::signature::SignerError;
use crate::transport::{Method, Response};
use crate::wire::SOURCE_SDK;

/// Statuses of an answer to a question about a job.
const DECIDED: u16 = 200;
const FOUND: [u16; 2] = [DECIDED, 202];
const NOT_FOUND: u16 = 404;

const UNAUTHORISED: u16 = 401;
const TOO_MANY: u16 = 429;

/// Statuses that say that there is no job, besides 401. Source: Smile ID's V3 API. What stands
/// between may answer with any other after the job arrived.
const REFUSALS: [u16; 7] = [400, 402, 403, NOT_FOUND, 413, 415, TOO_MANY];

/// A token that a client keeps, and what it is for.
pub(crate) struct KeptToken {
    job_type: u8,
    user_id: String,
    token: Token,
}

/// What became of an attempt to send a job.
enum Attempt {
    /// The server has it under this id.
    Accepted(String),
    /// The server does not have it.
    NotMade(SubmitError),
    /// As before, because the token is not valid.
    Unauthorised(SubmitError),
    /// Nobody knows.
    Unclear(String),
}

impl Client {
    /// Sends a prepared job. When it surely did not arrive, its stage is `back` again.
    pub(crate) fn v3_transfer(
        &self,
        submission: &Submission,
        capture: &Capture,
        job: &mut JobState,
        back: JobStage,
        call: &mut Call<'_>,
    ) -> Result<(), SubmitError> {
        let begun = Instant::now();
        let mut refused: Option<Token> = None;
        let mut attempt = 1;
        loop {
            job.stage = back;
            submission.set_job(job)?;
            let ask = self.v3_submission(capture, job)?;
            let token = self.v3_token(job, refused.as_ref(), call)?;
            call.check()?;
            job.stage = JobStage::Unclear;
            submission.set_job(job)?;
            let sent = self.exchange().send(with_token(ask, &token), call);
            let asked = sent.as_ref().ok().filter(|a| a.response.status == TOO_MANY);
            let asked = asked.and_then(|answered| answered.response.header("retry-after"));
            let asked = asked.and_then(|asked| retry_after(asked, now_seconds()));
            let error = match judge(job, sent) {
                Attempt::Accepted(id) => {
                    job.smile_job_id = Some(id);
                    job.stage = JobStage::Uploaded;
                    return Ok(submission.set_job(job)?);
                }
                Attempt::Unclear(what) => {
                    return Err(SubmitError::Unclear { tag: submission.tag().clone(), what });
                }
                Attempt::Unauthorised(error) if refused.is_none() => {
                    refused = Some(token);
                    job.stage = back;
                    submission.set_job(job)?;
                    // A source that has no other token cannot help.
                    if Some(self.v3_token(job, refused.as_ref(), call)?) == refused {
                        return Err(error);
                    }
                    continue;
                }
                Attempt::NotMade(error) | Attempt::Unauthorised(error) => error,
            };
            job.stage = back;
            submission.set_job(job)?;
            let again = matches!(
                error,
                SubmitError::Network { .. } | SubmitError::Unavailable { status: TOO_MANY, .. }
            );
            let pause = self.config().retry.next(attempt, begun.elapsed(), asked);
            let Some(pause) = pause.filter(|_| again) else { return Err(error) };
            call.tell(crate::Progress::Retrying { attempt, pause });
            call.pause(pause)?;
            attempt += 1;
        }
    }

    /// The request that sends `job`, without its token.
    fn v3_submission(&self, capture: &Capture, job: &JobState) -> Result<Ask, SubmitError> {
        let form = form(job, capture, self.config().v3_max_payload)?;
        let mut headers = vec![("Content-Type", form.content_type)];
        let path = if job.job_type == JobType::Register.number() {
            headers.push(("User-ID", job.user_id.clone()));
            "registration"
        } else {
            "authentication"
        };
        Ok(Ask {
            doing: "send the job",
            method: Method::Post,
            url: format!("{}/v3/{path}", super::server(&job.base_url)),
            headers,
            body: form.body,
            again: Again::Never,
            uploads: true,
        })
    }

    /// Asks for the job's status, notes the answer in `job`, and says whether the server is done.
    pub(crate) fn v3_ask(
        &self,
        job: &mut JobState,
        again: Again,
        call: &mut Call<'_>,
    ) -> Result<bool, SubmitError> {
        let doing = "ask for the job's status";
        let bad = |what: &str| SubmitError::BadAnswer { doing, what: what.to_owned() };
        let Some(id) = job.smile_job_id.as_deref().filter(|id| is_job_id(id)) else {
            return Err(SubmitError::Request("the server's job id has another form".to_owned()));
        };
        let url = format!("{}/v3/status/{id}", super::server(&job.base_url));
        let mut refused: Option<Token> = None;
        let response = loop {
            let token = self.v3_token(job, refused.as_ref(), call)?;
            let (url, headers) = (url.clone(), vec![]);
            let (method, body, uploads) = (Method::Get, vec![], false);
            let ask = Ask { doing, method, url, headers, body: body.into(), again, uploads };
            let response = self.exchange().send(with_token(ask, &token), call)?.response;
            let other = response.status == UNAUTHORISED && refused.is_none();
            if !other || Some(&token) == refused.as_ref() {
                break response;
            }
            refused = Some(token);
        };
        if !FOUND.contains(&response.status) && response.status != NOT_FOUND {
            return Err(declined(doing, job, &response));
        }
        let (raw, value) = json(doing, &response)?;
        let status = V3Status::read(&value).ok_or_else(|| bad("the answer has no status"))?;
        // Another page that is not there says nothing of the job.
        if response.status == NOT_FOUND && status.state != V3State::NotFound {
            return Err(declined(doing, job, &response));
        }
        // What is accepted (202) is not decided.
        if status.state.is_final() && response.status != DECIDED {
            return Err(bad("the answer's HTTP status contradicts the job's"));
        }
        if !status.is_about(id, &job.user_id) {
            return Err(bad("the answer is about another job"));
        }
        job.last_status = Some(raw);
        // Nothing signs it: it is as good as the connection.
        job.unverified = true;
        if status.state.is_final() {
            job.stage = JobStage::Final;
        }
        Ok(status.is_complete())
    }

    /// A token for `job`: the kept one if it lasts and is not the `refused` one, else a new one.
    fn v3_token(
        &self,
        job: &JobState,
        refused: Option<&Token>,
        call: &mut Call<'_>,
    ) -> Result<Token, SubmitError> {
        let (source, kept) = self.tokens()?;
        let keep = || kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let fits = |kept: &&KeptToken| {
            kept.job_type == job.job_type
                && kept.user_id == job.user_id
                && kept.token.lasts()
                && Some(&kept.token) != refused
        };
        if let Some(kept) = keep().as_ref().filter(fits) {
            return Ok(kept.token.clone());
        }
        let token = self.new_token(source.as_ref(), job, call)?;
        let (job_type, user_id) = (job.job_type, job.user_id.clone());
        *keep() = Some(KeptToken { job_type, user_id, token: token.clone() });
        Ok(token)
    }

    fn new_token(
        &self,
        source: &dyn TokenSource,
        job: &JobState,
        call: &mut Call<'_>,
    ) -> Result<Token, SubmitError> {
        call.check()?;
        let cancel = call.token().clone();
        let call = RefCell::new(call);
        // What the client knows of a failure is more than the source can say.
        let failed = RefCell::new(None);
        let send = |post: Post| {
            let Ok(mut call) = call.try_borrow_mut() else {
                return Err(SignerError::Refused("a token is being asked for".to_owned()));
            };
            let ask = Ask {
                doing: "get a token",
                method: Method::Post,
                url: post.url,
                headers: post.headers,
                body: post.body.into(),
                again: Again::Always,
                uploads: false,
            };
            self.exchange().send(ask, &mut call).map(|answered| answered.response).map_err(
                |Failed { error, .. }| {
                    let text = error.to_string();
                    *failed.borrow_mut() = Some(error);
                    SignerError::Unreachable(text)
                },
            )
        };
        let job_type = if job.job_type == JobType::Register.number() {
            JobType::Register
        } else {
            JobType::Authenticate
        };
        let server = super::server(&job.base_url);
        let request =
            TokenRequest { job_type, user_id: &job.user_id, server, cancel: &cancel, send: &send };
        let token = source.token(&request);
        token.map_err(|error| failed.take().unwrap_or_else(|| error.into()))
    }
}

fn with_token(mut ask: Ask, token: &Token) -> Ask {
    ask.headers.extend([
        ("SmileID-Token", token.as_str().to_owned()),
        ("SmileID-Source-SDK", SOURCE_SDK.to_owned()),
        ("SmileID-Source-SDK-Version", env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    ask
}

/// What the answer to a submission means.
fn judge(job: &JobState, sent: Result<Answered, Failed>) -> Attempt {
    let doing = "send the job";
    let response = match sent {
        Ok(answered) => answered.response,
        Err(Failed { error, sent: false }) => return Attempt::NotMade(error),
        Err(Failed { error: SubmitError::Cancelled, .. }) => {
            return Attempt::Unclear(
                "the call was cancelled while the pictures went out".to_owned(),
            );
        }
        Err(Failed { error, .. }) => return Attempt::Unclear(cause(error)),
    };
    match response.status {
        200..=299 => {
            let value = json(doing, &response).map_or(Value::Null, |(_, value)| value);
            let text = |name: &str| value.get(name).and_then(Value::as_str);
            match text("job_id").filter(|id| is_job_id(id)) {
                Some(id) if text("user_id").is_none_or(|user| user == job.user_id) => {
                    Attempt::Accepted(id.to_owned())
                }
                Some(_) => Attempt::Unclear("the server's answer is about another user".to_owned()),
                None => Attempt::Unclear("the server's answer has no job id".to_owned()),
            }
        }
        UNAUTHORISED => Attempt::Unauthorised(declined(doing, job, &response)),
        status if REFUSALS.contains(&status) => Attempt::NotMade(declined(doing, job, &response)),
        status => Attempt::Unclear(format!("the server answered with HTTP status {status}")),
    }
}

/// What happened, without the step and the advice.
fn cause(error: SubmitError) -> String {
    match error {
        SubmitError::Network { what, .. }
        | SubmitError::Untrusted { what, .. }
        | SubmitError::BadAnswer { what, .. } => what,
        error => error.to_string(),
    }
}

/// The error that an answer with a refusing status is.
fn declined(doing: &'static str, job: &JobState, response: &Response) -> SubmitError {
    let status = response.status;
    if is_passing(status) {
        return SubmitError::Unavailable { doing, status };
    }
    let value = match json(doing, response) {
        Ok((_, value)) => value,
        Err(error) => return error,
    };
    let said = ["message", "error"].iter().find_map(|name| value.get(*name)?.as_str());
    let ids = [&job.user_id, &job.job_id].into_iter().chain(&job.smile_job_id);
    let fields = job.partner_params.values().chain(job.user_details.values());
    let private: Vec<&str> =
        ids.chain(&job.callback_url).chain(fields).map(String::as_str).collect();
    SubmitError::Declined { doing, status, text: without(said.unwrap_or_default(), &private) }
}
