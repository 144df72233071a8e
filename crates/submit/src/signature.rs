//! Signatures of requests and answers: HMAC-SHA256 over timestamp, partner id and `sid_request`,
//! with the API key, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use liveface_bundle::now;
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

/// A timestamp and its signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The time exactly as it was signed.
    pub timestamp: String,
    /// The signature in base64.
    pub signature: String,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signed").field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

/// Why something could not be signed or checked. The texts say what happened and what to do, and
/// hold no keys.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignerError {
    /// It will not be signed: the credentials are wrong, or the partner's backend refused.
    #[error("{0}")]
    Refused(String),
    /// Whoever signs cannot be asked now; later it may work.
    #[error("{0}")]
    Unreachable(String),
    /// Whoever signs was asked and had trouble with this job; later it may work.
    #[error("{0}")]
    Unavailable(String),
}

/// What a signature is wanted for. A backend that signs for devices can look whether it agrees.
#[derive(Clone)]
#[non_exhaustive]
pub struct SigningJob {
    /// 4 registers, 2 authenticates.
    pub job_type: u8,
    /// The job's user.
    pub user_id: String,
    /// The job's id.
    pub job_id: String,
    /// Whether it is for the production servers.
    pub production: bool,
}

impl std::fmt::Debug for SigningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningJob").field("job_type", &self.job_type).finish_non_exhaustive()
    }
}

/// What is known of a signature in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It was made with the partner's key.
    Valid,
    /// It was not.
    Invalid,
    /// This signer cannot tell: it has no key and nobody to ask.
    NotPossible,
}

impl From<bool> for Verification {
    fn from(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

/// Who signs for the partner. [`ApiKeySigner`] does it with the key; devices that must not hold the
/// key ask somebody who has it. The client calls a signer on a thread of its own and leaves it there
/// when the call is cancelled.
pub trait Signer: Send + Sync {
    /// The partner's id, as given, with leading zeros.
    fn partner_id(&self) -> &str;

    /// A present time and its signature, for `job`.
    ///
    /// # Errors
    /// When it cannot be signed now.
    fn sign(&self, job: &SigningJob) -> Result<Signed, SignerError>;

    /// Whether `received`, from an answer, was signed with the partner's key. Compares in constant
    /// time.
    ///
    /// # Errors
    /// When it cannot be checked now.
    fn verify(&self, received: &Signed) -> Result<Verification, SignerError>;
}

impl<S: Signer + ?Sized> Signer for Box<S> {
    fn partner_id(&self) -> &str {
        (**self).partner_id()
    }

    fn sign(&self, job: &SigningJob) -> Result<Signed, SignerError> {
        (**self).sign(job)
    }

    fn verify(&self, received: &Signed) -> Result<Verification, SignerError> {
        (**self).verify(received)
    }
}

/// Signs with the API key: for servers, kiosks and tests.
#[derive(Clone)]
pub struct ApiKeySigner {
    partner_id: String,
    api_key: Zeroizing<String>,
}

impl ApiKeySigner {
    /// A signer for the partner `partner_id` with its `api_key`, both exactly as the portal shows
    /// them.
    ///
    /// # Errors
    /// When one is empty or holds white space.
    pub fn new(partner_id: &str, api_key: &str) -> Result<Self, SignerError> {
        for (name, value) in [("partner id", partner_id), ("API key", api_key)] {
            if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
                let what = format!("the {name} is empty or holds white space");
                return Err(SignerError::Refused(what));
            }
        }
        Ok(Self { partner_id: partner_id.to_owned(), api_key: api_key.to_owned().into() })
    }
}

impl ApiKeySigner {
    /// The present time and its signature.
    #[must_use]
    pub fn sign_now(&self) -> Signed {
        let timestamp = now();
        let signature = sign(&self.api_key, &self.partner_id, &timestamp);
        Signed { timestamp, signature }
    }
}

impl Signer for ApiKeySigner {
    fn partner_id(&self) -> &str {
        &self.partner_id
    }

