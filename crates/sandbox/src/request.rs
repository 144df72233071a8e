//! Reads the JSON of requests: what must be there, of which type, and signed by whom.

use axum::http::Uri;
use serde_json::{Map, Value};

use crate::codes::RequestError;
use crate::config::Limits;
use crate::jobs::NewJob;
use crate::partner::Partner;
use crate::store::JobKind;

type Object = Map<String, Value>;

/// A `/job_status` question.
#[derive(Debug)]
pub(crate) struct StatusQuestion {
    pub(crate) user_id: String,
    pub(crate) job_id: String,
    pub(crate) image_links: bool,
    pub(crate) history: bool,
}

/// Reads and authenticates the body of `/upload`.
pub(crate) fn upload(
    body: &[u8],
    partner: &Partner,
    limits: &Limits,
) -> Result<NewJob, RequestError> {
    let request = object(body)?;
    let client = text(&request, "smile_client_id")?;
    authenticate(&request, client, partner, limits)?;
    let partner_params = match request.get("partner_params") {
        None | Some(Value::Null) => return Err(RequestError::MISSING),
        Some(Value::Object(params)) => params.clone(),
        Some(_) => return Err(RequestError::WRONG_TYPE),
    };
    let job_id = text(&partner_params, "job_id")?.to_owned();
    let user_id = text(&partner_params, "user_id")?.to_owned();
    let kind = kind(&partner_params)?;
    let allow_new_enroll =
        flag(&request, "allow_new_enroll")? || flag(&request, "allow_re_enroll")?;
    let callback_url = callback_url(&request)?;
    let use_enrolled_image = flag(&request, "use_enrolled_image")?;
    let retry = flag(&request, "retry")?;
    Ok(NewJob {
        job_id,
        user_id,
        kind,
        partner_params,
        callback_url,
        allow_new_enroll,
        use_enrolled_image,
        retry,
    })
}

/// Reads and authenticates the body of `/job_status`.
pub(crate) fn status(
    body: &[u8],
    partner: &Partner,
    limits: &Limits,
) -> Result<StatusQuestion, RequestError> {
    let request = object(body)?;
    let client = text(&request, "partner_id")?;
    authenticate(&request, client, partner, limits)?;
    Ok(StatusQuestion {
        user_id: text(&request, "user_id")?.to_owned(),
        job_id: text(&request, "job_id")?.to_owned(),
        image_links: flag(&request, "image_links")?,
        history: flag(&request, "history")?,
    })
}

/// Reads and authenticates the body of `/auth_smile`, which a device sends that has an auth token
/// in place of the API key. What it wants to have signed for is echoed in the answer.
pub(crate) fn auth_smile(body: &[u8], partner: &Partner) -> Result<Object, RequestError> {
    let request = object(body)?;
    let (client, token) = (text(&request, "partner_id")?, text(&request, "auth_token")?);
    if client != partner.id || !partner.has_auth_token(token) {
        return Err(RequestError::NOT_AUTHORISED);
    }
    kind(&request)?;
    let mut params = Object::new();
    params.insert("job_type".to_owned(), request["job_type"].clone());
    for name in ["job_id", "user_id"] {
        // Left out by clients that do not know them yet.
        if request.get(name).is_some_and(|value| !value.is_null()) {
            params.insert(name.to_owned(), text(&request, name)?.into());
        }
    }
    Ok(params)
}

fn object(body: &[u8]) -> Result<Object, RequestError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) | Err(_) => Err(RequestError::INVALID_JSON),
    }
}

fn authenticate(
    request: &Object,
    client: &str,
    partner: &Partner,
    limits: &Limits,
) -> Result<(), RequestError> {
    let (timestamp, signature) = (text(request, "timestamp")?, text(request, "signature")?);
    let known = client == partner.id && partner.accepts(timestamp, signature, limits.clock_skew);
    known.then_some(()).ok_or(RequestError::NOT_AUTHORISED)
}

/// A text that must be there and not empty.
fn text<'o>(object: &'o Object, name: &str) -> Result<&'o str, RequestError> {
    match object.get(name) {
        None | Some(Value::Null) => Err(RequestError::MISSING),
        Some(Value::String(text)) if text.is_empty() => Err(RequestError::MISSING),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(RequestError::WRONG_TYPE),
    }
}

/// A boolean that may be left out. Older clients send it as a text.
fn flag(object: &Object, name: &str) -> Result<bool, RequestError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(RequestError::WRONG_TYPE),
    }
}

