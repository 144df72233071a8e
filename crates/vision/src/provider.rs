//! Which part of ONNX Runtime runs the models: the processor, or what a device has beside it.
//!
//! Execution providers are compiled in by cargo features of the same names, and chosen at run time.
//! A library without the chosen one, or one that refuses a model, is no error: the processor runs
//! the model then, and [`ModelProvider`] says so and why. A model in the engine's own operators always
//! runs there: no provider is asked. A provider may still leave single operators of a model to the
//! processor; the library does not say which.
//!
//! Only the processor was ever tried. Results may differ a little from provider to provider.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use ort::ep::ExecutionProviderDispatch;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use serde::Serialize;

use crate::error::VisionError;

/// The operator that every model file in the engine's own operators has (see `kernels`), as the file
/// spells it.
const OWN_OPERATOR: &[u8] = b"ResidualChain";

/// What can run the models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Provider {
    /// The processor, with ONNX Runtime's own kernels. Always there.
    #[default]
    Cpu,
    /// The processor, with XNNPACK's kernels (Android, ARM and x86).
    Xnnpack,
    /// Android's Neural Networks API.
    Nnapi,
    /// Apple's Core ML.
    CoreMl,
    /// Qualcomm's AI Engine Direct.
    Qnn,
    /// DirectX 12 graphics processors on Windows.
    DirectMl,
    /// Nvidia's graphics processors.
    Cuda,
}

impl Provider {
    /// All of them, compiled in or not.
    pub const ALL: [Self; 7] = [
        Self::Cpu,
        Self::Xnnpack,
        Self::Nnapi,
        Self::CoreMl,
        Self::Qnn,
        Self::DirectMl,
        Self::Cuda,
    ];

