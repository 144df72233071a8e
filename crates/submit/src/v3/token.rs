//! Tokens: what a V3 request is allowed by, and where they come from.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::exchange::is_passing;
use crate::request::JobType;
use crate::signature::SignerError;
use crate::signers::safe;
use crate::transport::{CancelToken, Response};
use crate::wire::SOURCE_SDK;

/// Longest token that is taken, in bytes. Real ones have about a thousand; a server takes no longer
/// header.
const MAX_TOKEN: usize = 8192;

/// How long before its end a token is replaced: as in Smile ID's Python client.
const BEFORE_ITS_END: Duration = Duration::from_secs(60);

/// A JWT from `/v3/token`. Wiped from memory when dropped and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Zeroizing<String>,
    expires: Option<u64>,
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

impl Token {
    /// Takes `text` for a token and reads when it ends. Its signature is the server's business: it
    /// is not checked.
    ///
    /// # Errors
    /// When it cannot be a token.
    pub fn new(text: &str) -> Result<Self, SignerError> {
        let text = text.trim();
        let parts = text.split('.').count() == 3;
        // It becomes a header field.
        let letters = text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.=".contains(&c));
        if !parts || !letters || text.len() > MAX_TOKEN {
            return Err(SignerError::Refused("the token is not a JWT".to_owned()));
        }
        Ok(Self { expires: expiry(text), text: Zeroizing::new(text.to_owned()) })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// When it ends, in seconds since 1970; `None` when it does not say.
    #[must_use]
    pub const fn expires(&self) -> Option<u64> {
        self.expires
    }

    /// Whether it can be used for a while from now on; one that does not say when it ends is used
    /// for one request.
    #[must_use]
    pub fn lasts(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.expires.is_some_and(|end| end > (now + BEFORE_ITS_END).as_secs())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The claim `exp`, if it is a time.
fn expiry(jwt: &str) -> Option<u64> {
    let claims = jwt.split('.').nth(1)?.trim_end_matches('=');
    let claims = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims).ok()?);
    let exp = serde_json::from_slice::<Claims>(&claims).ok()?.exp?;
    // A cast of a float saturates.
    (exp.is_finite() && exp >= 0.0).then_some(exp as u64)
}

#[derive(Deserialize)]
struct Answer<'a> {
    token: &'a str,
}

/// What a token is for.
pub struct TokenRequest<'a> {
    /// What the job does.
    pub job_type: JobType,
    /// Who is registered or authenticated.
    pub user_id: &'a str,
    /// The server's address, under which `/v3/token` is.
    pub server: &'a str,
    /// When this is cancelled, a source that waits for somebody is to give up.
    pub cancel: &'a CancelToken,
    /// Posts through the client: with its transport, its times and its retries.
    pub(crate) send: &'a SendFn<'a>,
}

/// Address, header fields and body of a question for a token.
pub(crate) struct Post {
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) type SendFn<'a> = dyn Fn(Post) -> Result<Response, SignerError> + 'a;

impl TokenRequest<'_> {
    /// `smart_selfie_registration` or `smart_selfie_authentication`.
    #[must_use]
    pub const fn product(&self) -> &'static str {
        match self.job_type {
            JobType::Register => "smart_selfie_registration",
            JobType::Authenticate => "smart_selfie_authentication",
        }
    }

    /// Posts `body` to `url` through the client and reads the `token` of the answer: for sources
    /// that ask a server. The request can be sent again on its own when the connection breaks.
    ///
    /// # Errors
    /// When there is no answer with a token, or `url` is neither https nor on this machine: what
    /// allows to get tokens never travels in the clear.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&'static str, &str)],
        body: Option<&Value>,
    ) -> Result<Token, SignerError> {
        let url = safe(url)?;
        let mut all: Vec<_> = headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
        let body = body.map(Value::to_string).unwrap_or_default().into_bytes();
        if !body.is_empty() {
            all.push(("Content-Type", "application/json".to_owned()));
        }
        let answer = (self.send)(Post { url: url.to_owned(), headers: all, body })?;
        let body = Zeroizing::new(answer.body);
        match answer.status {
            200..=299 => {}
            status if is_passing(status) => {
                let what = format!("no token: the server answered with HTTP status {status}");
                return Err(SignerError::Unavailable(what));
            }
            status => {
                return Err(SignerError::Refused(format!(
                    "no token: the server answered with HTTP status {status}; check the partner \
                     id, the credentials and the server's address"
                )));
            }
        }
        // A JWT has no letter that JSON would escape: it can be borrowed.
        let answer: Answer<'_> = serde_json::from_slice(&body)
            .map_err(|_| SignerError::Refused("no token: the answer has none".to_owned()))?;
        Token::new(answer.token)
    }
}

