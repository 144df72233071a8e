//! `liveface sandbox`: the local development server, until it is interrupted.

use std::net::{Ipv4Addr, SocketAddr};

use liveface_sandbox::{EngineAnalyser, Sandbox, SandboxConfig, SandboxError, list_jobs};
use serde_json::json;

use crate::args::{Common, SandboxOptions};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};

pub(crate) fn run(common: &Common, options: &SandboxOptions) -> Result<Exit, Failure> {
    let mut config = SandboxConfig::new(&options.data);
    if options.list_jobs {
        return show_jobs(common, &config);
    }
    config.address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    config.tls = options.tls;
    config.faults.clone_from(&options.fault);
    config.policy = super::policy(&options.policy)?;
    let analyser = EngineAnalyser::new(super::engine(common)?, &config.policy);
    let sandbox = Sandbox::start(config, Box::new(analyser)).map_err(|error| failed(&error))?;
    let (url, partner, key) = (sandbox.base_url(), sandbox.partner_id(), sandbox.api_key());
    let certificate = sandbox.certificate_path();
    if common.json {
        let mut ready = json!({
            "url": url, "partner_id": partner, "api_key": key,
            "v3_url": sandbox.v3_url(), "auth_token": sandbox.auth_token(),
        });
        if let Some(path) = &certificate {
            ready["certificate"] = json!(path);
        }
        console::json(&ready)?;
    } else {
        console::line(styled(
            "A development server: do not send it real users' data.",
            Style::Bad,
        ))?;
        console::line(format!("url         {url}"))?;
        console::line(format!("partner id  {partner}"))?;
        console::line(format!("API key     {key}"))?;
        console::line(format!("auth token  {}", sandbox.auth_token()))?;
        if let Some(path) = &certificate {
            console::line(format!("certificate {}", path.display()))?;
        }
        console::line("")?;
        console::line("In another terminal:")?;
        console::line(format!("  export LIVEFACE_PARTNER_ID={partner} LIVEFACE_API_KEY={key}"))?;
        console::line(format!("  liveface register TAG --user-id USER --env {url}"))?;
        console::line("")?;
        console::line("Ctrl-C stops it; users and jobs are kept.")?;
    }
    // The server works on its own threads, and what it keeps survives an end at any moment.
    loop {
        std::thread::park();
    }
}

/// The jobs that a stopped server left.
fn show_jobs(common: &Common, config: &SandboxConfig) -> Result<Exit, Failure> {
    let jobs = list_jobs(&config.data_dir, &config.partner_id).map_err(|error| failed(&error))?;
    if common.json {
        console::json(&json!({ "jobs": jobs }))?;
        return Ok(Exit::Done);
    }
    console::line("announced  received  finished  result  job")?;
    for job in jobs {
        let result = job.result_code.as_deref().unwrap_or("-");
        console::line(format!(
            "{:9}  {:8}  {:8}  {result:6}  {}",
            job.announced, job.received, job.finished, job.job_id
        ))?;
    }
    Ok(Exit::Done)
}

fn failed(error: &SandboxError) -> Failure {
    Failure::new(Exit::Runtime, error.to_string())
}
