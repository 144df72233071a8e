//! Error names: which failures have which, over the sandbox where that can be.

use liveface::{BundleError, EngineError, FrameError, Tag, Verdict, VisionError};
use liveface_legacy::{LegacyError, PluginCode, SidError, SidEvent};
use liveface_submit::{
    ApiKeySigner, Client, ClientConfig, Control, Environment, JobType, Request, Response,
    RetryPolicy, Signed, Signer, SignerError, SigningJob, SubmitError, Transport, TransportError,
    Verification,
};
use serde_json::json;

use crate::support::{Fault, Place, Seen, Server, job, nobody, tag};

/// How a register job for `first` fails with `fault` in the place of the sandbox's answer.
fn fails(
    server: &Server,
    fault: impl FnMut(&Seen) -> Option<Fault> + Send + 'static,
) -> LegacyError {
    server.spoil(fault);
    let place = Place::with(&["first"]);
    let legacy = place.legacy(server);
    let mut events = Vec::new();
    let told = legacy.submit_job(&job("first", 4), &mut |event| events.push(event.clone()));
    let error = told.unwrap_err();
    assert_eq!(error.code, PluginCode::SubmitError);
    assert_eq!(events.last(), Some(&SidEvent::Error(error.clone())));
    assert!(!error.message.contains("user-1"), "{error}");
    // Whatever happened, the images are still there.
    assert!(place.store.load(&tag("first")).is_ok());
    error
}

fn busy() -> Fault {
    Fault::Answer(503, "text/plain", String::new())
}

fn html() -> Fault {
    Fault::Answer(200, "text/html", "<html>Log in</html>".to_owned())
}

#[test]
fn trouble_on_the_way_has_the_name_of_its_step() {
    let _ = covers![
        "event.onError",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_TRANSMIT_TO_LAMBDA",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_UPLOAD_ZIP",
        "error.UNABLE_TO_SUBMIT_UPLOAD_LINK_NOT_RECEIVED",
        "error.FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT",
        "error.NETWORK_DATA_NOT_VALID",
        "error.SERVER_ERROR_TIMEOUT",
        "tag.deletedAfterUpload",
    ];
    let server = Server::start();
    let at = |step: &'static str, fault: fn() -> Fault| {
        move |seen: &Seen| (seen.step() == step).then(fault)
    };
    let denied = || Fault::Answer(403, "application/xml", "<Error/>".to_owned());
    let unsigned = || {
        let body = json!({ "job_complete": true, "job_success": true, "result": {} });
        Fault::Answer(200, "application/json", body.to_string())
    };
    for (error, name) in [
        (fails(&server, at("upload", busy)), SidError::UnableToSubmitCouldNotTransmitToLambda),
        (fails(&server, at("upload", html)), SidError::UnableToSubmitUploadLinkNotReceived),
        (fails(&server, at("zip", denied)), SidError::UnableToSubmitCouldNotUploadZip),
        (fails(&server, at("zip", busy)), SidError::UnableToSubmitCouldNotUploadZip),
        (fails(&server, at("job_status", unsigned)), SidError::NetworkDataNotValid),
    ] {
        assert_eq!(error.name, name, "{error}");
    }
    // No answer in time.
    server.spoil(at("upload", || Fault::Silence));
    let place = Place::with(&["first"]);
    let hasty = place.builder().sandbox(server.hasty_client()).build();
    let error = hasty.submit_job(&job("first", 4), &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::ServerErrorTimeout, "{error}");
    // The result cannot be asked for, and the time is used up.
    server.spoil(at("job_status", busy));
    let place = Place::with(&["first"]);
    let legacy = place.legacy(&server);
    let mut register = job("first", 4);
    // The job above, whose images arrived, may have registered its user by now.
    register.partner_params.insert("user_id".to_owned(), json!("user-2"));
    register.job_status_polling_timeout_millis = 100;
    let error = legacy.submit_job(&register, &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::FailedJobStatusCancelledOrTimeout, "{error}");
}

#[test]
fn without_a_network_the_person_is_told_to_connect() {
    let _ = covers!["error.NO_NETWORK_CONNECTION"];
    let place = Place::with(&["first"]);
    let legacy = place.builder().sandbox(nobody()).build();
    let error = legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::NoNetworkConnection, "{error}");
    assert!(error.message.starts_with("Please make sure you are connected"), "{error}");
}

/// A transport that finds a server that it does not trust.
struct Untrusting;

impl Transport for Untrusting {
    fn send(&self, _: &Request, _: &Control) -> Result<Response, TransportError> {
        Err(TransportError::Untrusted("the certificate is not the pinned one".to_owned()))
    }
}

