//! How a file of the store is encrypted, and the store's header.
//!
//! ```text
//! file    "LFSEALED" | version 1 (u32) | salt (32) | chunks
//! header  "LFSTORE\0" | format 2 (u32) | salt (32) | check (32) | sha256 of all before (32)
//! ```
//!
//! Numbers are big-endian. Chunks are STREAM (BE32) over ChaCha20-Poly1305: 65 536 bytes of
//! plaintext and 16 of tag each, the last one of 0 to 65 536; the first 44 bytes of the file are the
//! associated data of every chunk. The key of a file is used for nothing else, so the nonce's
//! prefix is seven zeros:
//!
//! ```text
//! file key   HKDF-SHA256(secret: store key, salt: the file's,
//!                info: "liveface store file" | the header's salt | place)
//! place      each of tag directory, generation and file name: length (u8), bytes
//! names key  HKDF-SHA256(secret: store key, salt: the header's, info: "liveface store names")
//! check      HKDF-SHA256(secret: store key, salt: the header's, info: "liveface store check")
//! directory  "kept-" and the first 16 bytes, in hexadecimal digits, of HMAC-SHA256(names key, tag)
//! ```

use std::path::Path;

use aead_stream::aead::array::Array;
use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::ChaCha20Poly1305;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::BundleError;
use crate::keys::StoreKey;
use crate::tag::Tag;
use crate::text::hex;

/// The layout that this version writes and reads. 1 was not encrypted and had no header.
pub(crate) const FORMAT: u32 = 2;
/// What the names of tags' directories begin with.
const DIRECTORY_PREFIX: &str = "kept-";
const HEADER_MAGIC: &[u8; 8] = b"LFSTORE\0";
const FILE_MAGIC: &[u8; 8] = b"LFSEALED";
const FILE_VERSION: u32 = 1;
/// Magic, version and salt.
const FILE_HEADER: usize = 44;
/// Plaintext bytes of a chunk.
const CHUNK: usize = 1 << 16;
/// Bytes that a chunk grows by.
const CHUNK_TAG: usize = 16;

type Bytes32 = Zeroizing<[u8; 32]>;

/// Where a file lies. A file that was put elsewhere cannot be decrypted.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    /// The name of the tag's directory.
    pub(crate) directory: &'p str,
    /// The name of the generation's directory; empty for a file beside the generations.
    pub(crate) generation: &'p str,
    /// The file's name.
    pub(crate) file: &'p str,
}

/// What a store is opened with, as its header file says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header {
    salt: [u8; 32],
    check: [u8; 32],
}

impl Header {
    /// A header for a new store, with a random salt.
    pub(crate) fn new(key: &StoreKey) -> Result<Self, BundleError> {
        let salt = random_salt()?;
        Ok(Self { salt, check: check(key, &salt) })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            [HEADER_MAGIC.as_slice(), &FORMAT.to_be_bytes(), &self.salt, &self.check].concat();
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    /// Reads the header in the file `path`, whose content is `bytes`.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, BundleError> {
        let damaged = |what| BundleError::Header { path: path.to_owned(), what };
        // In every format the magic and the format come first and the checksum last.
        let (body, digest) = bytes.split_last_chunk::<32>().ok_or(damaged("it is cut short"))?;
        let rest = body.strip_prefix(HEADER_MAGIC.as_slice());
        let (format, rest) = rest
            .and_then(|rest| rest.split_first_chunk::<4>())
            .ok_or(damaged("it is not the header of a store"))?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(damaged("its checksum is wrong"));
        }
        let format = u32::from_be_bytes(*format);
        if format != FORMAT {
            return Err(BundleError::StoreFormat { path: path.to_owned(), format, known: FORMAT });
        }
        let (salt, check) = rest
            .split_first_chunk::<32>()
            .and_then(|(salt, check)| Some((*salt, check.try_into().ok()?)))
            .ok_or(damaged("it has another length than it should"))?;
        Ok(Self { salt, check })
    }

    /// The keys of the store; `None` when `key` is not its key.
    pub(crate) fn unlock(&self, key: &StoreKey) -> Option<Vault> {
        // Both are derived from the key one way: how long the comparison takes tells nothing.
        (check(key, &self.salt) == self.check).then(|| Vault {
            header: self.clone(),
            key: key.clone(),
            names: Box::new(derive(key, &self.salt, &[b"liveface store names"])),
        })
    }
}

fn check(key: &StoreKey, salt: &[u8; 32]) -> [u8; 32] {
    *derive(key, salt, &[b"liveface store check"])
}

/// The keys of an open store.
pub(crate) struct Vault {
    header: Header,
    key: StoreKey,
    names: Box<Bytes32>,
}

impl Vault {
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The name of `tag`'s directory.
    pub(crate) fn directory_name(&self, tag: &Tag) -> String {
        // A MAC takes a key of any length.
        #[expect(clippy::expect_used, reason = "cannot happen")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.names.as_slice()).expect("a key");
        mac.update(tag.as_str().as_bytes());
        format!("{DIRECTORY_PREFIX}{}", &hex(&mac.finalize().into_bytes()[..16]))
    }

