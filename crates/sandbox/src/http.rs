//! The HTTP side: routes, limits, and the answers' JSON or XML. It only reads requests and writes to
//! the database; looking at pictures is the worker's business.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use liveface_bundle::now;
use serde_json::json;

use crate::Shared;
use crate::codes::{self, RequestError};
use crate::faults;
use crate::jobs::{self, Arrival, Refusal};
use crate::request;
use crate::store::{self, Stage};
use crate::v3::{self, V3Error};
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
        .fallback(async |uri: Uri| {
            refused_at(uri.path(), StatusCode::NOT_FOUND, RequestError::NO_SUCH_PATH)
        })
        .method_not_allowed_fallback(async |uri: Uri| {
            refused_at(uri.path(), StatusCode::METHOD_NOT_ALLOWED, RequestError::NO_SUCH_PATH)
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), faults::inject))
        // Outermost: a delay on purpose takes no more time than any other slow request.
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), in_time))
        .with_state(shared)
}

/// Ends requests that take too long.
async fn in_time(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(shared.limits.request_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused_at(&path, StatusCode::REQUEST_TIMEOUT, RequestError::TOO_SLOW),
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
/// but the URL, the content type and the size. Of a stranger's body it keeps nothing in memory.
async fn receive(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let token = path.map(|Path(token)| token).unwrap_or_default();
    let wanted = token.clone();
    let awaited = blocking::<_, RequestError>(&shared, move |shared| {
        Ok(shared.store.awaits_upload(&wanted)?)
    });
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_zip = kind == Some(b"application/zip");
    let refusal = match awaited.await {
        Ok(true) if is_zip => None,
        Ok(true) => {
            let message = "The URL is good for the content type application/zip only";
            Some(storage_error(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message))
        }
        Ok(false) => Some(access_denied()),
        Err(_) => Some(not_stored()),
    };
    if let Some(refusal) = refusal {
        drain(request, shared.limits.zip_bytes).await;
        return refusal;
    }
    let body = match Bytes::from_request(request, &()).await {
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
        Ok(Arrival::UnknownToken) => access_denied(),
        Ok(Arrival::Busy) => {
            let message = "Too many uploads wait to be looked at; try again later";
            storage_error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", message)
        }
        Err(_) => not_stored(),
    }
}

fn access_denied() -> Response {
    storage_error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
}

fn not_stored() -> Response {
    let message = "The upload could not be stored";
    storage_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
}

/// Reads a body up to `limit` bytes and forgets it: a client that still writes when it is refused
/// may see the connection break instead of the answer.
async fn drain(request: Request, limit: usize) {
    let mut body = request.into_body().into_data_stream();
    let mut read = 0;
    while let Some(Ok(piece)) = body.next().await {
        read += piece.len();
        if read > limit {
            break;
        }
    }
}

async fn picture(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    let Ok(Path(token)) = path else { return access_denied() };
    match blocking::<_, RequestError>(&shared, move |shared| Ok(shared.store.picture(&token)?))
        .await
    {
        Ok(Some(file)) => {
            let png = file.starts_with(b"\x89PNG");
            let kind = if png { "image/png" } else { "image/jpeg" };
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
            (headers, file).into_response()
        }
        Ok(None) => access_denied(),
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

/// A refusal that no path's own handler makes, as the protocol words it that the path belongs to.
fn refused_at(path: &str, status: StatusCode, error: RequestError) -> Response {
    if path.starts_with("/v3/") {
        return V3Error::new(status, error.text).into_response();
    }
    if path.starts_with("/zips/") || path.starts_with("/pictures/") {
        let code = match status {
            StatusCode::REQUEST_TIMEOUT => "RequestTimeout",
            StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
            _ => "NoSuchKey",
        };
        return storage_error(status, code, error.text);
    }
    refused(status, error)
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