    fn sign(&self, _: &SigningJob) -> Result<Signed, SignerError> {
        Ok(self.sign_now())
    }

    fn verify(&self, received: &Signed) -> Result<Verification, SignerError> {
        let Signed { timestamp, signature } = received;
        Ok(verify(&self.api_key, &self.partner_id, timestamp, signature).into())
    }
}

impl std::fmt::Debug for ApiKeySigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKeySigner(..)")
    }
}

/// The signature of `timestamp` for `partner_id`.
#[must_use]
pub fn sign(api_key: &str, partner_id: &str, timestamp: &str) -> String {
    STANDARD.encode(mac(api_key, partner_id, timestamp).finalize().into_bytes())
}

/// Whether `signature` is that of `timestamp` for `partner_id`. Compares in constant time.
#[must_use]
pub fn verify(api_key: &str, partner_id: &str, timestamp: &str, signature: &str) -> bool {
    STANDARD
        .decode(signature)
        .is_ok_and(|bytes| mac(api_key, partner_id, timestamp).verify_slice(&bytes).is_ok())
}

fn mac(api_key: &str, partner_id: &str, timestamp: &str) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(api_key.as_bytes()).expect("HMAC takes keys of any length");
    for part in [timestamp, partner_id, "sid_request"] {
        mac.update(part.as_bytes());
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2024-01-02T03:04:05.678Z";

    #[test]
    fn signatures_are_those_of_the_official_clients() {
        for (key, partner, expected) in [
            ("test-api-key-0001", "2345", "GCjoxlecReTLA9BgspHaFNX836anaqha0Vu4GeJ28kU="),
            ("k", "2345", "dC8k8qMAGMiluolpglHM6kS/6QZFu+TfJ8j/9MYnS0k="),
            ("k", "002345", "h006f/ScAXO93UoZRmUKDMMjO2GcnfP1EHebo7VqK3k="),
        ] {
            assert_eq!(sign(key, partner, TIME), expected);
            assert!(verify(key, partner, TIME, expected));
        }
    }

    #[test]
    fn recorded_requests_and_answers_verify() {
        let key = "test-api-key-0001";
        for (time, signature) in [
            ("2026-11-23T00:45:12.078726+00:00", "EYmVXf/BEChF4zHpN5bZbNF+SIVzEFmuT02f676wb7E="),
            ("2026-11-23T00:45:12.120766+00:00", "VpeRM9gQ1VKv/ea9wpXbJ2BB9TgCzQpsamcQiEpzDdE="),
        ] {
            assert!(verify(key, "2345", time, signature));
        }
    }

    #[test]
    fn anything_changed_fails() {
        let good = sign("k", "2345", TIME);
        assert!(!verify("K", "2345", TIME, &good));
        assert!(!verify("k", "2346", TIME, &good));
        assert!(!verify("k", "2345", "2024-01-02T03:04:05.679Z", &good));
        for bad in ["", "=", "no base64!", &good[..good.len() - 4], &format!("{good} ")] {
            assert!(!verify("k", "2345", TIME, bad), "{bad:?}");
        }
    }

    #[test]
    fn the_signer_signs_the_present_and_shows_nothing() {
        let signer = ApiKeySigner::new("002345", "secret-key").unwrap();
        let signed = signer.sign_now();
        assert_eq!(signer.verify(&signed).unwrap(), Verification::Valid);
        assert_eq!(signed.timestamp.len(), TIME.len());
        let signed_at: jiff::Timestamp = signed.timestamp.parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(signed_at).as_secs() < 60);
        let shown = format!("{signer:?} {signed:?}");
        assert!(!shown.contains("secret") && !shown.contains(&signed.signature));
        assert!(ApiKeySigner::new("", "k").is_err());
        assert!(ApiKeySigner::new("2345", "k\n").is_err());
    }
}
