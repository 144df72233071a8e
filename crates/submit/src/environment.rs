//! Which server a job goes to.

use crate::error::SubmitError;

/// The server that jobs are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Smile ID's sandbox.
    Sandbox,
    /// Smile ID's production servers.
    Production,
    /// Another server that speaks the API: the address under which `/upload` and `/job_status` are.
    Url(String),
}

impl Environment {
    /// `sandbox`, `production` or `url`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Production => "production",
            Self::Url(_) => "url",
        }
    }

    /// The address without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        match self {
            Self::Sandbox => "https://testapi.smileidentity.com/v1",
            Self::Production => "https://api.smileidentity.com/v1",
            Self::Url(url) => url.trim_end_matches('/'),
        }
    }

    /// Fails when nothing should be sent to the address: it is none, holds a password or a query,
    /// or is plain HTTP to another machine and `allow_plain_http` is not set.
    pub(crate) fn check(&self, allow_plain_http: bool) -> Result<(), SubmitError> {
        let url = self.base_url();
        if url.contains(['?', '#', '@']) {
            let what = "the server's address must not hold a password, a query or a fragment";
            return Err(SubmitError::Request(what.to_owned()));
        }
        match reach(url) {
            Some(Reach::Tls | Reach::Loopback) => Ok(()),
            Some(Reach::Plain) if allow_plain_http => Ok(()),
            Some(Reach::Plain) => Err(SubmitError::Request(
                "the server's address is plain http; use https, plain http only goes to this machine"
                    .to_owned(),
            )),
            None => Err(SubmitError::Request(
                "the server's address must begin with https:// or http:// and a host".to_owned(),
            )),
        }
    }
}

impl std::str::FromStr for Environment {
    type Err = SubmitError;

    /// Reads `sandbox`, `production` or an address.
    fn from_str(text: &str) -> Result<Self, SubmitError> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            "production" => Ok(Self::Production),
            url if reach(url).is_some() => Ok(Self::Url(url.to_owned())),
            _ => Err(SubmitError::Request(
                "the environment must be sandbox, production or an address (https://...)"
                    .to_owned(),
            )),
        }
    }
}

/// How safely an address is reached, the least safe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Not encrypted.
    Plain,
    /// Not encrypted, but stays on this machine.
    Loopback,
    /// Encrypted.
    Tls,
}

/// How `url` is reached; `None` when it is no HTTP address.
pub(crate) fn reach(url: &str) -> Option<Reach> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    uri.host().filter(|host| !host.is_empty())?;
    match uri.scheme_str()? {
        "https" => Some(Reach::Tls),
        "http" if is_this_machine(url) => Some(Reach::Loopback),
        "http" => Some(Reach::Plain),
        _ => None,
    }
}

/// Whether `url` names a server on this machine.
pub(crate) fn is_this_machine(url: &str) -> bool {
    let uri: Option<ureq::http::Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(|uri| uri.host()) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_read() {
        assert_eq!("sandbox".parse::<Environment>().unwrap(), Environment::Sandbox);
        assert_eq!("production".parse::<Environment>().unwrap(), Environment::Production);
        let url: Environment = "http://127.0.0.1:8080/v1//".parse().unwrap();
        assert_eq!(url.base_url(), "http://127.0.0.1:8080/v1");
        assert!("prod".parse::<Environment>().is_err());
        assert!("ftp://x/".parse::<Environment>().is_err());
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        let check = |url: &str, allow| Environment::Url(url.to_owned()).check(allow).is_ok();
        for url in ["http://127.0.0.1:1/v1", "http://localhost/", "http://[::1]:9/v1"] {
            assert!(check(url, false), "{url}");
        }
        for url in ["http://192.168.1.4:8080", "http://localhost.example/"] {
            assert!(!check(url, false), "{url}");
            assert!(check(url, true), "{url}");
        }
        for url in ["", "https://", "file:///etc/passwd", "https://a:b@host/", "https://h/?x=1"] {
            assert!(!check(url, true), "{url}");
        }
        assert!(Environment::Production.check(false).is_ok());
    }
}
