//! What the figures were measured on, where the system tells it.

use serde::{Deserialize, Serialize};

/// The machine and what runs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    processor: String,
    /// Cores that this process may use.
    cores: usize,
    system: String,
    /// ONNX Runtime's library; its name has the version where the system keeps to that custom.
    library: String,
    /// What runs the models.
    provider: String,
}

impl Device {
    /// This machine, with the engine's library and providers.
    pub(super) fn new(library: &std::path::Path, provider: String) -> Self {
        let name = |path: &std::path::Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        };
        Self {
            processor: processor().unwrap_or_else(|| "unknown processor".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: system(),
            library: name(library).unwrap_or_default(),
            provider,
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processor, cores, system, library, provider } = self;
        write!(f, "{processor}, {cores} cores, {system}; {library}, {provider}")
    }
}

/// The processor's name: x86 has "model name"; ARM has "Hardware" or nothing but part numbers.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
    };
    let part = || Some(format!("CPU {} part {}", value("CPU implementer")?, value("CPU part")?));
    value("model name").or_else(|| value("Hardware")).or_else(part)
}

/// The operating system with its release, and the architecture.
fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let words = [std::env::consts::OS, release.trim(), std::env::consts::ARCH];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The memory that this process has now.
pub(super) fn memory_mib() -> Option<f64> {
    from_status("VmRSS:")
}

/// The most memory that this process ever had.
pub(super) fn peak_memory_mib() -> Option<f64> {
    from_status("VmHWM:")
}

fn from_status(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}
