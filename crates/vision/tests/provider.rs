//! A provider that the library does not have: the processor runs the models and it is said, and of the
//! mesh, whose operators are our own, that it always does.
//! `cargo test -p liveface-vision --features xnnpack,cuda --test provider`

#![allow(clippy::unwrap_used)]

mod support;

use liveface_core::policy::Tracking;
use liveface_vision::{
    ModelFiles, ModelProvider, ModelSource, Provider, Runtime, Vision, VisionError,
};

#[test]
fn every_model_runs_although_the_library_lacks_the_provider() {
    let models = support::fixtures().join("../models");
    let files = ModelFiles::read(&ModelSource::Folder(models)).unwrap();
    let picture = support::picture("clips-f1/idle/000.jpg");
    let frame = support::frame(&picture);
    let seen = |vision: &mut Vision| vision.faces(&frame, &Tracking::default()).unwrap();
    let expected = seen(&mut support::vision());
    for provider in Provider::ALL {
        let runtime = Runtime::load(None).unwrap().with_provider(provider);
        if !provider.is_built_in() {
            let refused = runtime.map(drop).unwrap_err();
            assert!(matches!(refused, VisionError::ProviderNotBuiltIn { .. }), "{refused}");
            continue;
        }
        let runtime = runtime.unwrap();
        let mut vision = Vision::load(&runtime, &files).unwrap();
        let told = runtime.providers();
        assert_eq!(told.len(), 4);
        for model in &told {
            // The library of the set-up is built for the processor alone.
            assert_eq!((model.asked, model.runs), (provider, Provider::Cpu));
            assert_eq!(model.because.is_some(), provider != Provider::Cpu, "{model}");
            assert!(model.to_string().starts_with(&model.model), "{model}");
            let own = model.model.starts_with("facemesh");
            let says_own = model.because.as_deref() == Some(ModelProvider::OWN_OPERATORS);
            assert_eq!(says_own, own && provider != Provider::Cpu, "{model}");
            assert_eq!(model.was_refused(), !own && provider != Provider::Cpu, "{model}");
        }
        assert!(seen(&mut vision) == expected, "{provider}");
    }
}
