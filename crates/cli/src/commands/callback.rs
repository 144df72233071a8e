//! `liveface callback verify`: what a server sent to a callback address.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use liveface_submit::{Callback, SubmitError};
use serde::Serialize;

use super::job;
use crate::args::{CallbackAction, CallbackOptions, Common};
use crate::console::{self, styled};
use crate::failure::{Exit, Failure};

/// Longest body that is read, in bytes. Real ones have a few thousand.
const MAX_BODY: u64 = 1 << 20;

#[derive(Serialize)]
struct CallbackLine<'a> {
    valid: bool,
    decision: &'static str,
    timestamp: &'a str,
    user_id: Option<String>,
    job_id: Option<String>,
    job_type: Option<u8>,
    smile_job_id: Option<String>,
    result_code: Option<String>,
    result_text: Option<String>,
    confidence: Option<f64>,
    actions: BTreeMap<String, String>,
}

pub(crate) fn run(common: &Common, options: &CallbackOptions) -> Result<Exit, Failure> {
    let CallbackAction::Verify { file, credentials } = &options.action;
    let body = read(file)
        .map_err(|error| Failure::input(format!("{} cannot be read", file.display()), error))?;
    let signer = job::signer(credentials)?;
    let callback = Callback::parse_and_verify(&body, &*signer).map_err(|error| match error {
        SubmitError::Unsigned => {
            let what = "the callback is not signed with this partner's key: do not believe it";
            Failure::new(Exit::NotAccepted, what)
        }
        error => error.into(),
    })?;
    let result = callback.result();
    let (decision, style, _) = job::told(callback.decision());
    let actions = result.actions().into_iter().map(|(name, value)| (name, value.to_string()));
    if common.json {
        console::json(&CallbackLine {
            valid: true,
            decision,
            timestamp: callback.timestamp(),
            user_id: callback.user_id(),
            job_id: callback.job_id(),
            job_type: result.job_type(),
            smile_job_id: result.smile_job_id(),
            result_code: result.result_code(),
            result_text: result.result_text(),
            confidence: result.confidence(),
            actions: actions.collect(),
        })?;
        return Ok(Exit::Done);
    }
    console::line(format!("valid: {}", styled(decision, style)))?;
    if let (Some(code), Some(text)) = (result.result_code(), result.result_text()) {
        console::line(format!("  {}: {}", console::plain(&code), console::plain(&text)))?;
    }
    for (name, value) in actions {
        let (name, value) = (console::plain(&name), console::plain(&value));
        console::line(format!("  {:<40} {value}", name.replace('_', " ")))?;
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn std::io::Read> = if file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    let mut body = Vec::new();
    source.take(MAX_BODY + 1).read_to_end(&mut body)?;
    if body.len() as u64 > MAX_BODY {
        return Err(std::io::Error::other(format!("it has more than {MAX_BODY} bytes")));
    }
    Ok(body)
}
