//! Which servers are trusted, and TLS for [`ureq`].
//!
//! `ureq` brings TLS of its own, but no place for a check of ours; its connectors are small enough
//! to have one that does.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    StreamOwned,
};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use crate::environment::Environment;
use crate::error::SubmitError;
use crate::transport::TransportError;

/// Which servers are trusted: those that the platform trusts, and what is said here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    extra_roots: Vec<Vec<u8>>,
    pins: Vec<Pin>,
    pinned_host: Option<ServerName<'static>>,
}

impl TlsOptions {
    /// Trusts the certificates in `pem` as well: for a sandbox or a proxy with its own authority.
    /// Android does not take any: name them in the app's network security configuration.
    ///
    /// # Errors
    /// When `pem` holds no certificate, or one that cannot be read.
    pub fn trust(mut self, pem: &[u8]) -> Result<Self, SubmitError> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
            SubmitError::Request("the certificates to trust are not PEM".to_owned())
        })?;
        self.extra_roots.extend(found.into_iter().map(|root| root.as_ref().to_vec()));
        Ok(self)
    }

    /// Talks only to a server that is trusted and whose own certificate, or its key, is `pin` or
    /// another one given. Pin the next certificate as well before it is in use.
    ///
    /// A [`Client`](crate::Client) asks this of its environment's host only: zips go to a storage
    /// service, and signatures, tokens and proxies come with certificates of their own. A transport
    /// that is made apart asks it of every host, unless [`pinned_for`](Self::pinned_for) names one.
    #[must_use]
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pins.push(pin);
        self
    }

    /// Asks for the pins at `environment`'s host only.
    #[must_use]
    pub fn pinned_for(mut self, environment: &Environment) -> Self {
        let uri: Option<ureq::http::Uri> = environment.base_url().parse().ok();
        self.pinned_host = uri.as_ref().and_then(|uri| server_name(uri.host()?));
        self
    }
}

/// A host of an address as certificates name it.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']')).ok()?;
    Some(name.to_owned())
}

/// The sha256 of a server's certificate, or of its public key (`SubjectPublicKeyInfo`).
///
/// Read from 64 hexadecimal digits, or from base64 after `sha256/`, as `curl` and HPKP write the
/// key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

impl std::str::FromStr for Pin {
    type Err = SubmitError;

    fn from_str(text: &str) -> Result<Self, SubmitError> {
        use base64::Engine as _;
        let bytes = match text.strip_prefix("sha256/") {
            Some(text) => base64::engine::general_purpose::STANDARD.decode(text).ok(),
            None => (text.is_ascii() && text.len() == 64)
                .then(|| {
                    let byte = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
                    (0..64).step_by(2).map(byte).collect()
                })
                .flatten(),
        };
        bytes.and_then(|bytes| Some(Self(bytes.try_into().ok()?))).ok_or_else(|| {
            let what = "a pin must be sha256/ and base64, or 64 hexadecimal digits";
            SubmitError::Request(what.to_owned())
        })
    }
}

/// Trusts whom `inner` trusts and, if it is the `host`, who is pinned.
#[derive(Debug)]
struct Pinned {
    inner: Arc<dyn ServerCertVerifier>,
    pins: Vec<Pin>,
    /// Without one, it is every host.
    host: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        if self.pins.is_empty() || self.host.as_ref().is_some_and(|host| host != server_name) {
            return Ok(verified);
        }
        let key = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| CertificateError::BadEncoding)?
            .subject_public_key_info();
        let found = [Pin(Sha256::digest(&key).into()), Pin(Sha256::digest(end_entity).into())];
        if found.iter().any(|found| self.pins.contains(found)) {
            return Ok(verified);
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(not(target_os = "android"))]
fn platform(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(roots, provider)
}

