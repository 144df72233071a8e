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
            && let Ok(manifest) = Manifest::<liveface_core::CaptureRecord>::parse(
                &plaintext,
                &Pointer::of(format, &tag, &plaintext),
            )
        {
            let _ = manifest.image_names();
            let _ =
                manifest.images(|_, _| Ok(Default::default()), |_, _| crate::BundleError::Sealing);
        }
    }
    let _ = from_json::<JobState>(&plaintext);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Files of each kind as they are once they are decrypted, and a header.
    fn seeds() -> Vec<Vec<u8>> {
        let header = Header::new(&StoreKey::from_bytes([7; 32])).unwrap().to_bytes();
        let pointer = Pointer::of(FORMAT, &Tag::new("a").unwrap(), b"").to_bytes().unwrap();
        let manifest = br#"{"format":2,"created":"2026-01-02T03:04:05.678Z","images":[{"kind":"selfie",
            "index":0,"t_ms":5,"width":4,"height":3,"bytes":50,"sha256":"00"}],"record":{
            "engine_version":"0.1.0","policy":"p","seed":1,"models":{},"verdict":"live","reasons":[],
            "evidence":{},"shots":[],"guidance":[],"frames":{"seen":0,"dropped":0}}}"#;
        let job =
            br#"{"job_type":4,"user_id":"u","job_id":"j","partner_id":"p","environment":"sandbox",
            "base_url":"http://127.0.0.1","created":"2026-01-02T03:04:05.678Z","stage":"final"}"#;
        vec![header, pointer.to_vec(), manifest.to_vec(), job.to_vec()]
    }

    #[test]
    fn the_seeds_are_what_they_seem() {
        for seed in seeds() {
            fuzz_store_file(&seed);
        }
        from_json::<JobState>(&seeds()[3]).unwrap();
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(
            seed in 0usize..4,
            at in any::<prop::sample::Index>(),
            by in proptest::collection::vec(any::<u8>(), 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = seeds().swap_remove(seed);
            let place = at.index(bytes.len());
            let end = place + cut.index(bytes.len() - place).min(20);
            bytes.splice(place..end, by);
            fuzz_store_file(&bytes);
        }
    }
}
