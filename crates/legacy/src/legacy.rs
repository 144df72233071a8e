//! The object that answers the plugin's calls.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use liveface::{Engine, Policy, Store, Tag};
use liveface_submit::{CancelToken, Client};
use serde_json::{Value, json};

use crate::error::{ConsentError, LegacyError, PluginCode, SidError};
use crate::kept::{self, Copies, ExportError, is_missing};

/// A map as the plugin gave it: codes are integers, everything else is texts and lists of texts.
pub type Map = BTreeMap<String, Value>;

/// `SID_RESULT_CODE`: how the call ended.
pub const SID_RESULT_CODE: &str = "SID_RESULT_CODE";
/// `SID_RESULT_TAG`: the tag that was used.
pub const SID_RESULT_TAG: &str = "SID_RESULT_TAG";
/// `SID_RESULT_MESSAGE`: the error's text.
pub const SID_RESULT_MESSAGE: &str = "SID_RESULT_MESSAGE";
/// [`SID_RESULT_CODE`] of a capture that succeeded: Android's `RESULT_OK`.
pub const CAPTURED: i64 = -1;
/// [`SID_RESULT_CODE`] of a capture that failed or was given up, and of consent that was declined.
pub const FAILED: i64 = 0;
/// [`SID_RESULT_CODE`] of `clearTag`, and of consent that was granted.
pub const DONE: i64 = 1;

type Clock = Box<dyn Fn() -> SystemTime + Send + Sync>;
type Permission = Box<dyn Fn(bool) -> bool + Send + Sync>;

/// How a [`Legacy`] is made, from [`Legacy::builder`].
pub struct LegacyBuilder(Legacy);

impl LegacyBuilder {
    /// What captures. Without it, captures fail and everything else works.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.0.engine = Some(engine);
        self
    }

    /// The policy of captures; `smart-selfie` without it.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.0.policy = policy;
        self
    }

    /// The seed of everything random in captures. Without it, each capture has a random one; give
    /// one when a server chose it, or to repeat a capture.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// Who sends jobs with `isProduction` false: with its own server, signer and times.
    #[must_use]
    pub fn sandbox(mut self, client: Client) -> Self {
        self.0.sandbox = Some(client);
        self
    }

    /// Who sends jobs with `isProduction` true.
    #[must_use]
    pub fn production(mut self, client: Client) -> Self {
        self.0.production = Some(client);
        self
    }

    /// The clock that tags are made from; the system's without it.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.0.clock = Box::new(clock);
        self
    }

    /// Says whether the camera may be used. Called before each capture with its
    /// `autoHandlePermissions`: true means that the person may be asked now. Without it, the frames
    /// alone say so.
    #[must_use]
    pub fn permission(mut self, may: impl Fn(bool) -> bool + Send + Sync + 'static) -> Self {
        self.0.permission = Some(Box::new(may));
        self
    }

    /// Keeps captures after their job's final answer is here. Without it they are removed then, as
    /// the legacy SDK did.
    #[must_use]
    pub fn keep_submitted(mut self) -> Self {
        self.0.keeps_submitted = true;
        self
    }

    /// The object.
    #[must_use]
    pub fn build(self) -> Legacy {
        self.0
    }
}

/// Answers the calls of the legacy plugin. Calls may come from several threads at once.
pub struct Legacy {
    pub(crate) engine: Option<Engine>,
    pub(crate) policy: Policy,
    pub(crate) seed: Option<u64>,
    pub(crate) store: Store,
    pub(crate) copies: Copies,
    pub(crate) sandbox: Option<Client>,
    pub(crate) production: Option<Client>,
    clock: Clock,
    pub(crate) permission: Option<Permission>,
    pub(crate) keeps_submitted: bool,
    cancel: Mutex<CancelToken>,
}

impl Legacy {
    /// An object that keeps captures in `store`. The folder `images` is for readable copies of
    /// images that the app asks for: choose one that only the app can read and that no backup takes.
    #[must_use]
    pub fn builder(store: Store, images: impl Into<PathBuf>) -> LegacyBuilder {
        LegacyBuilder(Self {
            engine: None,
            policy: Policy::default(),
            seed: None,
            store,
            copies: Copies::new(images.into()),
            sandbox: None,
            production: None,
            clock: Box::new(SystemTime::now),
            permission: None,
            keeps_submitted: false,
            cancel: Mutex::default(),
        })
    }

