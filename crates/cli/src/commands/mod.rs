//! One file per command.

pub(crate) mod analyze;
pub(crate) mod bench;
pub(crate) mod bundle;
pub(crate) mod callback;
pub(crate) mod capture;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod job;
mod measures;
pub(crate) mod quality;
pub(crate) mod queue;
pub(crate) mod sandbox;
mod stills;
pub(crate) mod tags;
pub(crate) mod v3;
pub(crate) mod verify;

use std::path::{Path, PathBuf};

use liveface::{Engine, EngineConfig, KeyFile, ModelProvider, ModelSource, Policy, Store};

use crate::args::{Common, StoreOption};
use crate::console;
use crate::failure::Failure;

/// Where the runtime library and the models come from.
fn engine_config(common: &Common) -> EngineConfig {
    EngineConfig {
        runtime: common.runtime.clone(),
        models: common.models.clone().map_or(ModelSource::Embedded, ModelSource::Folder),
        provider: common.provider,
    }
}

fn engine(common: &Common) -> Result<Engine, Failure> {
    let engine = Engine::load(&engine_config(common))?;
    for model in engine.providers().iter().filter(|model| model.runs != model.asked) {
        console::note(format!("note: {model}"));
    }
    Ok(engine)
}

/// What runs the models, on one line.
fn provider_line(models: &[ModelProvider]) -> String {
    match models.first() {
        Some(first) if models.iter().all(|model| model.runs == model.asked) => {
            format!("{} runs every model", first.runs)
        }
        _ => models.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    }
}

/// The policy of a preset's name or a TOML file.
fn policy(name: &str) -> Result<Policy, Failure> {
    let path = Path::new(name);
    let looks_like_file = path.extension().is_some() || path.components().count() > 1;
    if !looks_like_file {
        return Policy::preset(name).map_err(|error| Failure::input("--policy", error));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("the policy file {name} cannot be read"), error))?;
    Policy::from_toml(&text).map_err(|error| Failure::input(name, error))
}

/// The folder of the captures.
fn store_path(option: &StoreOption) -> Result<PathBuf, Failure> {
    if let Some(path) = &option.store {
        return Ok(path.clone());
    }
    let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME")
        .or_else(|| set("LOCALAPPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("liveface/captures")).ok_or_else(|| {
        Failure::input(
            "no folder for the captures is known",
            "give --store DIR or set LIVEFACE_STORE",
        )
    })
}

/// The file with the key of the captures in `store`.
fn key_file(option: &StoreOption, store: &Path) -> KeyFile {
    let given = option.key_file.as_ref().filter(|path| !path.as_os_str().is_empty());
    given.map_or_else(|| KeyFile::beside(store), KeyFile::new)
}

fn store(option: &StoreOption) -> Result<Store, Failure> {
    let path = store_path(option)?;
    Ok(noted(Store::open(&path, &key_file(option, &path))?))
}

/// The store for a command that only looks: none is made.
fn existing_store(option: &StoreOption) -> Result<Option<Store>, Failure> {
    let path = store_path(option)?;
    Ok(Store::open_existing(&path, &key_file(option, &path))?.map(noted))
}

/// Notes what is not encrypted.
fn noted(store: Store) -> Store {
    for (name, why) in store.unencrypted() {
        console::note(format!("note: the capture `{name}` is NOT encrypted: {why}"));
    }
    store
}