impl std::fmt::Debug for TokenRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRequest").field("product", &self.product()).finish_non_exhaustive()
    }
}

/// Where tokens come from.
pub trait TokenSource: Send + Sync {
    /// The partner's id: jobs are recorded under it.
    fn partner_id(&self) -> &str;

    /// A token for a job. Asked for again when the last one ends soon or was refused.
    ///
    /// It runs on the caller's thread: a call that is cancelled ends when this returns. Whoever waits
    /// for somebody watches [`TokenRequest::cancel`]; [`TokenRequest::post`] does.
    ///
    /// # Errors
    /// When there is none now.
    fn token(&self, request: &TokenRequest<'_>) -> Result<Token, SignerError>;
}

impl<S: TokenSource + ?Sized> TokenSource for Box<S> {
    fn partner_id(&self) -> &str {
        (**self).partner_id()
    }

    fn token(&self, request: &TokenRequest<'_>) -> Result<Token, SignerError> {
        (**self).token(request)
    }
}

/// Fails unless V3 takes `id` for a partner's: digits without a leading zero. v1 does take one.
fn check_partner_id(id: &str) -> Result<(), SignerError> {
    if id.bytes().all(|c| c.is_ascii_digit()) && !id.starts_with('0') && !id.is_empty() {
        return Ok(());
    }
    let what = "V3 takes a partner id of digits without zeros in front, unlike v1";
    Err(SignerError::Refused(what.to_owned()))
}

/// Asks `/v3/token` with the API key: for servers, kiosks and tests. The key is wiped from memory
/// when this is dropped.
#[derive(Clone)]
pub struct ApiKeyTokens {
    partner_id: String,
    api_key: Arc<Zeroizing<String>>,
}

impl ApiKeyTokens {
    /// Tokens for the partner `partner_id` with its `api_key`.
    ///
    /// # Errors
    /// When the id is not a number without zeros in front, or the key cannot be a header field.
    pub fn new(partner_id: &str, api_key: &str) -> Result<Self, SignerError> {
        check_partner_id(partner_id)?;
        if api_key.is_empty() || !api_key.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(SignerError::Refused(
                "the API key is empty or holds white space".to_owned(),
            ));
        }
        let api_key = Arc::new(Zeroizing::new(api_key.to_owned()));
        Ok(Self { partner_id: partner_id.to_owned(), api_key })
    }
}

impl TokenSource for ApiKeyTokens {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    /// Without a body, as recorded: the token is for all jobs of the partner.
    fn token(&self, request: &TokenRequest<'_>) -> Result<Token, SignerError> {
        let headers = [
            ("SmileID-Source-SDK", SOURCE_SDK),
            ("SmileID-Source-SDK-Version", env!("CARGO_PKG_VERSION")),
            ("smileid-partner-id", &self.partner_id),
            ("smileid-api-key", &self.api_key),
        ];
        request.post(&format!("{}/v3/token", request.server), &headers, None)
    }
}

impl std::fmt::Debug for ApiKeyTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKeyTokens(..)")
    }
}

/// Asks the partner's own backend, which holds the API key: for devices.
///
/// One `POST` to the given address with `Content-Type: application/json` and, when a credential is
/// given, the header `Authorization`:
///
/// ```json
/// {"product": "smart_selfie_registration", "user_id": "user-0001"}
/// ```
///
/// `product` is `smart_selfie_registration` or `smart_selfie_authentication`. The backend decides
/// whether this user may do that now, gets a token from `/v3/token` and answers with status 200:
///
/// ```json
/// {"token": "eyJ..."}
/// ```
///
/// Any other status is a refusal. The token is kept until a minute before the time that its `exp`
/// says, for the same user and product.
#[derive(Clone)]
pub struct BackendTokens {
    partner_id: String,
    url: String,
    authorization: Option<Arc<Zeroizing<String>>>,
}

impl BackendTokens {
    /// Tokens for the partner `partner_id` from the backend at `url`, which must be https (http on
    /// this machine). `authorization` is the whole value of that header, such as `Bearer abc`.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(
        partner_id: &str,
        url: &str,
        authorization: Option<&str>,
    ) -> Result<Self, SignerError> {
        check_partner_id(partner_id)?;
        let url = safe(url)?;
        let visible = |c: u8| c == b' ' || c.is_ascii_graphic();
        if authorization.is_some_and(|value| !value.bytes().all(visible)) {
            return Err(SignerError::Refused("the authorization must be visible ASCII".to_owned()));
        }
        let authorization = authorization.map(|value| Arc::new(Zeroizing::new(value.to_owned())));
        Ok(Self { partner_id: partner_id.to_owned(), url, authorization })
    }
}

