//! The V3 protocol: tokens, registration and authentication in one request, status and replay.
//!
//! A V3 job is a job like any other: its images are kept as the zip that a v1 client would have
//! sent, and the same worker and judge decide.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use liveface_bundle::now;
use serde::Serialize;
use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::Shared;
use crate::codes::Verdict;
use crate::http::{blocking, host};
use crate::jobs::{self, NewJob, Refusal};
use crate::store::{self, CallbackState, Job, JobKind, Stage, V3Job};
use crate::v3_form::{Form, Given};
use crate::v3_token::{self, Bound, Claims};

/// What a V3 request is refused with: `{status, message}`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct V3Error {
    status: StatusCode,
    message: String,
}

impl V3Error {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.")
    }

    /// The text is the documented one.
    fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Invalid authentication credentials.")
    }

    fn forbidden(message: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    fn fault() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "System error")
    }
}

impl IntoResponse for V3Error {
    fn into_response(self) -> Response {
        let status = self.status.canonical_reason().unwrap_or_default();
        let body = Json(json!({ "status": status, "message": self.message }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The paths of V3, with the older names of two of them.
pub(crate) fn routes(shared: &Shared) -> Router<Arc<Shared>> {
    let form = DefaultBodyLimit::max(shared.limits.form_bytes);
    let submit = |kind| -> MethodRouter<Arc<Shared>> {
        post(async move |State(shared): State<Arc<Shared>>, request| {
            submit(&shared, kind, request).await
        })
    };
    Router::new()
        .route("/v3/token", post(token))
        .route("/v3/registration", submit(JobKind::Register))
        .route("/v3/enroll", submit(JobKind::Register))
        .route("/v3/authentication", submit(JobKind::Authenticate))
        .route("/v3/authenticate", submit(JobKind::Authenticate))
        .route("/v3/status/{job_id}", get(status))
        .route("/v3/replay/{job_id}", post(replay))
        .layer(form)
}

/// The product that a token must have been made for, if it was made for one.
fn product(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Register => "smart_selfie_registration",
        JobKind::Authenticate => "smart_selfie_authentication",
    }
}

async fn token(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<Value>, V3Error> {
    let headers = request.headers().clone();
    let partner = text_header(&headers, "smileid-partner-id").unwrap_or_default();
    let digits = !partner.is_empty() && partner.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || partner.starts_with('0') {
        let message = "smileid-partner-id must be a number without leading zeros";
        return Err(V3Error::bad(message));
    }
    let key = text_header(&headers, "smileid-api-key").unwrap_or_default();
    // One partner is written with leading zeros in v1 and without them here.
    let known = shared.partner.id.trim_start_matches('0') == partner;
    if !shared.partner.has_api_key(key) || !known {
        return Err(V3Error::unauthorized());
    }
    let form = optional_form(request).await?;
    let wanted = form.text("product").map(str::to_owned);
    let products = [JobKind::Register, JobKind::Authenticate].map(product);
    if wanted.as_deref().is_some_and(|wanted| !products.contains(&wanted)) {
        return Err(V3Error::bad(format!("product must be one of {}", products.join(", "))));
    }
    let bound = form.payload()?;
    let reference = |given: bool| given.then(|| store::ulid("pii")).transpose();
    let payload = if bound == Given::default() {
        None
    } else {
        let user_details = reference(bound.user_details).map_err(|_| V3Error::fault())?;
        let consent = reference(bound.consent).map_err(|_| V3Error::fault())?;
        Some(Bound { user_details, consent })
    };
    let iat = Timestamp::now().as_second();
    let life = i64::try_from(shared.limits.token_time.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        partner_id: partner.to_owned(),
        iat,
        exp: iat.saturating_add(life),
        policy: 0,
        api_url: format!("{}://{}", shared.scheme(), host(&headers, &shared)),
        user_id: form.text("user_id").map(str::to_owned),
        partner_params: form.partner_params()?,
        product: wanted,
        payload,
    };
    let token = v3_token::sign(&shared.partner.token_key, &claims).ok_or(V3Error::fault())?;
    Ok(Json(json!({ "token": token })))
}

/// The answer to a submission and to a replay, and with `not_found` and the verdicts to a question
/// for the status.
#[derive(Serialize)]
pub(crate) struct V3Answer {
    pub(crate) status: &'static str,
    pub(crate) message: &'static str,
    pub(crate) job_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<String>,
}

impl V3Answer {
    /// Of a job that is known.
    fn of(job: &Job, status: &'static str, message: &'static str) -> Self {
        Self {
            status,
            message,
            job_id: job.job_id.clone(),
            user_id: Some(job.user_id.clone()),
            created_at: job.v3.as_ref().map(|v3| v3.created_at.clone()),
        }
    }

    /// How far the job is.
    pub(crate) fn status_of(job: &Job) -> Self {
        match &job.stage {
            Stage::Done(done) => {
                let verdict = Verdict::of(&done.result.result_code);
                Self::of(job, verdict.name(), "Job completed")
            }
            Stage::AwaitingZip { .. } | Stage::Received => {
                Self::of(job, "processing", "Job is being processed")
            }
        }
    }
}

async fn submit(
    shared: &Arc<Shared>,
    kind: JobKind,
    request: Request,
) -> Result<Response, V3Error> {
    let claims = authenticate(shared, request.headers())?;
    if claims.product.as_deref().is_some_and(|made_for| made_for != product(kind)) {
        return Err(V3Error::forbidden("The token was made for another product."));
    }
    let header_user = text_header(request.headers(), "user-id").map(str::to_owned);
    let form = required_form(request).await?;
    let body_user = form.text("user_id");
    if kind == JobKind::Authenticate && body_user.is_none() {
        return Err(V3Error::bad("user_id is required"));
    }
    let user_id = agreed_user([body_user, header_user.as_deref(), claims.user_id.as_deref()])?;
    let use_enrolled_image = kind == JobKind::Authenticate && form.flag("use_enrolled_image")?;
    form.check_images(use_enrolled_image)?;
    let bound = claims.payload.unwrap_or_default();
    form.check_person(&Given {
        user_details: bound.user_details.is_some(),
        consent: bound.consent.is_some(),
    })?;
    let new = NewJob {
        job_id: store::ulid("job").map_err(|_| V3Error::fault())?,
        user_id,
        kind,
        partner_params: partner_params(&form, claims.partner_params)?,
        callback_url: form.callback_url()?,
        allow_new_enroll: kind == JobKind::Register && form.flag("allow_new_enroll")?,
        use_enrolled_image,
        retry: false,
    };
    let v3 = V3Job { created_at: now(), forced: form.sandbox_result()? };
    let job = blocking(shared, move |shared| {
        let zip = pack(&form).map_err(|_| V3Error::fault())?;
        let job = jobs::accept(&shared.store, new, v3, &zip, shared.limits.waiting_jobs)?;
        shared.inbox.ring();
        Ok(job)
    });
    let job = job.await.map_err(|error| error.unwrap_or_else(V3Error::fault))?;
    let answer = V3Answer::of(&job, "accepted", "Job accepted for processing");
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// The user whom body, header and token name; a new one when none of them does.
fn agreed_user(named: [Option<&str>; 3]) -> Result<String, V3Error> {
    let mut named = named.into_iter().flatten();
    match named.next() {
        None => store::ulid("user").map_err(|_| V3Error::fault()),
        Some(user) if named.all(|other| other == user) => Ok(user.to_owned()),
        Some(_) => {
            Err(V3Error::forbidden("The user ids of body, header and token are not the same."))
        }
    }
}

/// The body's partner params, or else the token's; where both have one, they must agree.
fn partner_params(
    form: &Form,
    bound: Option<Map<String, Value>>,
) -> Result<Map<String, Value>, V3Error> {
    let (mut params, bound) =
        (form.partner_params()?.unwrap_or_default(), bound.unwrap_or_default());
    for (name, value) in bound {
        if params.get(&name).is_some_and(|own| *own != value) {
            let message = "The partner_params of body and token are not the same.";
            return Err(V3Error::forbidden(message));
        }
        params.insert(name, value);
    }
    Ok(params)
}

async fn status(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, V3Error> {
    let claims = authenticate(&shared, &headers)?;
    let job_id = job_id(path)?;
    let id = job_id.clone();
    let job = blocking(&shared, move |shared| find(shared, &id, &claims)).await;
    let answer = match job {
        Ok(Some(job)) => V3Answer::status_of(&job),
        Ok(None) => V3Answer {
            status: "not_found",
            message: "Job not found",
            job_id,
            user_id: None,
            created_at: None,
        },
        Err(error) => return Err(error.unwrap_or_else(V3Error::fault)),
    };
    let code = match answer.status {
        "processing" => StatusCode::ACCEPTED,
        "not_found" => StatusCode::NOT_FOUND,
        _ => StatusCode::OK,
    };
    Ok((code, Json(answer)).into_response())
}

fn job_id(path: Result<Path<String>, PathRejection>) -> Result<String, V3Error> {
    path.map(|Path(job_id)| job_id).map_err(|_| V3Error::bad("The path is no UTF-8"))
}

/// Sends a finished job's callback once more, to a new address if one is given.
async fn replay(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, V3Error> {
    let claims = authenticate(&shared, request.headers())?;
    let job_id = job_id(path)?;
    let url = optional_form(request).await?.callback_url()?;
    let answer = blocking(&shared, move |shared| {
        let unknown = || V3Error::new(StatusCode::NOT_FOUND, "Job not found");
        let mut job = find(shared, &job_id, &claims)?.ok_or_else(unknown)?;
        let Stage::Done(done) = &mut job.stage else {
            return Err(V3Error::new(StatusCode::CONFLICT, "Job is being processed").into());
        };
        if matches!(done.callback, Some(CallbackState::Pending { .. })) {
            let message = "The callback is being delivered";
            return Err(V3Error::new(StatusCode::CONFLICT, message).into());
        }
        done.callback = Some(CallbackState::Pending { tries: 0 });
        job.callback_url = url.or(job.callback_url);
        if job.callback_url.is_none() {
            return Err(V3Error::bad("A valid callback_url is required").into());
        }
        jobs::replay(&shared.store, &job)?;
        shared.outbox.ring();
        Ok(V3Answer::of(&job, "accepted", "Callback will be sent again"))
    });
    let answer = answer.await.map_err(|error| error.unwrap_or_else(V3Error::fault))?;
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// The job, if there is one of V3; a token that is good for one user sees that user's alone.
fn find(shared: &Shared, job_id: &str, claims: &Claims) -> Result<Option<Job>, Refusal<V3Error>> {
    let job = shared.store.job(job_id)?.filter(|job| job.v3.is_some());
    let of_another =
        |job: &Job| claims.user_id.as_ref().is_some_and(|user_id| *user_id != job.user_id);
    if job.as_ref().is_some_and(of_another) {
        return Err(V3Error::forbidden("The token is another user's.").into());
    }
    Ok(job)
}

/// What the request's token says.
fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Claims, V3Error> {
    let token = text_header(headers, "smileid-token").unwrap_or_default();
    v3_token::verify(&shared.partner.token_key, token, Timestamp::now().as_second())
        .filter(|claims| shared.partner.id.trim_start_matches('0') == claims.partner_id)
        .ok_or_else(V3Error::unauthorized)
}

fn text_header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}

/// The form of a request that may have no body at all.
async fn optional_form(request: Request) -> Result<Form, V3Error> {
    let length = text_header(request.headers(), "content-length");
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    if length.is_none_or(|length| length == "0") && !chunked {
        return Ok(Form::default());
    }
    required_form(request).await
}

pub(crate) async fn required_form(request: Request) -> Result<Form, V3Error> {
    let kind = text_header(request.headers(), "content-type").unwrap_or_default();
    if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        let message = "The body must be multipart/form-data";
        return Err(V3Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let multipart = Multipart::from_request(request, &()).await;
    Form::read(multipart.map_err(|_| V3Error::bad("The multipart form is broken"))?).await
}

/// The zip that a v1 client would have made of the images.
fn pack(form: &Form) -> Result<Vec<u8>, zip::result::ZipError> {
    let files: Vec<(u8, String, &[u8])> = form
        .selfie
        .iter()
        .map(|file| (0, "si_selfie.jpg".to_owned(), file.as_slice()))
        .chain(
            form.liveness
                .iter()
                .zip(1..)
                .map(|(file, n)| (4, format!("si_liveness_{n}.jpg"), file.as_slice())),
        )
        .collect();
    let images: Vec<Value> = files
        .iter()
        .map(|(kind, name, _)| json!({ "image_type_id": kind, "file_name": name }))
        .collect();
    let info = json!({ "images": images }).to_string();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("info.json", stored)?;
    zip.write_all(info.as_bytes())?;
    for (_, name, file) in &files {
        zip.start_file(name, stored)?;
        zip.write_all(file)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// For the fuzz target: reads a form as a submission and a token request do; whether it could be one
/// of the two. Panics when a form that is in order is not packed as it came.
#[doc(hidden)]
#[must_use]
pub fn fuzz_form(content_type: &str, body: &[u8]) -> bool {
    let Ok(content_type) = HeaderValue::from_str(content_type) else { return false };
    let mut request = Request::new(axum::body::Body::from(body.to_vec()));
    request.headers_mut().insert(header::CONTENT_TYPE, content_type);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return false };
    let Ok(form) = runtime.block_on(required_form(request)) else { return false };
    let person = form.check_person(&form.payload().unwrap_or_default());
    let fields = (form.partner_params(), form.callback_url(), form.sandbox_result());
    let flags = ["use_enrolled_image", "allow_new_enroll"].map(|name| form.flag(name));
    let images = form.check_images(matches!(flags[0], Ok(true)));
    let zip = pack(&form).expect("forms are packed in memory");
    let limits = liveface_bundle::ZipLimits::default();
    let read =
        liveface_bundle::read_upload_zip(&zip, &limits).expect("the sandbox reads its own zips");
    let (selfies, liveness): (Vec<_>, Vec<_>) =
        read.images.into_iter().map(|image| (image.is_selfie(), image.bytes)).partition(|i| i.0);
    assert!(selfies.iter().map(|(_, bytes)| bytes).eq(form.selfie.as_ref()));
    assert!(liveness.iter().map(|(_, bytes)| bytes).eq(&form.liveness));
    person.is_ok()
        && images.is_ok()
        && flags.iter().all(Result::is_ok)
        && matches!(fields, (Ok(_), Ok(_), Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_packed_as_it_came() {
        let part = |name: &str, body: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{body}\r\n")
        };
        let jpeg = |n: usize| format!("Content-Type: image/jpeg\r\n\r\n\u{0}{n}");
        let mut body = part("payload", "\r\n{}")
            + &part(
                "user_details",
                "\r\n{\"given_names\":\"A\",\"last_name\":\"B\",\"email\":\"a@b\"}",
            )
            + &part(
                "consent",
                "\r\n{\"granted\":true,\"granted_at\":\"2026-01-02T03:04:05Z\",\
                \"notice_language\":\"EN\",\"notice_privacy_policy_url\":\"https://a/\"}",
            )
            + &part("selfie_image", &jpeg(0));
        for n in 1..=6 {
            body += &part("liveness_images", &jpeg(n));
        }
        body += "--x--\r\n";
        // A text cannot hold the first bytes of a JPEG.
        let mut bytes = Vec::new();
        for byte in body.bytes() {
            match byte {
                0 => bytes.extend_from_slice(b"\xff\xd8\xff"),
                byte => bytes.push(byte),
            }
        }
        assert!(fuzz_form("multipart/form-data; boundary=x", &bytes));
        assert!(!fuzz_form("multipart/form-data; boundary=y", &bytes));
        assert!(!fuzz_form("multipart/form-data; boundary=x", body.as_bytes()), "no JPEG");
        assert!(!fuzz_form("text/plain", &bytes) && !fuzz_form("\n", &bytes));
    }
}
