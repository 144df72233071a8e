//! The worker: takes the zips from the inbox one after the other, has their pictures looked at and
//! ends their jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use liveface_bundle::{UploadZip, ZipLimits, now, read_upload_zip};
use liveface_core::Embedding;

use crate::Shared;
use crate::codes::Outcome;
use crate::error::StoreError;
use crate::faces::{FaceAnalyser, SeenFace};
use crate::jobs;
use crate::judge::{Decision, Seen, judge};
use crate::picture::decode;
use crate::store::Job;

/// The wait before the database is tried again after it failed.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// Works until the inbox's bell says stop. A job that is interrupted by it stays in the inbox.
pub(crate) fn run(shared: &Shared, analyser: &mut dyn FaceAnalyser) {
    while !shared.inbox.stopping() {
        match next(shared, analyser) {
            Ok(true) => {}
            Ok(false) => shared.inbox.wait(None),
            Err(error) => {
                shared.note_fault(&error);
                shared.inbox.wait(Some(AFTER_FAULT));
            }
        }
    }
}

/// Ends one job; whether there was one.
fn next(shared: &Shared, analyser: &mut dyn FaceAnalyser) -> Result<bool, StoreError> {
    let Some((job, zip)) = shared.store.next_zip(|error| shared.note_fault(error))? else {
        return Ok(false);
    };
    if job.v3.is_some() && job.use_enrolled_image {
        let decision = template(shared, &job)?
            .map_or_else(|ended| ended, |enrolled| Decision::by_enrolled_image(enrolled.as_ref()));
        return finish(shared, job, decision, None);
    }
    let limits = ZipLimits { zip_bytes: zip.len(), ..ZipLimits::default() };
    let upload = read_upload_zip(&zip, &limits).ok();
    // What arrived was small enough; the limit of another start does not matter any more.
    let on_file = match job.use_enrolled_image {
        true => shared.store.enrolled_selfie(&job.user_id)?,
        false => None,
    };
    let selfie = match (job.use_enrolled_image, &upload) {
        (true, _) => on_file.as_deref(),
        (false, Some(upload)) => {
            upload.images.iter().find(|i| i.is_selfie()).map(|i| i.bytes.as_slice())
        }
        (false, None) => None,
    };
    let decision = match &upload {
        None => Decision::rejected(job.kind, Outcome::ZIP_CORRUPT),
        Some(upload) => match look(shared, analyser, &job, upload, selfie)? {
            Ok(decision) => decision,
            Err(Stopped) => return Ok(true),
        },
    };
    let selfie = selfie.filter(|_| decision.outcome != Outcome::SELFIE_UNUSABLE);
    finish(shared, job, decision, selfie)
}

/// Ends the job as decided, unless the client wants it to end otherwise.
fn finish(
    shared: &Shared,
    job: Job,
    decision: Decision,
    selfie: Option<&[u8]>,
) -> Result<bool, StoreError> {
    let decision = match job.v3.as_ref().and_then(|v3| v3.forced) {
        Some(code) => decision.forced(code),
        None => decision,
    };
    jobs::finish(&shared.store, job, decision, selfie, now())?;
    shared.outbox.ring();
    Ok(true)
}

/// The user's template, or the end of the job: one that cannot be read now never will be, and those
/// behind it are to go on.
fn template(shared: &Shared, job: &Job) -> Result<Result<Option<Embedding>, Decision>, StoreError> {
    match shared.store.template(&job.user_id) {
        Err(error @ StoreError::Record { .. }) => {
            shared.note_fault(&error);
            Ok(Err(Decision::rejected(job.kind, Outcome::SYSTEM_ERROR)))
        }
        template => template.map(Ok),
    }
}

/// The sandbox is to stop; the job is not decided.
struct Stopped;

fn look(
    shared: &Shared,
    analyser: &mut dyn FaceAnalyser,
    job: &Job,
    upload: &UploadZip,
    selfie: Option<&[u8]>,
) -> Result<Result<Decision, Stopped>, StoreError> {
    let rejected = |outcome| Ok(Ok(Decision::rejected(job.kind, outcome)));
    if !is_for(job, upload) {
        return rejected(Outcome::DATA_INVALID);
    }
    let mut see = |file: &[u8]| {
        if shared.inbox.stopping() {
            return Err(Unseen::Stopped);
        }
        faces(shared, analyser, file)
    };
    let selfie = match selfie.map_or(Err(Unseen::NoPicture), &mut see) {
        Ok(faces) => faces,
        Err(Unseen::NoPicture) => return rejected(Outcome::SELFIE_UNUSABLE),
        Err(Unseen::Failed) => return rejected(Outcome::SYSTEM_ERROR),
        Err(Unseen::Stopped) => return Ok(Err(Stopped)),
    };
    let mut liveness = Vec::new();
    for image in upload.images.iter().filter(|image| image.is_liveness()) {
        match see(&image.bytes) {
            Ok(faces) => liveness.push(faces),
            Err(Unseen::NoPicture) => {}
            Err(Unseen::Failed) => return rejected(Outcome::SYSTEM_ERROR),
            Err(Unseen::Stopped) => return Ok(Err(Stopped)),
        }
    }
    let enrolled = match template(shared, job)? {
        Ok(enrolled) => enrolled,
        Err(ended) => return Ok(Ok(ended)),
    };
    let seen = Seen { selfie: &selfie, liveness: &liveness };
    Ok(Ok(judge(&shared.policy, job.kind, enrolled.as_ref(), &seen)))
}

/// Whether the zip is this job's. Not every client says in `info.json` whose it is.
fn is_for(job: &Job, upload: &UploadZip) -> bool {
    let params = &upload.info["misc_information"]["partner_params"];
    let agrees = |name: &str, own: &str| params[name].as_str().is_none_or(|said| said == own);
    agrees("job_id", &job.job_id) && agrees("user_id", &job.user_id)
}

/// Why a picture has no faces to judge.
enum Unseen {
    NoPicture,
    Failed,
    Stopped,
}

fn faces(
    shared: &Shared,
    analyser: &mut dyn FaceAnalyser,
    file: &[u8],
) -> Result<Vec<SeenFace>, Unseen> {
    let picture = decode(file, shared.limits.picture_side).ok_or(Unseen::NoPicture)?;
    let frame = picture.frame().map_err(|_| Unseen::NoPicture)?;
    // A panic must end the job, not the worker: with the job still in the inbox, every start of the
    // sandbox would panic again.
    catch_unwind(AssertUnwindSafe(|| analyser.faces(&frame)))
        .unwrap_or_else(|_| Err("the analyser panicked".to_owned()))
        .map_err(|reason| {
            shared.note_fault(&reason);
            Unseen::Failed
        })
}