/// A signer that signs nothing.
struct Refusing;

impl Signer for Refusing {
    fn partner_id(&self) -> &str {
        "2345"
    }

    fn sign(&self, _: &SigningJob) -> Result<Signed, SignerError> {
        Err(SignerError::Refused("the partner's backend refused".to_owned()))
    }

    fn verify(&self, _: &Signed) -> Result<Verification, SignerError> {
        Ok(Verification::NotPossible)
    }
}

#[test]
fn a_server_that_is_not_trusted_and_a_signer_that_refuses_are_no_missing_network() {
    let _ = covers![
        "error.UNABLE_TO_SUBMIT_COULD_NOT_TRANSMIT_TO_LAMBDA",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_AUTH",
    ];
    let place = Place::with(&["first"]);
    let url = Environment::Url("https://localhost/v1".to_owned());
    let config = ClientConfig { retry: RetryPolicy::none(), ..ClientConfig::new(url) };
    let signer = ApiKeySigner::new("2345", "k").unwrap();
    let transport = std::sync::Arc::new(Untrusting);
    let untrusting = Client::with_transport(config.clone(), signer, transport.clone()).unwrap();
    let refusing = Client::with_transport(config, Refusing, transport).unwrap();
    for (client, name, word) in [
        (untrusting, SidError::UnableToSubmitCouldNotTransmitToLambda, "no trusted connection"),
        (refusing, SidError::UnableToSubmitCouldNotAuth, "could not be signed"),
    ] {
        let legacy = place.builder().sandbox(client).build();
        let error = legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap_err();
        assert_eq!(error.name, name, "{error}");
        assert!(error.message.contains(word), "{error}");
    }
}

