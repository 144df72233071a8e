//! The worker: takes the zips from the inbox one after the other, has their pictures looked at and
//! ends their jobs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use liveface_bundle::{UploadZip, ZipLimits, now, read_upload_zip};

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
    let limits = ZipLimits { zip_bytes: shared.limits.zip_bytes, ..ZipLimits::default() };
    let upload = read_upload_zip(&zip, &limits).ok();
    let selfie = upload.as_ref().and_then(|upload| upload.images.iter().find(|i| i.is_selfie()));
    let decision = match &upload {
        None => Decision::rejected(job.kind, Outcome::ZIP_CORRUPT),
        Some(upload) => match look(shared, analyser, &job, upload)? {
            Ok(decision) => decision,
            Err(Stopped) => return Ok(true),
        },
    };
    let selfie = selfie.filter(|_| decision.outcome != Outcome::SELFIE_UNUSABLE);
    jobs::finish(&shared.store, job, decision, selfie.map(|i| i.bytes.as_slice()), now())?;
    shared.outbox.ring();
    Ok(true)
}

/// The sandbox is to stop; the job is not decided.
struct Stopped;

fn look(
    shared: &Shared,
    analyser: &mut dyn FaceAnalyser,
    job: &Job,
    upload: &UploadZip,
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
    let selfie = upload.images.iter().find(|image| image.is_selfie());
    let selfie = match selfie.map_or(Err(Unseen::NoPicture), |image| see(&image.bytes)) {
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
    let enrolled = match shared.store.template(&job.user_id) {
        // It will never be readable: this job ends, those behind it go on.
        Err(error @ StoreError::Record { .. }) => {
            shared.note_fault(&error);
            return rejected(Outcome::SYSTEM_ERROR);
        }
        enrolled => enrolled?,
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
