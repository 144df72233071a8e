//! Finding and loading ONNX Runtime's shared library, once a process.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::VisionError;

/// The version that the set-up installs; the oldest that works is of the same minor version.
pub const ONNX_RUNTIME_VERSION: &str = "1.22.1";

/// The environment variable that names the library.
const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

#[cfg(target_os = "windows")]
const LIBRARY_NAMES: &[&str] = &["onnxruntime.dll"];
#[cfg(target_os = "macos")]
const LIBRARY_NAMES: &[&str] = &["libonnxruntime.1.22.1.dylib", "libonnxruntime.dylib"];
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const LIBRARY_NAMES: &[&str] =
    &["libonnxruntime.so.1.22.1", "libonnxruntime.so.1", "libonnxruntime.so"];

/// The library that this process uses: the loader keeps it for good.
static LOADED: Mutex<Option<(PathBuf, ort::environment::Environment)>> = Mutex::new(None);

/// A loaded ONNX Runtime. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    environment: ort::environment::Environment,
    library: PathBuf,
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
        let mut loaded = LOADED.lock().map_err(|_| VisionError::Poisoned)?;
        if let Some((held, environment)) = loaded.as_ref() {
            if *held != library {
                return Err(VisionError::RuntimeLoaded { loaded: held.clone(), asked: library });
            }
            return Ok(Self { environment: environment.clone(), library });
        }
        let unusable = |why: String| VisionError::RuntimeUnusable {
            path: library.clone(),
            why,
            version: ONNX_RUNTIME_VERSION,
        };
        let environment = ort::init_from(&library)
            .map_err(|error| unusable(error.to_string()))?
            .with_name("liveface")
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        *loaded = Some((library.clone(), environment.clone()));
        Ok(Self { environment, library })
    }

    /// The library file in use.
    #[must_use]
    pub fn library(&self) -> &Path {
        &self.library
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
            version: ONNX_RUNTIME_VERSION,
        });
    }
    let program = std::env::current_exe().unwrap_or_default();
    let mut folders: Vec<PathBuf> = Vec::new();
    folders.extend(program.parent().map(Path::to_path_buf));
    // The program, a test or a benchmark lies some folders below `target/`.
    folders.extend(
        program
            .ancestors()
            .skip(2)
            .take(4)
            .map(|up| up.join("onnxruntime").join(ONNX_RUNTIME_VERSION)),
    );
    for folder in &folders {
        for name in LIBRARY_NAMES {
            if let Ok(path) = std::fs::canonicalize(folder.join(name)) {
                return Ok(path);
            }
        }
    }
    let looked: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    Err(VisionError::RuntimeMissing { looked: looked.join(", "), version: ONNX_RUNTIME_VERSION })
}