    /// Encrypts the content of the file at `place`.
    pub(crate) fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Result<Vec<u8>, BundleError> {
        self.seal_with(random_salt()?, place, plaintext)
    }

    fn seal_with(
        &self,
        salt: [u8; 32],
        place: Place<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, BundleError> {
        let mut sealed = Vec::with_capacity(sealed_length(plaintext.len() as u64) as usize);
        sealed.extend_from_slice(FILE_MAGIC);
        sealed.extend_from_slice(&FILE_VERSION.to_be_bytes());
        sealed.extend_from_slice(&salt);
        let header: [u8; FILE_HEADER] = *sealed.first_chunk().ok_or(BundleError::Sealing)?;
        let key = self.file_key(&salt, place);
        let mut stream =
            EncryptorBE32::<ChaCha20Poly1305>::new((&*key).into(), &Array::default());
        // The last chunk is whatever remains of at most a chunk, so there always is one.
        let mut rest = plaintext;
        let mut buffer = chunk_buffer();
        while let Some((chunk, after)) = rest.split_at_checked(CHUNK).filter(|s| !s.1.is_empty()) {
            rest = after;
            buffer.extend_from_slice(chunk);
            stream
                .encrypt_next_in_place(&header, &mut *buffer)
                .map_err(|_| BundleError::Sealing)?;
            sealed.extend_from_slice(&buffer);
            buffer.clear();
        }
        buffer.extend_from_slice(rest);
        stream.encrypt_last_in_place(&header, &mut *buffer).map_err(|_| BundleError::Sealing)?;
        sealed.extend_from_slice(&buffer);
        Ok(sealed)
    }

    /// Decrypts what lies at `place`; the error says what is wrong with it.
    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let (header, mut rest) =
            sealed.split_first_chunk::<FILE_HEADER>().ok_or("it is cut short")?;
        let salt: &[u8; 32] = header.last_chunk().ok_or("it is cut short")?;
        if !header.starts_with(FILE_MAGIC) {
            return Err("it is not an encrypted file of a store");
        }
        if header[FILE_MAGIC.len()..][..4] != FILE_VERSION.to_be_bytes() {
            return Err("its version is not known");
        }
        let wrong = "it was changed, or belongs in another place or store";
        let key = self.file_key(salt, place);
        let mut stream =
            DecryptorBE32::<ChaCha20Poly1305>::new((&*key).into(), &Array::default());
        let mut plaintext = Zeroizing::new(Vec::with_capacity(rest.len()));
        let mut buffer = chunk_buffer();
        let full = CHUNK + CHUNK_TAG;
        while let Some((chunk, after)) = rest.split_at_checked(full).filter(|s| !s.1.is_empty()) {
            rest = after;
            buffer.extend_from_slice(chunk);
            stream.decrypt_next_in_place(header, &mut *buffer).map_err(|_| wrong)?;
            plaintext.extend_from_slice(&buffer);
            buffer.clear();
        }
        buffer.extend_from_slice(rest);
        stream.decrypt_last_in_place(header, &mut *buffer).map_err(|_| wrong)?;
        plaintext.extend_from_slice(&buffer);
        Ok(plaintext)
    }

    fn file_key(&self, salt: &[u8; 32], place: Place<'_>) -> Bytes32 {
        let [directory, generation, file] =
            [place.directory, place.generation, place.file].map(str::as_bytes);
        // Names of the store's own making, far shorter than 256 bytes.
        let length = |name: &[u8]| [name.len() as u8];
        derive(
            &self.key,
            salt,
            &[
                b"liveface store file",
                &self.header.salt,
                &length(directory),
                directory,
                &length(generation),
                generation,
                &length(file),
                file,
            ],
        )
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(..)")
    }
}

/// Room for a whole chunk: it never grows, so it leaves no copy.
fn chunk_buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(CHUNK + CHUNK_TAG))
}

/// The length of a file whose plaintext has `length` bytes.
pub(crate) fn sealed_length(length: u64) -> u64 {
    let chunks = length.div_ceil(CHUNK as u64).max(1);
    length.saturating_add(FILE_HEADER as u64 + chunks * CHUNK_TAG as u64)
}

/// Whether a directory of the store is called like a tag's.
pub(crate) fn is_directory_name(name: &str) -> bool {
    let digits = name.strip_prefix(DIRECTORY_PREFIX).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn random_salt() -> Result<[u8; 32], BundleError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(BundleError::Random)?;
    Ok(salt)
}

#[expect(clippy::expect_used, reason = "cannot happen")]
fn derive(key: &StoreKey, salt: &[u8; 32], info: &[&[u8]]) -> Bytes32 {
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), key.as_bytes())
        .expand_multi_info(info, derived.as_mut_slice())
        .expect("HKDF gives up to 8160 bytes");
    derived
}
