//! Keys of integrity records in files, as OpenSSL writes them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use ed25519_dalek::{SigningKey, VerifyingKey};
use liveface_bundle::record::{KeySigner, PublicKey};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Far more than a key in PEM has, in bytes.
const MAX_FILE: u64 = 16 << 10;

/// The private key in the file `path`, for signing: PKCS#8 in PEM.
pub(crate) fn signer(path: &Path) -> Result<KeySigner, Failure> {
    let failed = |why: &str| Failure::input(format!("the key {}", path.display()), why);
    let pem = read(path, true)?;
    // What the parser says may hold what it read.
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
        failed(
            "this is no Ed25519 private key in PEM; make one: openssl genpkey -algorithm ed25519",
        )
    })?;
    Ok(KeySigner::from_bytes(&Zeroizing::new(key.to_bytes())))
}

/// The public key in the file `path`, for checking signatures: SPKI in PEM.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let failed = |why: &str| Failure::input(format!("the key {}", path.display()), why);
    let key = VerifyingKey::from_public_key_pem(&read(path, false)?).map_err(|_| {
        failed("this is no Ed25519 public key in PEM; make it: openssl pkey -in KEY -pubout")
    })?;
    PublicKey::from_bytes(key.as_bytes()).map_err(|error| failed(&error.to_string()))
}

/// The text of the file `path`; a secret one is refused when others may read or change it.
fn read(path: &Path, secret: bool) -> Result<Zeroizing<String>, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::input(format!("the key {} cannot be read", path.display()), why)
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(failed(&"others may read or change it; give it the mode 0600"));
        }
    }
    #[cfg(not(unix))]
    let _ = secret;
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize + 1));
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed(&"it is too large for a key"));
    }
    Ok(text)
}
