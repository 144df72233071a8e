//! The sandbox's own certificate: a small certificate authority that signs one server certificate
//! and whose key is then thrown away. Clients are told to trust the authority's certificate.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use tokio_rustls::TlsAcceptor;

use crate::error::SandboxError;
use crate::files::write;

/// Key, server certificate and authority's certificate, in this order.
const OWN_FILE: &str = "tls.pem";
/// The authority's certificate alone: what clients are given.
const CLIENTS_FILE: &str = "ca.pem";
/// Names under which a sandbox of this machine is reached.
const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What a sandbox needs to speak TLS, and its clients to trust it.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) certificate_pem: String,
    pub(crate) certificate_path: PathBuf,
}

impl Identity {
    /// The identity of the data directory, for the names of this machine and for `names`. It is made
    /// at the first start, and again when a name is new.
    pub(crate) fn new(dir: &Path, names: &[String]) -> Result<Self, SandboxError> {
        let names: Vec<String> = LOCAL_NAMES
            .iter()
            .map(|name| (*name).to_owned())
            .chain(names.iter().cloned())
            .collect();
        let path = dir.join(OWN_FILE);
        let failed = |source| SandboxError::File { path: path.clone(), source };
        let kept = match fs::read(&path) {
            Ok(pem) => Some(Kept::read(&pem).ok_or(SandboxError::Tls { path: path.clone() })?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let kept = match kept.filter(|kept| kept.is_for(&names)) {
            Some(kept) => kept,
            None => {
                let pem = make(names).map_err(|error| refused(&error))?;
                write(&path, pem.as_bytes()).map_err(failed)?;
                Kept::read(pem.as_bytes()).ok_or(SandboxError::Tls { path: path.clone() })?
            }
        };
        let certificate_path = dir.join(CLIENTS_FILE);
        if fs::read(&certificate_path).ok().as_deref() != Some(kept.authority.as_bytes()) {
            write(&certificate_path, kept.authority.as_bytes())
                .map_err(|source| SandboxError::File { path: certificate_path.clone(), source })?;
        }
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![kept.server], kept.key)
            })
            .map_err(|_| SandboxError::Tls { path })?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(server));
        Ok(Self { acceptor, certificate_pem: kept.authority, certificate_path })
    }
}

/// What lies in the data directory.
struct Kept {
    key: PrivateKeyDer<'static>,
    server: CertificateDer<'static>,
    /// As PEM.
    authority: String,
}

impl Kept {
    fn read(pem: &[u8]) -> Option<Self> {
        let key = PrivateKeyDer::from_pem_slice(pem).ok()?;
        let mut certificates = CertificateDer::pem_slice_iter(pem);
        let server = certificates.next()?.ok()?;
        certificates.next()?.ok()?;
        let text = std::str::from_utf8(pem).ok()?;
        let authority = text[text.rfind("-----BEGIN CERTIFICATE-----")?..].to_owned();
        Some(Self { key, server, authority })
    }

    /// Whether the server certificate has every one of these names.
    fn is_for(&self, names: &[String]) -> bool {
        ParsedCertificate::try_from(&self.server).is_ok_and(|certificate| {
            names.iter().all(|name| {
                ServerName::try_from(name.as_str())
                    .is_ok_and(|name| verify_server_name(&certificate, &name).is_ok())
            })
        })
    }
}

/// A new authority and the server certificate that it signs, as the own file keeps them. Valid as
/// long as anybody could want, so that clocks do not matter: who may read the file may do anything.
fn make(names: Vec<String>) -> Result<String, rcgen::Error> {
    let params = |name: &str, alternatives: Vec<String>| {
        let mut params = CertificateParams::new(alternatives)?;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        params.distinguished_name.push(DnType::CommonName, name);
        Ok::<_, rcgen::Error>(params)
    };
    let mut authority = params("LiveFace sandbox authority", Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let mut server = params("LiveFace sandbox", names)?;
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key))?;
    Ok(key.serialize_pem() + &certificate.pem() + &authority_certificate.pem())
}

fn refused(error: &rcgen::Error) -> SandboxError {
    SandboxError::System { what: "a certificate", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_kept_and_its_key_is_its_owners_only() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::new(dir.path(), &[]).unwrap().certificate_pem;
        assert_eq!(Identity::new(dir.path(), &[]).unwrap().certificate_pem, first);
        assert_eq!(fs::read_to_string(dir.path().join(CLIENTS_FILE)).unwrap(), first);
        assert!(!first.contains("PRIVATE"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(OWN_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // A kill may have come before the clients' copy was written.
        fs::remove_file(dir.path().join(CLIENTS_FILE)).unwrap();
        assert_eq!(Identity::new(dir.path(), &[]).unwrap().certificate_pem, first);
        assert_eq!(fs::read_to_string(dir.path().join(CLIENTS_FILE)).unwrap(), first);
    }

    #[test]
    fn a_new_name_makes_a_new_identity_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let pem = |names: &[String]| {
            Ok::<_, SandboxError>(Identity::new(dir.path(), names)?.certificate_pem)
        };
        let first = pem(&[]).unwrap();
        let names = ["laptop.example".to_owned(), "192.168.1.7".to_owned()];
        let second = pem(&names).unwrap();
        assert_ne!(first, second);
        assert_eq!(pem(&names).unwrap(), second);
        assert_eq!(pem(&[]).unwrap(), second, "it has more names than are needed");
        for damaged in [&b""[..], b"\xff", second.as_bytes()] {
            fs::write(dir.path().join(OWN_FILE), damaged).unwrap();
            assert!(matches!(pem(&[]), Err(SandboxError::Tls { .. })));
        }
    }
}
