//! The partner that a sandbox serves: its id, its API key and where that is kept, and the
//! signatures of both sides.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::files;
use crate::store::token;

const KEY_FILE: &str = "api_key";
const AUTH_TOKEN_FILE: &str = "auth_token";
const TOKEN_KEY_FILE: &str = "token_key";

/// Who may use the sandbox. Has no `Debug`: it holds the key.
pub(crate) struct Partner {
    pub(crate) id: String,
    pub(crate) api_key: String,
    /// What a device without the API key shows to have timestamps signed.
    pub(crate) auth_token: String,
    /// The key that V3 tokens are signed with.
    pub(crate) token_key: String,
}

impl Partner {
    /// The partner of `config`; without a given key, the one of the data directory, which is made
    /// at the first start.
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let api_key = match &config.api_key {
            Some(key) => key.clone(),
            None => kept_key(&config.data_dir.join(KEY_FILE))?,
        };
        for (name, value) in [("partner id", &config.partner_id), ("API key", &api_key)] {
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(SandboxError::Credential { name });
            }
        }
        let kept = |name| kept_key(&config.data_dir.join(name));
        let (auth_token, token_key) = (kept(AUTH_TOKEN_FILE)?, kept(TOKEN_KEY_FILE)?);
        Ok(Self { id: config.partner_id.clone(), api_key, auth_token, token_key })
    }

    /// Whether `key` is the API key.
    pub(crate) fn has_api_key(&self, key: &str) -> bool {
        same(&self.api_key, key)
    }

    /// Whether `token` is the one of the partner's devices.
    pub(crate) fn has_auth_token(&self, token: &str) -> bool {
        same(&self.auth_token, token)
    }

    /// The signature that goes with `timestamp`.
    pub(crate) fn sign(&self, timestamp: &str) -> String {
        liveface_submit::signature::sign(&self.api_key, &self.id, timestamp)
    }

    /// Whether someone who has the key signed `timestamp` not longer than `skew` ago, or as far
    /// ahead.
    pub(crate) fn accepts(&self, timestamp: &str, signature: &str, skew: Duration) -> bool {
        // The signature first: who cannot sign learns nothing about the clock.
        liveface_submit::signature::verify(&self.api_key, &self.id, timestamp, signature)
            && timestamp
                .parse::<Timestamp>()
                .is_ok_and(|then| Timestamp::now().duration_since(then).unsigned_abs() <= skew)
    }
}

/// Compares two secrets in constant time: by what they sign.
fn same(own: &str, given: &str) -> bool {
    let signature = liveface_submit::signature::sign(given, "", "");
    !given.is_empty() && liveface_submit::signature::verify(own, "", "", &signature)
}

/// Reads the key file, or makes it with a fresh key and mode 0600.
fn kept_key(path: &Path) -> Result<String, SandboxError> {
    let failed = |source| SandboxError::File { path: path.to_owned(), source };
    match File::open(path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(4096).read_to_string(&mut text).map_err(failed)?;
            let key = text.trim();
            if key.is_empty() {
                return Err(SandboxError::ApiKey { path: path.to_owned() });
            }
            Ok(key.to_owned())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let key = token()?;
            files::write(path, key.as_bytes()).map_err(failed)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use liveface_bundle::now;

    use super::*;

    #[test]
    fn a_made_key_is_kept_and_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let config = SandboxConfig::new(dir.path());
        let first = Partner::new(&config).unwrap();
        assert_eq!(first.api_key.len(), 64);
        assert_eq!(Partner::new(&config).unwrap().api_key, first.api_key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(dir.path().join(KEY_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_or_id_that_cannot_be_sent_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config =
            SandboxConfig { api_key: Some("a b".into()), ..SandboxConfig::new(dir.path()) };
        assert!(matches!(Partner::new(&config), Err(SandboxError::Credential { .. })));
        std::fs::write(dir.path().join(KEY_FILE), "\n").unwrap();
        let config = SandboxConfig::new(dir.path());
        assert!(matches!(Partner::new(&config), Err(SandboxError::ApiKey { .. })));
    }

    #[test]
    fn a_signature_holds_for_its_time_and_key_only() {
        let partner = |key: &str| Partner {
            id: "2345".into(),
            api_key: key.into(),
            auth_token: String::new(),
            token_key: String::new(),
        };
        let hour = Duration::from_secs(3600);
        let now = now();
        let signature = partner("k").sign(&now);
        assert!(partner("k").accepts(&now, &signature, hour));
        assert!(!partner("other").accepts(&now, &signature, hour));
        assert!(!partner("k").accepts("2020-01-01T00:00:00.000Z", &signature, hour));
        for far in ["2020-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z", "no time"] {
            assert!(!partner("k").accepts(far, &partner("k").sign(far), hour), "{far}");
        }
        let python = "+00:00";
        let now = now.replace('Z', python);
        assert!(partner("k").accepts(&now, &partner("k").sign(&now), hour));
    }
}