#[test]
fn captures_that_cannot_be_sent_have_names() {
    let _ = covers![
        "error.UNABLE_TO_VERIFY",
        "error.NO_IMAGE_FOUND",
        "error.UNABLE_TO_SUBMIT_PACKAGING_ERROR",
        "tag.reuse",
    ];
    let place = Place::with(&["first", "again"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let name = |tag: &str| legacy.submit_job(&job(tag, 4), &mut |_| {}).unwrap_err().name;
    let mut attack = place.store.load(&tag("first")).unwrap();
    attack.record.verdict = Verdict::Attack;
    place.store.save(&tag("attack"), &attack).unwrap();
    assert_eq!(name("attack"), SidError::UnableToVerify);
    assert!(server.seen().is_empty());
    // Captured again while its images are on their way.
    let (store, new) = (place.store.clone(), place.store.load(&tag("again")).unwrap());
    let again = new.clone();
    server.spoil(move |seen| {
        if seen.step() == "zip" {
            store.replace(&tag("first"), &again).unwrap();
        }
        None
    });
    assert_eq!(name("first"), SidError::UnableToSubmitPackagingError);
    assert_eq!(place.store.load(&tag("first")).unwrap(), new);
    assert!(place.store.job(&tag("first")).unwrap().is_none(), "it has no job yet");
    // One byte of each image is another.
    let before = server.seen().len();
    let images = files(place.store.path()).into_iter().filter(|path| path.ends_with("image-0"));
    for path in images {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(name("first"), SidError::NoImageFound);
    assert_eq!(server.seen().len(), before);
}

/// Every file in `folder` and the folders in it.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn an_authentication_whose_result_cannot_be_asked_for_has_its_own_name() {
    let _ = covers!["error.FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT_AUTH"];
    let place = Place::with(&["first", "again"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    assert!(legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap().is_success());
    server.spoil(|seen| (seen.step() == "job_status").then(busy));
    let mut authenticate = job("again", 2);
    authenticate.job_status_polling_timeout_millis = 100;
    let error = legacy.submit_job(&authenticate, &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::FailedJobStatusCancelledOrTimeoutAuth, "{error}");
    server.heal();
    authenticate.job_status_polling_timeout_millis = 0;
    assert!(legacy.submit_job(&authenticate, &mut |_| {}).unwrap().is_success());
}

#[test]
fn what_the_sandbox_refuses_has_its_legacy_name() {
    let _ = covers![
        "error.NOT_AUTHORIZED",
        "error.ENROLL_FAILED",
        "error.NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST"
    ];
    let place = Place::with(&["first", "again", "stranger"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let name = |job: &_| legacy.submit_job(job, &mut |_| {}).map_err(|error| error.name);
    let nobody = name(&job("again", 2)).unwrap_err();
    assert_eq!(nobody, SidError::NoUserIdFoundPleaseEnrollFirst);
    assert!(name(&job("first", 4)).unwrap().is_success());
    assert_eq!(name(&job("again", 4)).unwrap_err(), SidError::EnrollFailed);
    let mut allowed = job("again", 4);
    allowed.id_info.insert("allow_re_enroll".to_owned(), json!("true"));
    assert!(name(&allowed).unwrap().is_success(), "until it is allowed");
    let (partner, _) = server.partner();
    let wrong = place.builder().sandbox(server.client_with(partner, "another-key")).build();
    let error = wrong.submit_job(&job("stranger", 2), &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::NotAuthorized, "{error}");
}

#[test]
fn every_code_of_a_refusal_has_a_name() {
    let _ = covers![
        "error.NOT_AUTHORIZED",
        "error.ENROLL_FAILED",
        "error.PREVIOUS_ENROLL_FAILED",
        "error.ENROLL_NOT_FOUND",
        "error.UNABLE_TO_ENROLL_OR_AUTH",
        "error.NETWORK_DATA_NOT_VALID",
        "error.UNABLE_TO_SUBMIT_TRY_AGAIN",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_UPLOAD_ZIP",
        "error.UNABLE_TO_SUBMIT",
    ];
    let server = Server::start();
    for (codes, name) in [
        (&["2220"][..], SidError::NotAuthorized),
        (&["2207", "2208"], SidError::EnrollFailed),
        (&["2211"], SidError::PreviousEnrollFailed),
        (&["2216"], SidError::EnrollNotFound),
        (&["2212"], SidError::UnableToEnrollOrAuth),
        (&["2203", "2204", "2213"], SidError::NetworkDataNotValid),
        (&["2201"], SidError::UnableToSubmitTryAgain),
        (&["2314"], SidError::UnableToSubmitCouldNotUploadZip),
        (&["2214", "9999"], SidError::UnableToSubmit),
    ] {
        for code in codes {
            let error =
                fails(&server, |seen| (seen.step() == "upload").then(|| Fault::refusal(code)));
            assert_eq!(error.name, name, "{code}: {error}");
        }
    }
}

#[test]
fn errors_that_no_sandbox_brings_about_have_names_too() {
    let _ = covers![
        "error.UNABLE_TO_VERIFY",
        "error.NO_IMAGE_FOUND",
        "error.UNABLE_TO_SUBMIT",
        "error.UNABLE_TO_SUBMIT_PACKAGING_ERROR",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_CREATE_ZIP",
        "error.UNABLE_TO_SUBMIT_COULD_NOT_AUTH",
        "error.REQUEST_FAILED_TRY_AGAIN",
        "error.FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT",
        "error.FAILED_JOB_STATUS_CANCELLED_OR_TIMEOUT_AUTH",
        "error.UNABLE_TO_CAPTURE_SELFIE_FRAME_IMAGE",
        "error.DATA_PACKAGING_FAILED",
        "error.ERROR_UNKNOWN",
    ];
    let tag = || Tag::new("first").unwrap();
    let status = || SubmitError::Unavailable { doing: "ask for the job's status", status: 500 };
    let untrusted = |doing| SubmitError::Untrusted { doing, what: "a pin".to_owned() };
    let store = |error: BundleError| SubmitError::Store(error);
    let damaged = BundleError::Damaged { path: "x".into(), what: "it is cut".to_owned() };
    let full = std::io::ErrorKind::StorageFull.into();
    let io = BundleError::Io { action: "write", path: "x".into(), source: full };
    let verdict = Verdict::Attack;
    let config = SubmitError::Config { file: "f".to_owned(), what: "w".to_owned() };
    use JobType::{Authenticate, Register};
    for (error, job_type, name) in [
        (SubmitError::NotLive { tag: tag(), verdict }, Register, SidError::UnableToVerify),
        (SubmitError::NoSelfie { tag: tag() }, Register, SidError::NoImageFound),
        (store(damaged), Register, SidError::NoImageFound),
        (SubmitError::OtherJob { tag: tag() }, Register, SidError::UnableToSubmit),
        (SubmitError::OtherCapture, Register, SidError::UnableToSubmit),
        (
            store(BundleError::Replaced { tag: tag() }),
            Register,
            SidError::UnableToSubmitPackagingError,
        ),
        (store(BundleError::InfoMismatch), Register, SidError::UnableToSubmitCouldNotCreateZip),
        (config, Register, SidError::UnableToSubmitCouldNotAuth),
        (store(BundleError::Busy { tag: tag() }), Register, SidError::RequestFailedTryAgain),
        (store(io), Register, SidError::DataPackagingFailed),
        (untrusted("send the zip"), Register, SidError::UnableToSubmitCouldNotUploadZip),
        (
            untrusted("ask for the job's status"),
            Register,
            SidError::FailedJobStatusCancelledOrTimeout,
        ),
        (status(), Register, SidError::FailedJobStatusCancelledOrTimeout),
        (status(), Authenticate, SidError::FailedJobStatusCancelledOrTimeoutAuth),
    ] {
        let named = LegacyError::of_submit(&error, job_type);
        assert_eq!((named.code, named.name), (PluginCode::SubmitError, name), "{named}");
        assert_eq!(named.message, error.to_string(), "it says what to do");
    }
    let frame = liveface::Frame::rgb(0, 0, &[], liveface::Timestamp::ZERO);
    let frame: FrameError = frame.err().unwrap();
    let models = VisionError::NoEmbeddedModels;
    for (error, name) in [
        (EngineError::Frame(frame), SidError::UnableToCaptureSelfieFrameImage),
        (EngineError::Vision(models), SidError::ErrorUnknown),
    ] {
        let named = LegacyError::of_engine(&error);
        assert_eq!((named.code, named.name), (PluginCode::CaptureError, name));
        assert_eq!(named.message, error.to_string());
    }
}

#[test]
fn a_capture_that_is_being_submitted_elsewhere_is_waited_for() {
    let _ = covers!["error.REQUEST_FAILED_TRY_AGAIN"];
    let place = Place::with(&["first"]);
    let server = Server::start();
    let _elsewhere = place.store.submission(&tag("first")).unwrap();
    let error = place.legacy(&server).submit_job(&job("first", 4), &mut |_| {}).unwrap_err();
    assert_eq!(error.name, SidError::RequestFailedTryAgain, "{error}");
}

#[test]
fn names_that_are_never_given_are_no_errors_of_ours() {
    let rows = covers![
        "error.NO_FRONT_FACING_CAMERA_AVAILABLE",
        "error.NO_BACK_FACING_CAMERA_AVAILABLE",
        "error.ID_CARD_CAPTURE_FAILED_PICTURE_CALLBACK",
        "error.ID_CARD_CAPTURE_FAILED_AUTOFOCUS",
        "error.ID_CARD_CAPTURE_FAILED_TOUCHFOCUS",
        "error.ID_CARD_CAPTURE_FAILED_DRAWVIEW",
        "error.ID_CARD_CAPTURE_FAILED_CAMERA_INITIALIZATION_FAILED",
        "error.UNABLE_TO_CAPTURE_FRONT_OF_ID",
        "error.UNABLE_TO_CAPTURE_BACK_OF_ID",
        "error.ID_CAPTURE_CLOSED",
        "error.UNABLE_TO_CAPTURE_ID_CARD_IMAGE",
        "error.UNABLE_TO_CAPTURE_ID_CARD_FACE_IMAGE",
        "error.UNABLE_TO_SUBMIT_PREUPLOAD_UNABLE_TO_PARSE_RESPONSE",
        "error.AUTH_SMILE_REQUEST_FAILED",
        "error.AUTH_SMILE_REQUEST_FAILED_UNABLE_TO_PARSE_RESPONSE",
        "error.DATA_PACKAGING_FAILED_AUTH_BEFORE_ENROLL",
        "error.UNABLE_TO_BATCH_NEEDS_TO_BE_ENROLL_MODE",
        "error.UNABLE_TO_PARSE_ERROR_RESPONSE",
        "error.ID_VALIDATION_REQUEST_FAILED",
    ];
    let never: Vec<_> = SidError::ALL.iter().filter(|error| !error.is_given()).collect();
    let names: Vec<_> = never.iter().map(|error| format!("error.{error}")).collect();
    assert_eq!(names, rows, "in the order of the vendor's list");
    // The code names none of them but where it lists them.
    for source in [
        include_str!("../../src/capture.rs"),
        include_str!("../../src/geo.rs"),
        include_str!("../../src/job.rs"),
        include_str!("../../src/legacy.rs"),
        include_str!("../../src/submission.rs"),
        include_str!("../../src/submit_errors.rs"),
        include_str!("../../src/error.rs"),
    ] {
        let whole = |rest: &str| rest.starts_with(|c: char| !c.is_alphanumeric());
        for error in &never {
            let used = source.split(&format!("SidError::{error:?}")).skip(1).any(whole);
            assert!(!used, "{error:?} is used, so it is given");
        }
    }
}
