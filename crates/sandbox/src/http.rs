//! The HTTP side: routes, limits, and the answers' JSON or XML. It only reads requests and writes to
//! the database; looking at pictures is the worker's business.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use liveface_bundle::now;
use serde_json::json;

use crate::Shared;
use crate::codes::{self, RequestError};
use crate::faults;
use crate::jobs::{self, Arrival, Refusal};
use crate::request;
use crate::store::{self, Stage};
use crate::v3;
use crate::wire::{AuthAnswer, ConsentInfo, ImageLinks, StatusAnswer, StatusResult, UploadAnswer};

/// The path that the API's own paths follow.
pub(crate) const BASE: &str = "/v1";

/// Everything that the sandbox answers to.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let json = DefaultBodyLimit::max(shared.limits.json_bytes);
    let zip = DefaultBodyLimit::max(shared.limits.zip_bytes);
    Router::new()
        .route(&format!("{BASE}/upload"), post(upload).layer(json))
        .route(&format!("{BASE}/job_status"), post(job_status).layer(json))
        .route(&format!("{BASE}/auth_smile"), post(auth_smile).layer(json))
        .route("/zips/{token}", put(receive).layer(zip))
        .route("/pictures/{token}", get(picture))
        .merge(v3::routes(&shared))
        .route(faults::PORTAL, get(faults::page))
        .fallback(async || refused(StatusCode::NOT_FOUND, RequestError::NO_SUCH_PATH))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), in_time))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), faults::inject))
        .with_state(shared)
}

/// Ends requests that take too long.
async fn in_time(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(shared.limits.request_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused(StatusCode::REQUEST_TIMEOUT, RequestError::TOO_SLOW),
    }
}

async fn upload(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), RequestError::INVALID_JSON),
    };
    let host = host(&headers, &shared);
    let answer = blocking(&shared, move |shared| {
        let new = request::upload(&body, &shared.partner, &shared.limits)?;
        let (job, token) = jobs::open(&shared.store, new)?;
        let random = store::token()?;
        Ok(UploadAnswer {
            upload_url: format!("{}://{host}/zips/{token}", shared.scheme()),
            ref_id: format!("{}-{}-{}", shared.partner.id, job.smile_job_id(), &random[..11]),
            smile_job_id: job.smile_job_id(),
            camera_config: "null",
            code: codes::UPLOAD_ACCEPTED,
        })
    });
    answered(answer.await, RequestError::UPLOAD_FAULT)
}

async fn auth_smile(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), RequestError::INVALID_JSON),
    };
    let answer = request::auth_smile(&body, &shared.partner).map(|partner_params| {
        let timestamp = now();
        AuthAnswer {
            success: true,
            signature: shared.partner.sign(&timestamp),
            timestamp,
            policy: 0,
            partner_params,
            callback_url: "",
            consent_info: ConsentInfo { can_access: true, consent_required: false },
        }
    });
    answered(answer.map_err(Some), RequestError::UPLOAD_FAULT)
}

async fn job_status(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refused(rejection.status(), RequestError::INVALID_JSON),
    };
    let host = host(&headers, &shared);
    let answer = blocking(&shared, move |shared| {
        let question = request::status(&body, &shared.partner, &shared.limits)?;
        let job = shared.store.job(&question.job_id)?;
        let job =
            job.filter(|job| job.user_id == question.user_id).ok_or(RequestError::UNKNOWN_JOB)?;
        let history = match question.history {
            true => shared.store.history(&question.user_id)?,
            false => Vec::new(),
        };
        let (complete, success, result, picture) = match job.stage {
            Stage::AwaitingZip { .. } => {
                (false, false, StatusResult::Waiting(codes::NO_ZIP_UPLOADED), None)
            }
            Stage::Received => (false, false, StatusResult::Waiting(codes::IN_PROGRESS), None),
            Stage::Done(done) => {
                (true, done.approved, StatusResult::Done(Box::new(done.result)), done.picture)
            }
        };
        let link = |token| format!("{}://{host}/pictures/{token}", shared.scheme());
        let image_links = match (question.image_links, picture) {
            (false, _) => ImageLinks::default(),
            (true, Some(token)) => ImageLinks { selfie_image: Some(link(token)), error: None },
            (true, None) => ImageLinks { selfie_image: None, error: Some(codes::NO_PICTURE) },
        };
        let timestamp = now();
        Ok(StatusAnswer {
            signature: shared.partner.sign(&timestamp),
            timestamp,
            job_complete: complete,
            job_success: success,
            code: codes::STATUS_ANSWERED,
            result,
            history,
            image_links,
        })
    });
    answered(answer.await, RequestError::STATUS_FAULT)
}

