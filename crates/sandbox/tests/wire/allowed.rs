//! The differences between the official clients' requests and ours that are allowed, and why.

use crate::official::Official::{self, SmileIdCore, SmileIdentityCore, Usesmileid};
use crate::wire::compare::ABSENT;

use When::{
    Authenticate, Extras, IdInfo, LivenessFiles, LivenessInline, NoExtras, Register, SelfieFile,
    SelfieInline,
};

/// What a job is like, as far as differences depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    Register,
    Authenticate,
    SelfieFile,
    SelfieInline,
    LivenessFiles,
    LivenessInline,
    IdInfo,
    /// Re-enrolling and a place.
    Extras,
    NoExtras,
}

impl When {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Register => "a registration",
            Self::Authenticate => "an authentication",
            Self::SelfieFile => "the selfie given as a file",
            Self::SelfieInline => "the selfie given in base64",
            Self::LivenessFiles => "the liveness images given as files",
            Self::LivenessInline => "the liveness images given in base64",
            Self::IdInfo => "a job with `id_info`",
            Self::Extras => "a job with a place that may enrol anew",
            Self::NoExtras => "a job without a place",
        }
    }
}

/// A difference that is allowed.
pub(crate) struct Allowed {
    /// The clients with which it happens.
    pub(crate) clients: &'static [Official],
    /// The jobs with which it happens: all of this is true of them.
    pub(crate) when: &'static [When],
    pub(crate) place: &'static str,
    pub(crate) official: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) why: &'static str,
}

const fn row(
    clients: &'static [Official],
    when: &'static [When],
    place: &'static str,
    official: &'static str,
    ours: &'static str,
    why: &'static str,
) -> Allowed {
    Allowed { clients, when, place, official, ours, why }
}

const BOTH: &[Official] = &[SmileIdCore, SmileIdentityCore];
const PY: &[Official] = &[SmileIdCore];
const JS: &[Official] = &[SmileIdentityCore];
const V3: &[Official] = &[Usesmileid];
const BOTH_PYTHON: &[Official] = &[SmileIdCore, Usesmileid];
const ALL: &[Official] = &Official::ALL;

const ALWAYS: &[When] = &[];

const ANY_TYPE: &str = "Ours leaves it at any type, JSON among them.";
const NOT_COMPRESSED: &str =
    "Answers are a few thousand bytes: our client does not ask for compression.";
const ORDER: &str =
    "The order of a JSON object's fields means nothing; the two official clients differ in it.";
const AS_FILES: &str =
    "Ours always sends images as files in the zip: in base64 they are a third larger.";
const NO_LIVENESS_FILES: &str = "This client zips files of types 0 and 1 only; of a liveness image it sends the path on its own machine. Ours sends the file.";
const STORED: &str = "JPEG does not get smaller; the other official client stores as well.";
const ID_INFO: &str = "This client copies `id_info` into the announcement as well, always with `entered`. The other does not.";
const OWN: &str = "Sent only when the job asks for it, as the service's mobile SDKs do; this client has no argument for it.";

/// The names of the entries.
const METADATA: &str =
    "device_os, network_retries, sdk, sdk_version, system_architecture, liveface_record_*";
const METADATA_WITH_PLACE: &str = "device_os, geolocation, network_retries, sdk, sdk_version, system_architecture, liveface_record_*";
const FACTS: &str = "What the engine knows of the capture and, if the job tells it, the place, under the names of the service's mobile SDKs. `ClientConfig::metadata` leaves out what the job does not tell, `ClientConfig::record` the integrity record.";