impl TokenSource for BackendTokens {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    fn token(&self, request: &TokenRequest<'_>) -> Result<Token, SignerError> {
        let headers: Vec<_> =
            self.authorization.iter().map(|value| ("Authorization", value.as_str())).collect();
        let body = json!({ "product": request.product(), "user_id": request.user_id });
        request.post(&self.url, &headers, Some(&body))
    }
}

impl std::fmt::Debug for BackendTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackendTokens(..)")
    }
}

/// One token that the app got on its own.
#[derive(Clone)]
pub struct GivenToken {
    partner_id: String,
    token: Token,
}

impl GivenToken {
    /// `token` for the partner `partner_id`.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(partner_id: &str, token: &str) -> Result<Self, SignerError> {
        check_partner_id(partner_id)?;
        Ok(Self { partner_id: partner_id.to_owned(), token: Token::new(token)? })
    }
}

impl TokenSource for GivenToken {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    fn token(&self, _: &TokenRequest<'_>) -> Result<Token, SignerError> {
        if self.token.expires.is_some() && !self.token.lasts() {
            return Err(SignerError::Refused("the token is over; get a new one".to_owned()));
        }
        Ok(self.token.clone())
    }
}

impl std::fmt::Debug for GivenToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GivenToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_when_it_ends() {
        let expires = |claims: &str| Token::new(&jwt(claims)).unwrap().expires();
        assert_eq!(expires(r#"{"exp":1767323045,"policy":0}"#), Some(1_767_323_045));
        assert_eq!(expires(r#"{"exp":1767323045.9}"#), Some(1_767_323_045));
        assert_eq!(expires(r#"{"exp":1e300}"#), Some(u64::MAX));
        for none in ["{}", "", "[]", r#"{"exp":"soon"}"#, r#"{"exp":-1}"#, r#"{"exp":null}"#] {
            assert_eq!(expires(none), None, "{none}");
        }
        assert!(!Token::new(&jwt("{}")).unwrap().lasts());
        assert!(!Token::new(&jwt(r#"{"exp":1767323045}"#)).unwrap().lasts());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let lasts = |from_now: u64| {
            Token::new(&jwt(&format!(r#"{{"exp":{}}}"#, now + from_now))).unwrap().lasts()
        };
        assert!(lasts(900) && !lasts(30));
    }

    #[test]
    fn what_cannot_be_a_header_field_is_no_token() {
        let long = format!("a.{}.c", "b".repeat(MAX_TOKEN));
        for text in ["", "abc", "a.b", "a.b.c.d", "a.b\r\nX: y.c", "a.b c.d", "a.ü.c", &long] {
            let error = Token::new(text).unwrap_err().to_string();
            assert_eq!(error, "the token is not a JWT");
        }
        assert!(Token::new(" a.b.c\n").is_ok());
    }

    #[test]
    fn partners_have_numbers_without_zeros_in_front() {
        ApiKeyTokens::new("2345", "k").unwrap();
        for id in ["", "0", "002345", "23a5", "-1", "+5", " 5", "٣"] {
            assert!(ApiKeyTokens::new(id, "k").is_err(), "{id}");
        }
        for key in ["", "a b", "a\nb", "ü"] {
            assert!(ApiKeyTokens::new("2345", key).is_err());
        }
        for url in ["", "http://partner.example/token", "ftp://x"] {
            assert!(BackendTokens::new("2345", url, None).is_err());
        }
        assert!(BackendTokens::new("2345", "https://x.example", Some("a\nb")).is_err());
    }

    #[test]
    fn nothing_prints_a_token_or_a_key() {
        let token = jwt("{\"exp\":99999999999}");
        let given = GivenToken::new("2345", &token).unwrap();
        let backend = BackendTokens::new("2345", "https://x.example", Some("Bearer hidden"));
        let key = ApiKeyTokens::new("2345", "hidden").unwrap();
        let shown = format!("{given:?} {:?} {key:?} {:?}", given.token, backend.unwrap());
        assert_eq!(shown, "GivenToken(..) Token(..) ApiKeyTokens(..) BackendTokens(..)");
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in "[A-Za-z0-9_=-]{0,20}(\\.[A-Za-z0-9_=-]{0,40}){0,3}|\\PC{0,60}") {
            if let Ok(token) = Token::new(&text) {
                let _ = (token.lasts(), token.expires());
                prop_assert!(token.as_str().bytes().all(|c| c.is_ascii_graphic()));
            }
        }
    }
}