/// Takes a zip as the storage service does that the real upload URL belongs to: it looks at nothing
/// but the URL and the size.
async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = "Your proposed upload exceeds the maximum allowed size";
            return storage_error(StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge", message);
        }
        Err(_) => {
            let message = "The body ended before it was complete";
            return storage_error(StatusCode::BAD_REQUEST, "IncompleteBody", message);
        }
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type != Some("application/zip") {
        let message = "The URL is good for the content type application/zip only";
        return storage_error(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message);
    }
    let arrival = blocking::<_, RequestError>(&shared, move |shared| {
        let room = shared.limits.waiting_jobs;
        let arrival = jobs::receive(&shared.store, &token, &body, room)?;
        if arrival == Arrival::Taken {
            shared.inbox.ring();
        }
        Ok(arrival)
    });
    match arrival.await {
        Ok(Arrival::Taken) => StatusCode::OK.into_response(),
        Ok(Arrival::UnknownToken) => {
            storage_error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
        }
        Ok(Arrival::Busy) => {
            let message = "Too many uploads wait to be looked at; try again later";
            storage_error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", message)
        }
        Err(_) => {
            let message = "The upload could not be stored";
            storage_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
        }
    }
}

async fn picture(State(shared): State<Arc<Shared>>, Path(token): Path<String>) -> Response {
    match blocking::<_, RequestError>(&shared, move |shared| Ok(shared.store.picture(&token)?))
        .await
    {
        Ok(Some(file)) => {
            let png = file.starts_with(b"\x89PNG");
            let kind = if png { "image/png" } else { "image/jpeg" };
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
            (headers, file).into_response()
        }
        Ok(None) => storage_error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied"),
        Err(_) => {
            let message = "The picture could not be read";
            storage_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
        }
    }
}

/// Runs database work where it may wait. `Err(None)` is a fault of the sandbox.
pub(crate) async fn blocking<T: Send + 'static, E: Send + 'static>(
    shared: &Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Refusal<E>> + Send + 'static,
) -> Result<T, Option<E>> {
    let common = Arc::clone(shared);
    match tokio::task::spawn_blocking(move || work(&common)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Refusal::Request(error))) => Err(Some(error)),
        Ok(Err(Refusal::Store(error))) => {
            shared.note_fault(&error);
            Err(None)
        }
        Err(error) => {
            shared.note_fault(&error);
            Err(None)
        }
    }
}

fn answered<T: serde::Serialize>(
    answer: Result<T, Option<RequestError>>,
    fault: RequestError,
) -> Response {
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(Some(error)) => refused(StatusCode::BAD_REQUEST, error),
        Err(None) => refused(StatusCode::INTERNAL_SERVER_ERROR, fault),
    }
}

fn refused(status: StatusCode, error: RequestError) -> Response {
    (status, Json(json!({ "code": error.code, "error": error.text }))).into_response()
}

/// An error as the storage service words it. `code` and `message` have nothing to escape.
pub(crate) fn storage_error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "application/xml")], body).into_response()
}

/// The name under which the client reaches the sandbox, for URLs in answers: a phone does not know
/// it as 127.0.0.1.
pub(crate) fn host(headers: &HeaderMap, shared: &Shared) -> String {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse::<Authority>().ok())
        .filter(|host| !host.as_str().contains('@'))
        .map_or_else(|| shared.address.to_string(), |host| host.to_string())
}
