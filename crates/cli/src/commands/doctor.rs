//! `liveface doctor`: checks what the program needs and says what to do about each failure.

use std::time::{SystemTime, UNIX_EPOCH};

use liveface::{Engine, ModelProvider, ONNX_RUNTIME_VERSION};

use crate::args::{Common, DoctorOptions};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};

/// A clock before this is wrong: 2026-01-01, before the program was built.
const EARLIEST_SECONDS: u64 = 1_767_225_600;

struct Check {
    name: &'static str,
    result: Result<String, String>,
}

pub(crate) fn run(common: &Common, options: &DoctorOptions) -> Result<Exit, Failure> {
    let engine = Engine::load(&super::engine_config(common)).and_then(|engine| {
        engine.vision().load_optional()?;
        Ok(engine)
    });
    let (runtime, models) = match &engine {
        Ok(engine) => (
            Ok(format!("{} ({ONNX_RUNTIME_VERSION} or newer)", engine.runtime_library().display())),
            Ok(engine.model_hashes().keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
        ),
        Err(
            error @ liveface::EngineError::Vision(
                liveface::VisionError::RuntimeMissing { .. }
                | liveface::VisionError::RuntimeUnusable { .. }
                | liveface::VisionError::RuntimeLoaded { .. },
            ),
        ) => {
            (Err(error.to_string()), Err("not checked: the runtime library comes first".to_owned()))
        }
        Err(error) => (Ok("loaded".to_owned()), Err(error.to_string())),
    };
    let provider = match &engine {
        Ok(engine) => provider(&engine.providers()),
        Err(_) => Err("not checked: the runtime library and the models come first".to_owned()),
    };
    let checks = [
        Check { name: "runtime", result: runtime },
        Check { name: "models", result: models },
        Check { name: "store", result: store(options) },
        Check { name: "clock", result: clock() },
        Check { name: "provider", result: provider },
    ];
    let healthy = checks.iter().all(|check| check.result.is_ok());
    if common.json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                let text = check.result.as_ref().unwrap_or_else(|text| text);
                serde_json::json!({ "check": check.name, "ok": check.result.is_ok(), "detail": text })
            })
            .collect();
        console::json(&serde_json::json!({ "healthy": healthy, "checks": checks }))?;
    } else {
        for check in &checks {
            let (mark, text) = match &check.result {
                Ok(text) => (styled("ok  ", Style::Good), text),
                Err(text) => (styled("FAIL", Style::Bad), text),
            };
            console::line(format!("{mark}  {:<8} {text}", check.name))?;
        }
    }
    Ok(if healthy { Exit::Done } else { Exit::Runtime })
}

/// Opens the store with its key and reads every capture in it.
fn store(options: &DoctorOptions) -> Result<String, String> {
    let path = super::store_path(&options.store).map_err(|failure| failure.to_string())?;
    let key = super::key_file(&options.store, &path);
    let opened = liveface::Store::open_existing(&path, &key).map_err(|error| error.to_string())?;
    let Some(store) = opened else {
        return Ok(format!("{} (not there yet: the first capture makes it)", path.display()));
    };
    if let Some((name, why)) = store.unencrypted().next() {
        return Err(format!("the capture `{name}` is NOT encrypted: {why}"));
    }
    let tags = store.tags().map_err(|error| error.to_string())?;
    for summary in &tags {
        store.load(&summary.tag).map_err(|error| error.to_string())?;
    }
    let (count, key) = (tags.len(), key.path().display());
    Ok(format!("{} ({count} captures, all readable, encrypted with {key})", path.display()))
}

/// A model that runs on the processor by the way it is made is no failure.
fn provider(models: &[ModelProvider]) -> Result<String, String> {
    let line = super::provider_line(models);
    if models.iter().any(ModelProvider::was_refused) {
        return Err(format!("{line}; give another --runtime, or another --provider"));
    }
    Ok(line)
}

fn clock() -> Result<String, String> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    if seconds < EARLIEST_SECONDS {
        return Err("the system clock is years behind; set it, or servers will refuse signatures"
            .to_owned());
    }
    Ok("plausible".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use liveface::Provider;

    #[test]
    fn only_a_refused_model_is_a_failure() {
        let model = |name: &str, runs, because: Option<&str>| ModelProvider {
            model: name.to_owned(),
            asked: Provider::Xnnpack,
            runs,
            because: because.map(str::to_owned),
        };
        let taken = model("detector", Provider::Xnnpack, None);
        let own = model("mesh", Provider::Cpu, Some(ModelProvider::OWN_OPERATORS));
        let refused = model("embedding", Provider::Cpu, Some("no such provider"));
        assert_eq!(provider(std::slice::from_ref(&taken)).unwrap(), "xnnpack runs every model");
        let said = provider(&[taken.clone(), own.clone()]).unwrap();
        assert!(
            said.starts_with("detector runs on xnnpack; mesh runs on cpu, not xnnpack"),
            "{said}"
        );
        let said = provider(&[taken, own, refused]).unwrap_err();
        assert!(said.contains("embedding runs on cpu, not xnnpack: no such provider;"), "{said}");
    }
}
