//! The V3 tokens: JSON web tokens that the sandbox signs itself, good for a quarter of an hour.
//!
//! Personal data that a caller binds to a token is checked and forgotten: the token has a random
//! reference in its place, as the real service's has, and the sandbox needs no more than to know
//! that it was given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;

/// The header of every token.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) partner_id: String,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    /// As above; the token is good until then.
    pub(crate) exp: i64,
    /// The bit mask of what a device must do: nothing.
    pub(crate) policy: u32,
    pub(crate) api_url: String,
    /// The only user that the token is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partner_params: Option<Map<String, Value>>,
    /// The only product that the token is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) product: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payload: Option<Bound>,
}

/// References to what was bound to a token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bound {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user_details: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) consent: Option<String>,
}

/// The token that says `claims`, signed with `key`.
pub(crate) fn sign(key: &str, claims: &Claims) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(HEADER));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, &signed).finalize().into_bytes());
    Some(format!("{signed}.{signature}"))
}

/// What `token` says, if it was signed with `key` and is good at the time `now`, in seconds since
/// 1970. Compares in constant time.
pub(crate) fn verify(key: &str, token: &str, now: i64) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    mac(key, signed).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let (_, claims) = signed.split_once('.')?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (now < claims.exp).then_some(claims)
}

fn mac(key: &str, signed: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_time_and_key_and_when_nothing_is_changed() {
        let claims = Claims { partner_id: "1".into(), iat: 100, exp: 1000, ..Claims::default() };
        let token = sign("k", &claims).unwrap();
        assert_eq!(verify("k", &token, 999), Some(claims.clone()));
        assert_eq!(verify("k", &token, 1000), None);
        assert_eq!(verify("other", &token, 999), None);
        let later = sign("other", &Claims { exp: 2000, ..claims }).unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        let (forged, _) = later.rsplit_once('.').unwrap();
        for bad in [format!("{forged}.{signature}"), forged.to_owned(), token[1..].to_owned()] {
            assert_eq!(verify("k", &bad, 999), None);
        }
        for bad in ["", ".", "..", "a.b.c", "é.é.é"] {
            assert_eq!(verify("k", bad, 0), None);
        }
    }

    /// Made with Python's hmac and base64, over this header and these claims.
    #[test]
    fn the_signature_is_hs256() {
        let signed = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30";
        let signature = URL_SAFE_NO_PAD.encode(mac("secret", signed).finalize().into_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(HEADER) + ".e30", signed);
        assert_eq!(signature, "t-IDcSemACt8x4iTMCda8Yhe3iZaWbvV5XKSTbuAn0M");
    }
}
