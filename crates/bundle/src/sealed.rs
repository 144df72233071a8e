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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault_of(key: u8, salt: u8) -> Vault {
        let key = StoreKey::from_bytes(std::array::from_fn(|i| i as u8 + key));
        let salt = [salt; 32];
        Header { salt, check: check(&key, &salt) }.unlock(&key).unwrap()
    }

    fn vault() -> Vault {
        vault_of(0, 0xa5)
    }

    const PLACE: Place<'_> = Place {
        directory: "kept-9883b30bb5a0549912183da000124b1e",
        generation: "gen-0123456789abcdef",
        file: "image-0",
    };

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    /// What an implementation in another language (Python's `cryptography`) makes of the format.
    #[test]
    fn the_format_is_the_one_that_is_documented() {
        let vault = vault();
        assert_eq!(
            hex(&vault.header.to_bytes()),
            "4c4653544f52450000000002a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\
            fb8412c49a936896a77dfefe720c81ed4f3eb46016c18db11fd1f19e5f3e18c1\
            4b187e3a868a912911af3aa4bdf7a7dfec09109322dedf0dab25ce73dc294c4c"
        );
        assert_eq!(vault.directory_name(&Tag::new("visit/7").unwrap()), PLACE.directory);
        let seal = |place, plaintext: &[u8]| vault.seal_with([0x5a; 32], place, plaintext).unwrap();
        let header = "4c465345414c454400000001".to_owned() + &"5a".repeat(32);
        assert_eq!(
            hex(&seal(PLACE, b"a face")),
            header.clone() + "6f1b7b6178c6756846b726918cd57b111ac3c349aee1"
        );
        let pointer = Place { generation: "", file: "current", ..PLACE };
        assert_eq!(hex(&seal(pointer, b"")), header + "342081c860e15c9bb533666098f524c5");
        for (length, sha256) in [
            (65_536, "81c2151fbaec63eaf922dfe275d646a5117e8ce4e8f916b4c1fa2dab40599934"),
            (65_537, "20ada126dc8ffff40a51d3016e52bc168a06738bb24a0001f73484b2f0ecdc22"),
            (200_000, "213d5ae6fe4d0594b8ee1bbe7af7fd614307867426ce4f8be6cfd3ee2e40bd16"),
        ] {
            let sealed = seal(PLACE, &bytes(length));
            assert_eq!(hex(&Sha256::digest(&sealed)), sha256, "{length}");
            assert_eq!(sealed.len() as u64, sealed_length(length as u64));
            assert_eq!(*vault.open(PLACE, &sealed).unwrap(), bytes(length));
        }
    }

    #[test]
    fn no_bit_of_a_header_can_change() {
        let path = Path::new("store.header");
        let key = StoreKey::from_bytes(std::array::from_fn(|i| i as u8));
        let whole = vault().header.to_bytes();
        assert!(Header::parse(&whole, path).unwrap().unlock(&key).is_some());
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Header::parse(&changed, path), Err(BundleError::Header { .. })));
        }
        for length in 0..whole.len() {
            assert!(Header::parse(&whole[..length], path).is_err());
        }
        // A newer format need only keep its magic, its place and the checksum.
        let mut newer = [HEADER_MAGIC.as_slice(), &3u32.to_be_bytes(), b"something else"].concat();
        newer.extend_from_slice(&Sha256::digest(&newer));
        let error = Header::parse(&newer, path).err().unwrap();
        assert!(matches!(error, BundleError::StoreFormat { format: 3, .. }), "{error}");
        // A longer one that this version's format has not.
        let mut longer = whole[..whole.len() - 32].to_vec();
        longer.push(0);
        longer.extend_from_slice(&Sha256::digest(&longer));
        assert!(matches!(Header::parse(&longer, path), Err(BundleError::Header { .. })));
        assert!(vault().header.unlock(&StoreKey::from_bytes([1; 32])).is_none());
    }

    #[test]
    fn a_file_is_readable_in_its_own_place_only() {
        let vault = vault();
        let sealed = vault.seal(PLACE, b"a face").unwrap();
        assert_eq!(**vault.open(PLACE, &sealed).unwrap(), *b"a face");
        for place in [
            Place { file: "image-1", ..PLACE },
            Place { file: "manifest", ..PLACE },
            Place { generation: "", ..PLACE },
            Place { generation: "gen-0123456789abcdee", ..PLACE },
            Place { directory: "kept-9883b30bb5a0549912183da000124b1f", ..PLACE },
            // The same letters, parted elsewhere.
            Place { generation: "gen-0123456789abcdefi", file: "mage-0", ..PLACE },
        ] {
            assert!(vault.open(place, &sealed).is_err());
        }
        assert!(vault_of(0, 0xa6).open(PLACE, &sealed).is_err(), "another store, the same key");
        assert!(vault_of(1, 0xa5).open(PLACE, &sealed).is_err(), "another key");
        assert_ne!(vault.seal(PLACE, b"a face").unwrap(), sealed, "never the same salt");
    }

    #[test]
    fn chunks_cannot_be_left_out_exchanged_or_added() {
        let vault = vault();
        let sealed = vault.seal(PLACE, &bytes(3 * CHUNK)).unwrap();
        let (header, chunks) = sealed.split_at(FILE_HEADER);
        let chunks: Vec<_> = chunks.chunks(CHUNK + CHUNK_TAG).collect();
        assert_eq!(chunks.len(), 3);
        let file = |order: &[usize]| {
            let chunks: Vec<_> = order.iter().map(|i| chunks[*i]).collect();
            [header, &chunks.concat()].concat()
        };
        assert!(vault.open(PLACE, &file(&[0, 1, 2])).is_ok());
        for order in [&[0, 1][..], &[0, 2], &[1, 0, 2], &[0, 1, 1, 2], &[0, 1, 2, 2], &[2], &[]] {
            assert!(vault.open(PLACE, &file(order)).is_err(), "{order:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn any_plaintext_comes_back_and_any_change_is_an_error(
            plaintext in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                (0usize..300 << 10).prop_map(bytes),
                (0usize..5, 0usize..40).prop_map(|(n, d)| bytes((n * CHUNK + d).saturating_sub(20))),
            ],
            at in any::<prop::sample::Index>(),
            by in 1u8..,
            cut in any::<prop::sample::Index>(),
            extra in proptest::collection::vec(any::<u8>(), 1..40),
        ) {
            let vault = vault();
            let sealed = vault.seal(PLACE, &plaintext).unwrap();
            prop_assert_eq!(sealed.len() as u64, sealed_length(plaintext.len() as u64));
            prop_assert_eq!(&*vault.open(PLACE, &sealed).unwrap(), &plaintext);
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= by;
            prop_assert!(vault.open(PLACE, &changed).is_err());
            prop_assert!(vault.open(PLACE, &sealed[..cut.index(sealed.len())]).is_err());
            prop_assert!(vault.open(PLACE, &[sealed.as_slice(), &extra].concat()).is_err());
            let mut inserted = sealed.clone();
            inserted.insert(at.index(sealed.len()), by);
            prop_assert!(vault.open(PLACE, &inserted).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(vault().open(PLACE, &bytes).is_err());
            prop_assert!(Header::parse(&bytes, Path::new("store.header")).is_err());
        }
    }
}