#[cfg(target_os = "android")]
fn platform(
    roots: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<rustls_platform_verifier::Verifier, rustls::Error> {
    if !roots.is_empty() {
        let what = "Android takes no further certificates to trust".to_owned();
        return Err(rustls::Error::General(what));
    }
    rustls_platform_verifier::Verifier::new(provider)
}

/// The settings of all connections, made when the first one needs them.
#[derive(Debug)]
pub(crate) struct Tls {
    options: TlsOptions,
    made: OnceLock<Result<Arc<ClientConfig>, rustls::Error>>,
}

impl Tls {
    pub(crate) const fn new(options: TlsOptions) -> Self {
        Self { options, made: OnceLock::new() }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        self.made.get_or_init(|| self.make()).clone()
    }

    fn make(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let roots = self.options.extra_roots.iter().map(|der| CertificateDer::from(der.clone()));
        let inner = Arc::new(platform(roots.collect(), provider.clone())?);
        let verifier = Pinned {
            inner,
            pins: self.options.pins.clone(),
            host: self.options.pinned_host.clone(),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Wraps a connection to an `https` address in TLS.
#[derive(Debug)]
pub(crate) struct TlsConnector(pub(crate) Arc<Tls>);

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else { return Ok(None) };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let name =
            server_name(host).ok_or_else(|| untrusted("the server's name cannot be used"))?;
        let config = self.0.config().map_err(|error| refused(&error))?;
        let mut conn = ClientConnection::new(config, name).map_err(|error| refused(&error))?;
        let mut sock = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock).map_err(|error| {
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(error) => refused(error),
                None => ureq::Error::from(error),
            }
        })?;
        let (input, output) =
            (details.config.input_buffer_size(), details.config.output_buffer_size());
        let stream = StreamOwned::new(conn, sock);
        Ok(Some(Either::B(TlsTransport { buffers: LazyBuffers::new(input, output), stream })))
    }
}

fn untrusted(what: &str) -> ureq::Error {
    ureq::Error::Other(Box::new(TransportError::Untrusted(what.to_owned())))
}

/// What is wrong, without the names and addresses that the library's own texts hold.
fn refused(error: &rustls::Error) -> ureq::Error {
    use CertificateError::{
        ApplicationVerificationFailure, Expired, ExpiredContext, NotValidForName,
        NotValidForNameContext, NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    untrusted(match error {
        rustls::Error::InvalidCertificate(error) => match error {
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
                "the server's certificate is not valid today; check the clock"
            }
            UnknownIssuer => "the server's certificate is from an authority that is not trusted",
            NotValidForName | NotValidForNameContext { .. } => {
                "the server's certificate is for another name"
            }
            Revoked => "the server's certificate was revoked",
            ApplicationVerificationFailure => "the server's certificate is not the pinned one",
            _ => "the server's certificate cannot be used",
        },
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS",
        rustls::Error::AlertReceived(_) => "the server ended the TLS handshake",
        rustls::Error::General(_) => "the system's trusted certificates cannot be read",
        _ => "the TLS handshake failed",
    })
}

pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_as_they_are_written() {
        let hex: Pin = "00ff".repeat(16).parse().unwrap();
        let base64: Pin = "sha256/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=".parse().unwrap();
        assert_eq!(hex, base64);
        let long = "00".repeat(33);
        for bad in ["", "sha256/", "sha256/AAAA", "zz", long.as_str(), &"é".repeat(32)] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_not_trusted() {
        for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(TlsOptions::default().trust(pem.as_bytes()).is_err(), "{pem}");
        }
    }

    /// Trusts everybody.
    #[derive(Debug)]
    struct Everybody;

    impl ServerCertVerifier for Everybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![]
        }
    }

    #[test]
    fn pins_are_asked_for_at_the_servers_own_host_only() {
        let certificate =
            CertificateDer::from_pem_slice(include_bytes!("../tests/tls/server.pem")).unwrap();
        let right: Pin = include_str!("../tests/tls/key.sha256").trim().parse().unwrap();
        let trusted = |options: TlsOptions, host: &str| {
            let TlsOptions { pins, pinned_host: host_of_pins, .. } = options;
            let pinned = Pinned { inner: Arc::new(Everybody), pins, host: host_of_pins };
            let name = server_name(host).unwrap();
            pinned.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).is_ok()
        };
        let pinned = |pin| TlsOptions::default().pin(pin);
        let server = Environment::Url("https://api.example:8443/v1".to_owned());
        let wrong = Pin([0; 32]);
        assert!(trusted(pinned(right), "api.example") && trusted(pinned(right), "s3.example"));
        assert!(!trusted(pinned(wrong), "api.example") && !trusted(pinned(wrong), "s3.example"));
        let own = || pinned(wrong).pinned_for(&server);
        assert!(trusted(own(), "s3.example") && trusted(own(), "10.0.0.1"));
        assert!(!trusted(own(), "api.example") && !trusted(own(), "API.example"));
        assert!(trusted(own().pin(right), "api.example"));
        let v6 = Environment::Url("https://[::1]:1/v1".to_owned());
        assert!(!trusted(pinned(wrong).pinned_for(&v6), "::1"));
    }
}
