//! `info.json`: what an upload zip says about itself, as Smile ID's server libraries write it.
//!
//! Field names and their order are the recorded ones of the official Python client. Fields that
//! are always the same are written all the same: the server's parser has only ever seen them.

use std::collections::BTreeMap;

use liveface_core::ShotKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::Capture;

/// Values of `image_type_id`.
pub mod image_type {
    /// A selfie as a file.
    pub const SELFIE: u8 = 0;
    /// The front of an identity card as a file.
    pub const ID_CARD_FRONT: u8 = 1;
    /// A selfie in base64.
    pub const SELFIE_BASE64: u8 = 2;
    /// The front of an identity card in base64.
    pub const ID_CARD_FRONT_BASE64: u8 = 3;
    /// A liveness image as a file.
    pub const LIVENESS: u8 = 4;
    /// The back of an identity card as a file.
    pub const ID_CARD_BACK: u8 = 5;
    /// A liveness image in base64.
    pub const LIVENESS_BASE64: u8 = 6;
    /// The back of an identity card in base64.
    pub const ID_CARD_BACK_BASE64: u8 = 7;
}

/// What a job is for; the server sends it back with the result.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerParams {
    /// Who is registered or authenticated.
    pub user_id: String,
    /// The job's own id.
    pub job_id: String,
    /// 4 registers, 2 authenticates.
    pub job_type: u8,
    /// Whatever else the partner wants back.
    #[serde(flatten)]
    pub extras: BTreeMap<String, String>,
}

impl std::fmt::Debug for PartnerParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartnerParams").field("job_type", &self.job_type).finish_non_exhaustive()
    }
}

/// What is known of a job when its zip is made.
#[derive(Clone)]
pub struct InfoRequest {
    /// The time that was signed.
    pub timestamp: String,
    /// The signature of that time.
    pub signature: String,
    /// What the job is for.
    pub partner_params: PartnerParams,
    /// The partner's id.
    pub smile_client_id: String,
    /// Where the server sends its result as well; empty for nowhere.
    pub callback_url: String,
    /// Fields of an identity document or person.
    pub id_info: BTreeMap<String, String>,
    /// What the server said about the upload: its address, or its whole answer.
    pub server_information: Value,
}

impl std::fmt::Debug for InfoRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InfoRequest")
            .field("partner_params", &self.partner_params)
            .finish_non_exhaustive()
    }
}

/// The whole of `info.json`.
#[derive(Clone, PartialEq, Serialize)]
pub struct Info {
    /// What wrote it.
    pub package_information: PackageInformation,
    /// The job; absent in a bundle that is not for a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misc_information: Option<MiscInformation>,
    /// Fields of an identity document or person.
    pub id_info: BTreeMap<String, String>,
    /// The images, in the order of the zip.
    pub images: Vec<ImageEntry>,
    /// What the server said about the upload; absent in a bundle that is not for a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_information: Option<Value>,
}

impl Info {
    /// The info of a capture that is not submitted: it names the images and nobody.
    #[must_use]
    pub fn without_job(capture: &Capture) -> Self {
        Self::of_images(entries(capture))
    }

    /// The info of images that are not submitted.
    pub(crate) fn of_images(images: Vec<ImageEntry>) -> Self {
        Self {
            package_information: PackageInformation::default(),
            misc_information: None,
            id_info: BTreeMap::new(),
            images,
            server_information: None,
        }
    }

    /// The info of a capture that is submitted as a job.
    #[must_use]
    pub fn for_job(capture: &Capture, request: &InfoRequest) -> Self {
        Self {
            package_information: PackageInformation::default(),
            misc_information: Some(MiscInformation {
                timestamp: request.timestamp.clone(),
                signature: request.signature.clone(),
                retry: "false".to_owned(),
                partner_params: request.partner_params.clone(),
                file_name: "selfie.zip".to_owned(),
                smile_client_id: request.smile_client_id.clone(),
                callback_url: request.callback_url.clone(),
                user_data: UserData::default(),
            }),
            id_info: request.id_info.clone(),
            images: entries(capture),
            server_information: Some(request.server_information.clone()),
        }
    }
}

impl std::fmt::Debug for Info {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Info").field("images", &self.images).finish_non_exhaustive()
    }
}

/// The images of `capture` as its zip has them.
pub(crate) fn entries(capture: &Capture) -> Vec<ImageEntry> {
    let images = capture.upload_order().into_iter();
    images.map(|image| ImageEntry::new(image.kind, image.file_name())).collect()
}

/// What wrote the zip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageInformation {
    /// The version of the zip's layout.
    pub api_version: ApiVersion,
    /// The language of the client.
    pub language: String,
}

impl Default for PackageInformation {
    fn default() -> Self {
        Self { api_version: ApiVersion::default(), language: "rust".to_owned() }
    }
}

/// The version of the zip's layout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiVersion {
    /// Always 0.
    pub build_number: u32,
    /// Always 2.
    pub major_version: u32,
    /// Always 0.
    pub minor_version: u32,
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self { build_number: 0, major_version: 2, minor_version: 0 }
    }
}

/// The job that the zip is for.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct MiscInformation {
    /// The time that was signed.
    pub timestamp: String,
    /// The signature of that time.
    pub signature: String,
    /// Always `"false"`, as text.
    pub retry: String,
    /// What the job is for.
    pub partner_params: PartnerParams,
    /// Always `selfie.zip`.
    pub file_name: String,
    /// The partner's id.
    pub smile_client_id: String,
    /// Where the server sends its result as well; empty for nowhere.
    pub callback_url: String,
    /// Always empty fields.
    #[serde(rename = "userData")]
    pub user_data: UserData,
}

/// Fields that official clients send empty.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserData {
    /// Always false.
    pub is_verified_process: bool,
    /// Always empty.
    pub name: String,
    /// Always empty.
    #[serde(rename = "fbUserID")]
    pub fb_user_id: String,
    /// Always empty.
    pub first_name: String,
    /// Always empty.
    pub last_name: String,
    /// Always empty.
    pub gender: String,
    /// Always empty.
    pub email: String,
    /// Always empty.
    pub phone: String,
    /// Always `+`.
    pub country_code: String,
    /// Always empty.
    pub country_name: String,
}

impl Default for UserData {
    fn default() -> Self {
        Self {
            is_verified_process: false,
            name: String::new(),
            fb_user_id: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            gender: String::new(),
            email: String::new(),
            phone: String::new(),
            country_code: "+".to_owned(),
            country_name: String::new(),
        }
    }
}

/// One image of the zip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageEntry {
    /// What it is: see [`image_type`].
    pub image_type_id: u8,
    /// Always empty: the image is a file of the zip.
    pub image: String,
    /// The file's name in the zip.
    pub file_name: String,
}

impl ImageEntry {
    /// An image that is a file of the zip.
    pub(crate) fn new(kind: ShotKind, file_name: String) -> Self {
        let image_type_id = match kind {
            ShotKind::Selfie => image_type::SELFIE,
            ShotKind::Liveness => image_type::LIVENESS,
        };
        Self { image_type_id, image: String::new(), file_name }
    }
}
