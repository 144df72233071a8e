//! `smile_config.json`, the file that Smile ID's portal hands out.

use std::path::Path;

use serde::Deserialize;

use crate::environment::Environment;
use crate::error::SubmitError;
use crate::signature::ApiKeySigner;
use crate::signers::AuthSmileSigner;

/// The content of a `smile_config.json`. Fields that are not listed here are ignored.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct SmileConfig {
    /// The partner's id.
    pub partner_id: String,
    /// The token of mobile SDKs. It is not the API key and signs nothing.
    #[serde(default)]
    pub auth_token: Option<String>,
    /// The API key. The portal does not write it into the file; a server's owner may.
    #[serde(default)]
    pub api_key: Option<String>,
    /// The address of the production servers; without it, the known one.
    #[serde(default)]
    pub prod_lambda_url: Option<String>,
    /// The address of the sandbox; without it, the known one.
    #[serde(default)]
    pub test_lambda_url: Option<String>,
}

impl SmileConfig {
    /// Reads the file `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no JSON or has no `partner_id`.
    pub fn read(path: &Path) -> Result<Self, SubmitError> {
        let file = path.display().to_string();
        let trouble = |what: String| SubmitError::Config { file: file.clone(), what };
        let bytes = std::fs::read(path).map_err(|e| trouble(format!("it cannot be read: {e}")))?;
        // The parser's message may hold what it read.
        serde_json::from_slice(&bytes).map_err(|e| {
            let what = "it is not JSON with a `partner_id` and texts for the other fields";
            trouble(format!("{what} (line {})", e.line()))
        })
    }

    /// A signer with the file's API key.
    ///
    /// # Errors
    /// When the file has no `api_key`, or the partner id or the key cannot be used.
    pub fn signer(&self) -> Result<ApiKeySigner, SubmitError> {
        let Some(api_key) = &self.api_key else {
            let what = "it has no `api_key`, and its `auth_token` cannot sign; give the API key";
            return Err(SubmitError::Config {
                file: "smile_config.json".to_owned(),
                what: what.to_owned(),
            });
        };
        Ok(ApiKeySigner::new(&self.partner_id, api_key)?)
    }

    /// A signer that exchanges the file's token, as mobile SDKs do; `None` when there is none.
    ///
    /// # Errors
    /// When the partner id or the token cannot be used.
    pub fn token_signer(
        &self,
        environment: &Environment,
    ) -> Result<Option<AuthSmileSigner>, SubmitError> {
        let token = self.auth_token.as_deref();
        let signer = token.map(|token| AuthSmileSigner::new(&self.partner_id, token, environment));
        Ok(signer.transpose()?)
    }

    /// The server that the file names for production or the sandbox.
    #[must_use]
    pub fn environment(&self, production: bool) -> Environment {
        let (url, known) = if production {
            (&self.prod_lambda_url, Environment::Production)
        } else {
            (&self.test_lambda_url, Environment::Sandbox)
        };
        match url.as_deref().map(|url| url.trim_end_matches('/')) {
            Some(url) if !url.is_empty() && url != known.base_url() => {
                Environment::Url(url.to_owned())
            }
            _ => known,
        }
    }
}

impl std::fmt::Debug for SmileConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmileConfig")
            .field("prod_lambda_url", &self.prod_lambda_url)
            .field("test_lambda_url", &self.test_lambda_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SmileConfig, SubmitError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("smile_config.json");
        std::fs::write(&path, text).unwrap();
        SmileConfig::read(&path)
    }

    #[test]
    fn the_portals_file_is_read() {
        let config = read(
            r#"{"partner_id": "2345", "auth_token": "T", "version": 1,
                "prod_lambda_url": "https://prod.example/v1/",
                "test_lambda_url": "https://testapi.smileidentity.com/v1/"}"#,
        )
        .unwrap();
        assert_eq!(config.environment(false), Environment::Sandbox);
        assert_eq!(config.environment(true).base_url(), "https://prod.example/v1");
        assert!(config.signer().unwrap_err().to_string().contains("api_key"));
        assert!(!format!("{config:?}").contains("2345"));
    }

    #[test]
    fn a_key_in_the_file_signs() {
        let config = read(r#"{"partner_id": "2345", "api_key": "k"}"#).unwrap();
        config.signer().unwrap();
        assert_eq!(config.environment(true), Environment::Production);
    }

    #[test]
    fn mistakes_are_told_without_the_content() {
        for text in ["", "{}", r#"{"partner_id": 2345, "auth_token": "hidden"}"#] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains("smile_config.json") && message.contains("partner_id"));
            assert!(!message.contains("hidden") && !message.contains("2345"), "{message}");
        }
        assert!(SmileConfig::read(Path::new("/nonexistent/x")).is_err());
    }
}