    /// The name, which is that of the cargo feature as well.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Xnnpack => "xnnpack",
            Self::Nnapi => "nnapi",
            Self::CoreMl => "coreml",
            Self::Qnn => "qnn",
            Self::DirectMl => "directml",
            Self::Cuda => "cuda",
        }
    }

    /// Whether this build can ask the library for it.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Xnnpack => cfg!(feature = "xnnpack"),
            Self::Nnapi => cfg!(feature = "nnapi"),
            Self::CoreMl => cfg!(feature = "coreml"),
            Self::Qnn => cfg!(feature = "qnn"),
            Self::DirectMl => cfg!(feature = "directml"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// What `ort` registers; `None` for the processor and for what is not built in.
    fn dispatch(self) -> Option<ExecutionProviderDispatch> {
        match self {
            #[cfg(feature = "xnnpack")]
            Self::Xnnpack => {
                // Its threads are its own; one, as with the library's kernels.
                let one = std::num::NonZeroUsize::MIN;
                Some(ort::ep::XNNPACK::default().with_intra_op_num_threads(one).build())
            }
            #[cfg(feature = "nnapi")]
            Self::Nnapi => Some(ort::ep::NNAPI::default().build()),
            #[cfg(feature = "coreml")]
            Self::CoreMl => Some(ort::ep::CoreML::default().build()),
            #[cfg(feature = "qnn")]
            Self::Qnn => Some(ort::ep::QNN::default().build()),
            #[cfg(feature = "directml")]
            Self::DirectMl => Some(ort::ep::DirectML::default().build()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(ort::ep::CUDA::default().build()),
            _ => None,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = String;

    /// Reads a name.
    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|provider| provider.name() == name).ok_or_else(|| {
            format!(
                "there is no provider `{name}`; there are: {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}

/// What runs one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelProvider {
    /// The model's file.
    pub model: String,
    /// What was asked for.
    pub asked: Provider,
    /// What runs it.
    pub runs: Provider,
    /// Why that is another one.
    pub because: Option<String>,
}

impl ModelProvider {
    /// Why a model runs on the processor by the way it is made, whatever was asked for.
    pub const OWN_OPERATORS: &'static str =
        "it is written in the engine's own operators, which run on the processor";

    /// Whether the library or the provider refused the model: the processor is only the way out.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        self.runs != self.asked && self.because.as_deref() != Some(Self::OWN_OPERATORS)
    }
}

impl fmt::Display for ModelProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, asked, runs, because } = self;
        write!(f, "{model} runs on {runs}")?;
        match because {
            Some(because) => write!(f, ", not {asked}: {because}"),
            None => Ok(()),
        }
    }
}

/// The provider that a runtime was told to use, and what became of it for each model.
#[derive(Clone, Default)]
pub(crate) struct Choice {
    asked: Provider,
    models: Arc<Mutex<Vec<ModelProvider>>>,
}

impl Choice {
    /// # Errors
    /// When this build has no such provider.
    pub(crate) fn new(asked: Provider) -> Result<Self, VisionError> {
        if !asked.is_built_in() {
            return Err(VisionError::ProviderNotBuiltIn { provider: asked });
        }
        Ok(Self { asked, models: Arc::default() })
    }

    /// What runs each model that was loaded, in the order in which they were.
    pub(crate) fn models(&self) -> Vec<ModelProvider> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the session of `model` with the chosen provider or, where that fails, without it.
    pub(crate) fn commit(
        &self,
        model: &str,
        builder: &SessionBuilder,
        bytes: &[u8],
    ) -> ort::Result<Session> {
        let on_processor = || builder.clone().commit_from_memory(bytes);
        let (session, runs, because) = match self.asked.dispatch() {
            None => (on_processor()?, Provider::Cpu, None),
            Some(_) if has_own_operators(bytes) => {
                (on_processor()?, Provider::Cpu, Some(ModelProvider::OWN_OPERATORS.to_owned()))
            }
            Some(dispatch) => match with_provider(builder.clone(), self.asked, &dispatch, bytes) {
                Ok(session) => (session, self.asked, None),
                Err(error) => (on_processor()?, Provider::Cpu, Some(first_line(&error))),
            },
        };
        let model = model.to_owned();
        let now = ModelProvider { model, asked: self.asked, runs, because };
        self.models.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        Ok(session)
    }
}

fn has_own_operators(model: &[u8]) -> bool {
    model.windows(OWN_OPERATOR.len()).any(|part| part == OWN_OPERATOR)
}

fn with_provider(
    builder: SessionBuilder,
    provider: Provider,
    dispatch: &ExecutionProviderDispatch,
    bytes: &[u8],
) -> ort::Result<Session> {
    // DirectML works with no other setting.
    let mut builder = builder.with_memory_pattern(provider != Provider::DirectMl)?;
    dispatch.register(&mut builder)?;
    builder.commit_from_memory(bytes)
}

/// What the library says goes on over many lines.
fn first_line(error: &ort::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_others_are_refused() {
        for provider in Provider::ALL {
            assert_eq!(provider.name().parse(), Ok(provider));
            let text = serde_json::to_string(&provider).unwrap();
            assert_eq!(text, format!("\"{provider}\""));
        }
        let refused = "gpu".parse::<Provider>().unwrap_err();
        assert!(refused.contains("`gpu`") && refused.contains("xnnpack"), "{refused}");
        assert_eq!(Provider::default(), Provider::Cpu);
    }

    #[test]
    fn what_is_not_built_in_is_refused_with_its_feature() {
        for provider in Provider::ALL {
            let chosen = Choice::new(provider).map(|choice| choice.asked);
            match chosen {
                Ok(asked) => assert_eq!((asked, provider.is_built_in()), (provider, true)),
                Err(error) => {
                    assert!(!provider.is_built_in());
                    let said = format!("with the feature `{provider}`");
                    assert!(error.to_string().contains(&said), "{error}");
                }
            }
            assert_eq!(
                provider.is_built_in(),
                provider == Provider::Cpu || provider.dispatch().is_some()
            );
        }
    }
}
