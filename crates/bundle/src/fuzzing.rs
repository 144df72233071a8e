//! The ways on which bytes from a disk come into the store, for `fuzz/fuzz_targets/store_file.rs`.

use std::path::Path;

use crate::job::JobState;
use crate::keys::StoreKey;
use crate::manifest::{Manifest, PLAIN_FORMAT, Pointer, from_json};
use crate::sealed::{FORMAT, Header, Place};
use crate::tag::Tag;

/// Reads `bytes` as a header, as an encrypted file and as each kind of decrypted file.
///
/// # Panics
/// When something was read as what it cannot be.
pub fn fuzz_store_file(bytes: &[u8]) {
    let key = StoreKey::from_bytes([7; 32]);
    if let Ok(header) = Header::parse(bytes, Path::new("store.header")) {
        assert_eq!(header.to_bytes(), bytes, "a header that is read is written the same");
        let _ = header.unlock(&key);
    }
    let Some(vault) = Header::new(&key).ok().and_then(|header| header.unlock(&key)) else { return };
    let place = Place { directory: "kept-0", generation: "gen-0", file: "image-0" };
    assert!(vault.open(place, bytes).is_err(), "nobody writes a file without its salt");
    // With the right magic and version too.
    let empty = vault.seal(place, &[]).unwrap_or_default();
    let forged = [empty.get(..12).unwrap_or_default(), bytes].concat();
    assert!(vault.open(place, &forged).is_err(), "nobody writes a file without the key");

    let sealed = vault.seal(place, bytes).unwrap_or_default();
    let Ok(plaintext) = vault.open(place, &sealed) else { panic!("what is sealed can be opened") };
    assert_eq!(*plaintext, bytes);
    for format in [PLAIN_FORMAT, FORMAT] {
        let _ = Pointer::parse(&plaintext, format);
        if let Ok(tag) = Tag::new("a")
            && let Ok(manifest) =
                Manifest::parse(&plaintext, &Pointer::of(format, &tag, &plaintext))
        {
            let _ = manifest.image_names();
            let _ = manifest
                .into_capture(|_, _| Ok(Default::default()), |_, _| crate::BundleError::Sealing);
        }
    }
    let _ = from_json::<JobState>(&plaintext);
}