/// The job type, which clients send as a number or as a text.
fn kind(partner_params: &Object) -> Result<JobKind, RequestError> {
    let number = match partner_params.get("job_type") {
        None | Some(Value::Null) => return Err(RequestError::MISSING),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    match number.ok_or(RequestError::WRONG_TYPE)? {
        4 => Ok(JobKind::Register),
        2 => Ok(JobKind::Authenticate),
        _ => Err(RequestError::INVALID_JOB_TYPE),
    }
}

/// Where to send the result; left out or empty means nowhere.
fn callback_url(request: &Object) -> Result<Option<String>, RequestError> {
    match request.get("callback_url") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(url)) if url.is_empty() => Ok(None),
        Some(Value::String(url)) => {
            let parsed: Uri = url.parse().map_err(|_| RequestError::WRONG_TYPE)?;
            let web = matches!(parsed.scheme_str(), Some("http" | "https"));
            let reachable = web && parsed.host().is_some_and(|host| !host.is_empty());
            reachable.then(|| Some(url.clone())).ok_or(RequestError::WRONG_TYPE)
        }
        Some(_) => Err(RequestError::WRONG_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use liveface_bundle::now;
    use serde_json::json;

    use super::*;

    fn partner() -> Partner {
        Partner {
            id: "1000".into(),
            api_key: "k".into(),
            auth_token: "t".into(),
            token_key: String::new(),
        }
    }

    fn request() -> Value {
        let timestamp = now();
        json!({
            "smile_client_id": "1000",
            "signature": partner().sign(&timestamp),
            "timestamp": timestamp,
            "partner_params": { "user_id": "u", "job_id": "j", "job_type": 4, "order": "7" },
        })
    }

    /// What becomes of the request after `change`.
    fn changed(change: impl FnOnce(&mut Value)) -> Result<NewJob, RequestError> {
        let mut request = request();
        change(&mut request);
        upload(request.to_string().as_bytes(), &partner(), &Limits::default())
    }

    #[test]
    fn a_good_request_is_read_with_its_extras() {
        let job = changed(|_| {}).map_err(|error| error.code).unwrap();
        assert_eq!((job.job_id.as_str(), job.user_id.as_str()), ("j", "u"));
        assert_eq!(job.kind, JobKind::Register);
        assert_eq!(job.partner_params["order"], "7");
        assert!(!job.allow_new_enroll && !job.retry && job.callback_url.is_none());
    }

    #[test]
    fn flags_and_job_types_may_be_texts() {
        let job = changed(|request| {
            request["partner_params"]["job_type"] = json!("2");
            request["allow_re_enroll"] = json!("true");
            request["retry"] = json!("false");
            request["callback_url"] = json!("http://127.0.0.1:9/cb");
        })
        .map_err(|error| error.code)
        .unwrap();
        assert_eq!(job.kind, JobKind::Authenticate);
        assert!(job.allow_new_enroll && !job.retry && job.callback_url.is_some());
    }

    #[test]
    fn a_device_must_show_the_auth_token() {
        let request = json!({
            "partner_id": "1000", "auth_token": "t", "job_type": 4, "enrollment": true,
            "user_id": "u", "signature": true, "production": false,
        });
        let changed = |name: &str, value: Value| {
            let mut request = request.clone();
            request[name] = value;
            auth_smile(request.to_string().as_bytes(), &partner())
        };
        let params = changed("country", Value::Null).map_err(|error| error.code).unwrap();
        assert_eq!(Value::Object(params), json!({ "job_type": 4, "user_id": "u" }));
        let code = |name, value| changed(name, value).err().map(|error| error.code);
        assert_eq!(code("auth_token", json!("k")), Some("2205"), "the API key is no auth token");
        assert_eq!(code("partner_id", json!("01000")), Some("2205"));
        assert_eq!(code("auth_token", json!("")), Some("2213"));
        assert_eq!(code("user_id", json!(1)), Some("2204"));
        assert_eq!(code("job_type", json!(1)), Some("2212"));
    }

    #[test]
    fn each_mistake_has_its_code() {
        let code = |change: fn(&mut Value)| changed(change).err().map(|error| error.code);
        assert_eq!(code(|r| *r = json!([1])), Some("2203"));
        assert_eq!(code(|r| r["partner_params"] = json!("x")), Some("2204"));
        assert_eq!(code(|r| r["partner_params"]["user_id"] = json!(1)), Some("2204"));
        assert_eq!(code(|r| r["partner_params"]["job_type"] = json!([4])), Some("2204"));
        assert_eq!(code(|r| r["callback_url"] = json!("ftp://host/")), Some("2204"));
        assert_eq!(code(|r| r["retry"] = json!(1)), Some("2204"));
        assert_eq!(code(|r| r["signature"] = json!("x")), Some("2205"));
        assert_eq!(code(|r| r["smile_client_id"] = json!("01000")), Some("2205"));
        assert_eq!(code(|r| r["partner_params"]["job_type"] = json!(1)), Some("2212"));
        assert_eq!(code(|r| r["partner_params"]["job_id"] = json!("")), Some("2213"));
        assert_eq!(code(|r| r["timestamp"] = Value::Null), Some("2213"));
        let cut = upload(b"{\"a\":", &partner(), &Limits::default());
        assert_eq!(cut.err().map(|error| error.code), Some("2203"));
    }
}
