//! What the V3 protocol wants besides the options that every job has.

use clap::{Args, ValueEnum};
use liveface_bundle::{Consent, Protocol};
use liveface_submit::v3::{ApiKeyTokens, BackendTokens, GivenToken, TokenSource, UserDetails};
use liveface_submit::{JobRequest, SignerError, SmileConfig};

use crate::failure::Failure;

/// A token for V3 that was got elsewhere.
const TOKEN_VARIABLE: &str = "LIVEFACE_V3_TOKEN";

/// The protocol of jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProtocolName {
    /// Announce, upload a zip, ask for the result
    #[default]
    V1,
    /// Send all in one request; needs user details and consent
    V3,
}

impl From<ProtocolName> for Protocol {
    fn from(name: ProtocolName) -> Self {
        match name {
            ProtocolName::V1 => Self::V1,
            ProtocolName::V3 => Self::V3,
        }
    }
}

/// How jobs are sent.
#[derive(Args)]
pub(crate) struct ProtocolOptions {
    /// The protocol of the job
    #[arg(long, value_enum, default_value_t)]
    pub(crate) protocol: ProtocolName,
    /// The partner's backend, which gives V3 tokens in place of an API key; LIVEFACE_SIGNER_TOKEN is
    /// sent along
    #[arg(long, value_name = "URL", env = "LIVEFACE_TOKEN_URL")]
    pub(crate) token_url: Option<String>,
}

/// Who the person is and what it agreed to.
#[derive(Args)]
#[command(next_help_heading = "For --protocol v3")]
pub(crate) struct V3Options {
    /// All given names of the person
    #[arg(long, value_name = "NAMES")]
    given_names: Option<String>,
    /// Family name of the person
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// E-mail address of the person; it or --phone is needed
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Phone number of the person, like +254700000000
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// When the person consented, like 2026-01-02T03:04:05Z
    #[arg(long, value_name = "TIME", requires_all = ["consent_language", "consent_policy"])]
    consent_at: Option<String>,
    /// Language of the notice that the person saw, like EN
    #[arg(long, value_name = "LANGUAGE", requires = "consent_at")]
    consent_language: Option<String>,
    /// Address of the privacy policy that the person saw
    #[arg(long, value_name = "URL", requires = "consent_at")]
    consent_policy: Option<String>,
    /// The result that a sandbox is to give, like 840
    #[arg(long, value_name = "CODE")]
    sandbox_result: Option<u32>,
    /// Send a job again of which it is not known whether the server has it: there can be two then
    #[arg(long)]
    send_again: bool,
}

impl V3Options {
    /// Puts what was given into `request`.
    pub(crate) fn fill(&self, request: &mut JobRequest) {
        let Self { given_names, last_name, email, phone, .. } = self;
        if [given_names, last_name, email, phone].into_iter().any(Option::is_some) {
            request.user_details = Some(UserDetails {
                given_names: given_names.clone().unwrap_or_default(),
                last_name: last_name.clone().unwrap_or_default(),
                email: email.clone(),
                phone_number: phone.clone(),
            });
        }
        request.consent = self.consent_at.as_ref().map(|granted_at| Consent {
            granted_at: granted_at.clone(),
            notice_language: self.consent_language.clone().unwrap_or_default(),
            notice_privacy_policy_url: self.consent_policy.clone().unwrap_or_default(),
        });
        request.sandbox_result = self.sandbox_result;
        request.send_again = self.send_again;
    }
}

/// Where tokens come from: the partner's backend, a given token, or the API key.
pub(crate) fn tokens(
    options: &ProtocolOptions,
    partner_id: &str,
    api_key: Option<&str>,
    backend_token: Option<&str>,
    config: Option<&SmileConfig>,
) -> Result<Box<dyn TokenSource>, Failure> {
    let wrong = |error: SignerError| Failure::input("credentials", error);
    let given = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.is_empty());
    let api_key = api_key.or(config.and_then(|config| config.api_key.as_deref()));
    if let Some(url) = &options.token_url {
        let bearer = backend_token.map(|token| format!("Bearer {token}"));
        let source = BackendTokens::new(partner_id, url, bearer.as_deref()).map_err(wrong)?;
        return Ok(Box::new(source));
    }
    match (given, api_key) {
        (Some(token), _) => Ok(Box::new(GivenToken::new(partner_id, &token).map_err(wrong)?)),
        (None, Some(key)) => Ok(Box::new(ApiKeyTokens::new(partner_id, key).map_err(wrong)?)),
        (None, None) => Err(Failure::input(
            "no credentials for V3",
            format!("set LIVEFACE_API_KEY or {TOKEN_VARIABLE}, or give --token-url"),
        )),
    }
}
