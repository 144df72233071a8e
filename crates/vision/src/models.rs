//! Where model files come from, and the checks they pass before they are run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::VisionError;
use crate::manifest::{CanonicalFace, Decode, Entry, Manifest};

const MANIFEST: &str = "models.toml";

/// Where to take the models from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ModelSource {
    /// From the binary itself (feature `embedded-models`).
    #[default]
    Embedded,
    /// From a folder with `models.toml` and the files that it names.
    Folder(PathBuf),
}

impl ModelSource {
    /// What messages call the place.
    fn place(&self) -> PathBuf {
        match self {
            Self::Embedded => PathBuf::from("(built in)"),
            Self::Folder(folder) => folder.clone(),
        }
    }

    fn fetch(&self, file: &str) -> Result<Cow<'static, [u8]>, VisionError> {
        match self {
            Self::Embedded => embedded(file),
            Self::Folder(folder) => {
                let path = folder.join(file);
                std::fs::read(&path)
                    .map(Cow::Owned)
                    .map_err(|source| VisionError::ModelFile { path, source })
            }
        }
    }

    /// The bytes of `file`, if they are those of `sha256`.
    pub(crate) fn checked(
        &self,
        file: &str,
        sha256: &str,
    ) -> Result<Cow<'static, [u8]>, VisionError> {
        let bytes = self.fetch(file)?;
        let found = hex(&Sha256::digest(&bytes));
        if found == sha256 {
            return Ok(bytes);
        }
        Err(VisionError::ModelHash {
            file: self.place().join(file).display().to_string(),
            found,
            expected: sha256.to_owned(),
        })
    }
}

/// The model files, read and checked by sha256; those built in that a capture can do without, when they
/// are first asked for.
pub struct ModelFiles {
    source: ModelSource,
    entries: Vec<(Entry, Cow<'static, [u8]>)>,
    /// Models that are read, and checked, again when they are first asked for.
    optional: Vec<Entry>,
    canonical_face: CanonicalFace,
    hashes: BTreeMap<String, String>,
}

impl ModelFiles {
    /// Reads the files of `source` and checks each by its sha256.
    ///
    /// # Errors
    /// Names the file that is missing, changed or not as `models.toml` says.
    pub fn read(source: &ModelSource) -> Result<Self, VisionError> {
        let place = source.place();
        let manifest: Manifest = parse(&place.join(MANIFEST), &source.fetch(MANIFEST)?)?;
        let mut hashes = BTreeMap::new();
        let mut list = |name: &str, file: &str, sha256: &str| {
            if Path::new(file).components().count() != 1 {
                return Err(VisionError::Manifest {
                    path: place.join(MANIFEST),
                    why: format!("`{file}` is not the name of a file in the models folder"),
                });
            }
            hashes.insert(name.to_owned(), sha256.to_owned());
            Ok(())
        };
        let face = &manifest.canonical_face;
        list("canonical_face", &face.file, &face.sha256)?;
        let bytes = source.checked(&face.file, &face.sha256)?;
        let canonical_face: CanonicalFace = parse(&place.join(&face.file), &bytes)?;
        let (mut entries, mut optional) = (Vec::new(), Vec::new());
        for entry in manifest.model {
            list(&entry.name, &entry.file, &entry.sha256)?;
            let is_optional = entry.decode.is_optional();
            // What is built in does not change apart from the program, and is checked before it is run:
            // looking at it now would only bring it into memory.
            if is_optional && *source == ModelSource::Embedded {
                optional.push(entry);
                continue;
            }
            let bytes = source.checked(&entry.file, &entry.sha256)?;
            if is_optional {
                optional.push(entry);
            } else {
                entries.push((entry, bytes));
            }
        }
        Ok(Self { source: source.clone(), entries, optional, canonical_face, hashes })
    }

    /// sha256 that every model, and the canonical face, has or is not run, by its name; lower-case hex.
    #[must_use]
    pub const fn hashes(&self) -> &BTreeMap<String, String> {
        &self.hashes
    }

    pub(crate) const fn canonical_face(&self) -> &CanonicalFace {
        &self.canonical_face
    }

    /// The model whose decoder `pick` accepts.
    pub(crate) fn find<D>(
        &self,
        kind: &str,
        pick: impl Fn(&Decode) -> Option<D>,
    ) -> Result<(&Entry, &[u8], D), VisionError> {
        self.entries
            .iter()
            .find_map(|(entry, bytes)| pick(&entry.decode).map(|d| (entry, bytes.as_ref(), d)))
            .ok_or_else(|| none_of(kind))
    }

    /// The optional model whose decoder `pick` accepts.
    pub(crate) fn find_optional<D>(
        &self,
        pick: impl Fn(&Decode) -> Option<D>,
    ) -> Option<(Entry, D)> {
        self.optional.iter().find_map(|entry| Some((entry.clone(), pick(&entry.decode)?)))
    }

    pub(crate) const fn source(&self) -> &ModelSource {
        &self.source
    }
}

/// The error for a list without a model of `kind`.
pub(crate) fn none_of(kind: &str) -> VisionError {
    VisionError::Manifest {
        path: PathBuf::from(MANIFEST),
        why: format!("no model is decoded as `{kind}`"),
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, VisionError> {
    let wrong = |why: String| VisionError::Manifest { path: path.to_path_buf(), why };
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(text).map_err(|error| wrong(error.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(feature = "embedded-models")]
fn embedded(file: &str) -> Result<Cow<'static, [u8]>, VisionError> {
    macro_rules! files {
        ($($name:literal),+ $(,)?) => {
            match file {
                $($name => Ok(Cow::Borrowed(include_bytes!(concat!("../../../models/", $name)))),)+
                _ => Err(VisionError::NoEmbeddedModels),
            }
        };
    }
    files!(
        "models.toml",
        "canonical_face.toml",
        "blazeface_short_128.w16.onnx",
        "facemesh_attention478_192.fused.w16.onnx",
        "faceplugin_liveness.onnx",
        "mobilefacenet192_112.onnx",
        "qualityface_128.w16.onnx",
        "selfie_segmentation_256.w16.onnx",
    )
}

#[cfg(not(feature = "embedded-models"))]
fn embedded(_file: &str) -> Result<Cow<'static, [u8]>, VisionError> {
    Err(VisionError::NoEmbeddedModels)
}
