//! Finding and loading ONNX Runtime's shared library, once a process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::VisionError;
use crate::provider::{Choice, ModelProvider, Provider};

/// The version that the set-up installs.
pub const ONNX_RUNTIME_VERSION: &str = "1.22.1";

/// The oldest version that works: that of the API which `ort` is built for.
const OLDEST_VERSION: &str = "1.21";

/// The environment variable that names the library.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// What the library file is called, the most exact name first.
fn library_names() -> [String; 3] {
    let version = ONNX_RUNTIME_VERSION;
    if cfg!(target_os = "windows") {
        ["onnxruntime.dll", "onnxruntime.dll", "onnxruntime.dll"].map(str::to_owned)
    } else if cfg!(target_os = "macos") {
        let names = [&format!("libonnxruntime.{version}.dylib"), "libonnxruntime.1.dylib"];
        [names[0].to_owned(), names[1].to_owned(), "libonnxruntime.dylib".to_owned()]
    } else {
        let exact = format!("libonnxruntime.so.{version}");
        [exact, "libonnxruntime.so.1".to_owned(), "libonnxruntime.so".to_owned()]
    }
}

/// The library that this process uses: the loader keeps it for good.
static LOADED: Mutex<Option<(PathBuf, ort::environment::Environment)>> = Mutex::new(None);

/// A loaded ONNX Runtime. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    environment: ort::environment::Environment,
    library: PathBuf,
    choice: Choice,
}

impl Runtime {
    /// Loads the library from `path`, or from the first of these that has it: the file that
    /// `ORT_DYLIB_PATH` names, the folder of the running program, the copy that the project's
    /// set-up unpacked under `target/`. A process uses one library; later calls return it.
    ///
    /// # Errors
    /// When no library is found, it is too old or broken, or another one is in use already.
    pub fn load(path: Option<&Path>) -> Result<Self, VisionError> {
        let library = find(path)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, environment)) = loaded.as_ref() {
            if *held != library {
                return Err(VisionError::RuntimeLoaded { loaded: held.clone(), asked: library });
            }
            let environment = environment.clone();
            return Ok(Self { environment, library, choice: Choice::default() });
        }
        let unusable = |why: String| VisionError::RuntimeUnusable {
            path: library.clone(),
            why,
            version: OLDEST_VERSION,
        };
        let environment = ort::init_from(&library)
            .map_err(|error| unusable(error.to_string()))?
            .with_name("liveface")
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        *loaded = Some((library.clone(), environment.clone()));
        Ok(Self { environment, library, choice: Choice::default() })
    }

    /// The library file in use.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// The same runtime, told to run the models that it loads from now on with `provider`.
    ///
    /// # Errors
    /// When this build has no such provider.
    pub fn with_provider(mut self, provider: Provider) -> Result<Self, VisionError> {
        self.choice = Choice::new(provider)?;
        Ok(self)
    }

    /// What runs each model that was loaded with this runtime or a clone of it.
    #[must_use]
    pub fn providers(&self) -> Vec<ModelProvider> {
        self.choice.models()
    }

    pub(crate) const fn choice(&self) -> &Choice {
        &self.choice
    }

    pub(crate) const fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

/// The library to load, as an absolute path.
fn find(explicit: Option<&Path>) -> Result<PathBuf, VisionError> {
    let from_variable =
        std::env::var_os(PATH_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(path) = explicit.map(Path::to_path_buf).or(from_variable) {
        return std::fs::canonicalize(&path).map_err(|error| VisionError::RuntimeUnusable {
            path,
            why: error.to_string(),
            version: OLDEST_VERSION,
        });
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().map(Path::to_path_buf);
    let unpacked = program.ancestors().skip(2).take(3).filter(|up| is_target_folder(up));
    let unpacked = unpacked.map(|target| target.join("onnxruntime").join(ONNX_RUNTIME_VERSION));
    let folders: Vec<PathBuf> = beside.into_iter().chain(unpacked).collect();
    for folder in &folders {
        for name in library_names() {
            if let Ok(path) = std::fs::canonicalize(folder.join(name)) {
                return Ok(path);
            }
        }
    }
    let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Err(VisionError::RuntimeMissing { looked: looked.join(", "), version: OLDEST_VERSION })
}

/// Whether `folder` is Cargo's target folder, which Cargo marks as a cache. No other folder above
/// the program is looked into: somebody else might write there.
fn is_target_folder(folder: &Path) -> bool {
    let tag = std::fs::read_to_string(folder.join("CACHEDIR.TAG"));
    tag.is_ok_and(|text| text.contains("created by cargo"))
}