pub(crate) const ALLOWED: &[Allowed] = &[
    row(PY, ALWAYS, "any request: header `accept`", "application/json", "*/*", ANY_TYPE),
    row(
        JS,
        ALWAYS,
        "any request: header `accept`",
        "application/json, text/plain, */*",
        "*/*",
        ANY_TYPE,
    ),
    row(
        PY,
        ALWAYS,
        "any request: header `accept-language`",
        "en_US",
        ABSENT,
        "No answer is known to depend on it; the other official client sends none.",
    ),
    row(
        BOTH_PYTHON,
        ALWAYS,
        "any request: header `accept-encoding`",
        "gzip, deflate",
        ABSENT,
        NOT_COMPRESSED,
    ),
    row(
        JS,
        ALWAYS,
        "any request: header `accept-encoding`",
        "gzip, compress, deflate, br",
        ABSENT,
        NOT_COMPRESSED,
    ),
    row(
        ALL,
        ALWAYS,
        "any request: header `connection`",
        "keep-alive",
        ABSENT,
        "The default of HTTP/1.1.",
    ),
    row(
        JS,
        ALWAYS,
        "upload: order",
        "callback_url, file_name, model_parameters, partner_params, smile_client_id, use_enrolled_image, signature, timestamp, source_sdk, source_sdk_version",
        "file_name, smile_client_id, partner_params, model_parameters, callback_url, use_enrolled_image, source_sdk, source_sdk_version, timestamp, signature",
        ORDER,
    ),
    row(JS, ALWAYS, "upload: `entered`", "\"false\"", ABSENT, ID_INFO),
    row(JS, &[IdInfo], "upload: `country`", "\"NG\"", ABSENT, ID_INFO),
    row(JS, &[IdInfo], "upload: `first_name`", "\"Amina\"", ABSENT, ID_INFO),
    row(BOTH, &[Extras], "upload: `allow_new_enroll`", ABSENT, "true", OWN),
    row(BOTH, &[NoExtras], "upload: `metadata`", ABSENT, METADATA, FACTS),
    row(BOTH, &[Extras], "upload: `metadata`", ABSENT, METADATA_WITH_PLACE, FACTS),
    row(PY, ALWAYS, "zip: entry `info.json`: compression", "deflated", "stored", STORED),
    row(
        PY,
        &[SelfieFile],
        "zip: entry `si_selfie_*.jpg`: compression",
        "deflated",
        "stored",
        STORED,
    ),
    row(
        PY,
        &[LivenessFiles],
        "zip: entry `si_liveness_*.jpg`: compression",
        "deflated",
        "stored",
        STORED,
    ),
    row(
        PY,
        &[LivenessInline],
        "zip: entry `base64imgString`",
        "present",
        ABSENT,
        "A leftover of that client: for each image in base64 an entry of a few bytes that means nothing.",
    ),
    row(BOTH, &[SelfieInline], "zip: entry `si_selfie_*.jpg`", ABSENT, "present", AS_FILES),
    row(BOTH, &[LivenessInline], "zip: entry `si_liveness_*.jpg`", ABSENT, "present", AS_FILES),
    row(
        JS,
        &[LivenessFiles],
        "zip: entry `si_liveness_*.jpg`",
        ABSENT,
        "present",
        NO_LIVENESS_FILES,
    ),
    row(BOTH, &[SelfieInline], "info.json: `images`: each: `image_type_id`", "2", "0", AS_FILES),
    row(BOTH, &[LivenessInline], "info.json: `images`: each: `image_type_id`", "6", "4", AS_FILES),
    row(
        BOTH,
        &[SelfieInline],
        "info.json: `images`: each: `file_name`",
        "\"\"",
        "\"si_selfie_*.jpg\"",
        AS_FILES,
    ),
    row(
        BOTH,
        &[LivenessInline],
        "info.json: `images`: each: `file_name`",
        "\"\"",
        "\"si_liveness_*.jpg\"",
        AS_FILES,
    ),
    row(
        JS,
        &[LivenessFiles],
        "info.json: `images`: each: `file_name`",
        "\"\"",
        "\"si_liveness_*.jpg\"",
        NO_LIVENESS_FILES,
    ),
    row(
        BOTH,
        &[SelfieInline],
        "info.json: `images`: each: `image`",
        "\"<base64 of si_selfie_*.jpg>\"",
        "\"\"",
        AS_FILES,
    ),
    row(
        BOTH,
        &[LivenessInline],
        "info.json: `images`: each: `image`",
        "\"<base64 of si_liveness_*.jpg>\"",
        "\"\"",
        AS_FILES,
    ),
    row(
        JS,
        &[LivenessFiles],
        "info.json: `images`: each: `image`",
        "\"<path of si_liveness_*.jpg>\"",
        "\"\"",
        NO_LIVENESS_FILES,
    ),
    row(
        JS,
        ALWAYS,
        "info.json: `misc_information`: order",
        "retry, partner_params, timestamp, file_name, smile_client_id, callback_url, userData",
        "timestamp, retry, partner_params, file_name, smile_client_id, callback_url, userData",
        ORDER,
    ),
    row(
        JS,
        ALWAYS,
        "info.json: `misc_information`: `signature`",
        ABSENT,
        "\"<signature>\"",
        "This client means to send it and loses it; the other sends it.",
    ),
    row(
        JS,
        ALWAYS,
        "info.json: `misc_information`: `userData`: `firstName`",
        "\"Bill\"",
        "\"\"",
        "A leftover of that client's making; the other sends an empty text.",
    ),
    row(
        JS,
        ALWAYS,
        "info.json: `id_info`: `entered`",
        "\"false\"",
        ABSENT,
        "This client always adds it; the other sends the fields that it is given.",
    ),
    row(
        JS,
        ALWAYS,
        "info.json: `server_information`",
        "{\"camera_config\": \"null\", \"code\": \"2202\", \"ref_id\": \"125-0000000583-abcdefghijk\", \"smile_job_id\": \"0000000583\", \"upload_url\": \"<server>/zip/1\"}",
        "\"<server>/zip/1\"",
        "This client sends the whole answer to the announcement; the other, as ours, the address from it.",
    ),
    row(
        PY,
        ALWAYS,
        "job status: order",
        "timestamp, signature, partner_id, job_id, user_id, image_links, history",
        "user_id, job_id, partner_id, image_links, history, timestamp, signature",
        ORDER,
    ),
    row(
        JS,
        ALWAYS,
        "job status: order",
        "user_id, job_id, partner_id, history, image_links, signature, timestamp",
        "user_id, job_id, partner_id, image_links, history, timestamp, signature",
        ORDER,
    ),
    row(V3, &[Register, NoExtras], "registration: part `metadata`", ABSENT, METADATA, FACTS),
    row(V3, &[Authenticate, NoExtras], "authentication: part `metadata`", ABSENT, METADATA, FACTS),
];