    /// `getCurrentTags`: `{"tags": [...]}`, the tags whose images no server has yet, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn get_current_tags(&self) -> Result<Map, LegacyError> {
        let tags = kept::idle_tags(&self.store).map_err(|error| tag_error(error.into()))?;
        Ok(map([("tags", json!(tags))]))
    }

    /// `getImagesForTag`: `{"images": [...]}`, paths of readable copies, the selfie first; none for
    /// a tag that is not there. The copies go with [`clear_tag`](Self::clear_tag), a new capture
    /// under the tag, and a submission that is done.
    ///
    /// # Errors
    /// When the capture is damaged or the copies cannot be written.
    pub fn get_images_for_tag(&self, tag: &str) -> Result<Map, LegacyError> {
        let images = match Tag::new(tag).map_err(ExportError::from) {
            Ok(tag) => self.copies.make(&self.store, &tag),
            Err(error) => Err(error),
        };
        let images = match images {
            Err(ExportError::Store(error)) if is_missing(&error) => Vec::new(),
            images => images.map_err(tag_error)?,
        };
        let path = |path: &PathBuf| {
            path.to_str().map(str::to_owned).ok_or_else(|| {
                let message = "the folder for images has a path that is no text; choose another";
                LegacyError::new(PluginCode::TagError, SidError::Custom, message)
            })
        };
        let images = images.iter().map(path).collect::<Result<Vec<_>, _>>()?;
        Ok(map([("images", json!(images))]))
    }

    /// `clearTag`: `{"SID_RESULT_CODE": 1}`. Removes the capture and the copies of its images. What
    /// is not there is cleared already.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn clear_tag(&self, tag: &str) -> Result<Map, LegacyError> {
        let tag = Tag::new(tag).map_err(|error| tag_error(error.into()))?;
        self.copies.remove(&tag).map_err(tag_error)?;
        match self.store.clear(&tag) {
            Err(error) if !is_missing(&error) => Err(tag_error(error.into())),
            _ => Ok(map([(SID_RESULT_CODE, Value::from(DONE))])),
        }
    }

    /// `showConsent`. There is no consent screen here: never granted.
    #[must_use]
    pub fn show_consent(&self) -> Map {
        let message = "there is no consent screen in this engine; show one of the app's own";
        map([(SID_RESULT_CODE, Value::from(FAILED)), (SID_RESULT_MESSAGE, Value::from(message))])
    }

    /// `showBVNConsent`. There is no consent screen here: never granted, with the code of a screen
    /// that cannot be shown in the message.
    #[must_use]
    pub fn show_bvn_consent(&self) -> Map {
        let code = ConsentError::CannotLaunch.code();
        let message = format!("{code}: there is no BVN consent screen in this engine");
        map([(SID_RESULT_CODE, Value::from(FAILED)), (SID_RESULT_MESSAGE, Value::from(message))])
    }

    /// `cancelAll`: ends every submission under way, of any thread, with
    /// [`SidError::FailedJobStatusCancelledOrTimeout`] or its variant. Their jobs are kept.
    pub fn cancel_all(&self) {
        let mut cancel = self.cancel.lock().unwrap_or_else(PoisonError::into_inner);
        // What is begun from now on is not meant.
        std::mem::take(&mut *cancel).cancel();
    }

    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.cancel.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The present time as official Android samples make tags of it, in UTC.
    pub(crate) fn made_tag(&self) -> String {
        let now = jiff::Timestamp::try_from((self.clock)()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        now.strftime("USER_TAG_%m_%d_%I_%M_%S").to_string()
    }
}

impl std::fmt::Debug for Legacy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Legacy").field("policy", &self.policy.name).finish_non_exhaustive()
    }
}

pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn tag_error(error: ExportError) -> LegacyError {
    match error {
        ExportError::Store(error) => LegacyError::bundle(PluginCode::TagError, &error),
        ExportError::Folder(error) => {
            let name = SidError::UnableToCreateSelfiePreviewUiImage;
            let message =
                format!("the copies of the images could not be written or removed: {error}");
            LegacyError::new(PluginCode::TagError, name, message)
        }
    }
}
