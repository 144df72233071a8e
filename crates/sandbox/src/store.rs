//! The database on disk: jobs, waiting zips, enrolled users, pictures for links and callbacks that
//! are not delivered yet.
//!
//! Everything lies in one redb file, so that a zip's arrival or a job's end is one transaction and a
//! killed sandbox finds its work again. Embeddings and pictures are stored **unencrypted**: this is
//! development data, never put real users' into it.

use std::path::Path;

use liveface_bundle::hex;
use liveface_core::Embedding;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, WriteTransaction,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::StoreError;
use crate::wire::JobResult;

type Table<K, V> = TableDefinition<'static, K, V>;
type Text = &'static str;
type Bytes = &'static [u8];

const COUNTERS: Table<Text, u64> = Table::new("counters");
/// (partner, job id) to the job.
const JOBS: Table<(Text, Text), Bytes> = Table::new("jobs");
/// (partner, user id, number) to the job id.
const HISTORY: Table<(Text, Text, u64), Text> = Table::new("history");
/// (partner, upload token) to the job id.
const UPLOADS: Table<(Text, Text), Text> = Table::new("uploads");
/// (partner, number) to the job id: zips that wait to be looked at.
const INBOX: Table<(Text, u64), Text> = Table::new("inbox");
/// (partner, number) to the zip.
const ZIPS: Table<(Text, u64), Bytes> = Table::new("zips");
/// (partner, user id) to the template, as little-endian 32-bit floats.
const USERS: Table<(Text, Text), Bytes> = Table::new("users");
/// (partner, user id) to the selfie of the enrolment.
const SELFIES: Table<(Text, Text), Bytes> = Table::new("selfies");
/// (partner, picture token) to the picture's file.
const PICTURES: Table<(Text, Text), Bytes> = Table::new("pictures");
/// (partner, number) to the job id: results that wait to be called back.
const OUTBOX: Table<(Text, u64), Text> = Table::new("outbox");

/// What a job is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobKind {
    Register,
    Authenticate,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The zip has not arrived; it may be PUT with this token.
    AwaitingZip { token: String },
    /// The zip lies in the inbox.
    Received,
    /// The result is known.
    Done(Box<Done>),
}

/// A job's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) approved: bool,
    pub(crate) result: JobResult,
    /// When, as it stands in the callback.
    pub(crate) timestamp: String,
    /// Token of the selfie, if there is one.
    pub(crate) picture: Option<String>,
    /// `None` when no callback was asked for.
    pub(crate) callback: Option<CallbackState>,
}

/// How far a job's callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallbackState {
    /// Tried so many times so far; it will be tried again.
    Pending {
        /// Failed tries.
        tries: u32,
    },
    /// The receiver said yes.
    Delivered {
        /// Tries, with the one that worked.
        tries: u32,
        /// Its HTTP status, 200 to 299.
        status: u16,
    },
    /// Tried as often as the limits allow, in vain.
    GivenUp {
        /// Failed tries.
        tries: u32,
    },
}

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Counts the sandbox's jobs from 1; its ten-digit form is the `smile_job_id`.
    pub(crate) number: u64,
    pub(crate) job_id: String,
    pub(crate) user_id: String,
    pub(crate) kind: JobKind,
    /// As they were sent.
    pub(crate) partner_params: Map<String, Value>,
    pub(crate) callback_url: Option<String>,
    pub(crate) allow_new_enroll: bool,
    /// Look at the selfie of the enrolment, not at one that was sent.
    #[serde(default)]
    pub(crate) use_enrolled_image: bool,
    pub(crate) stage: Stage,
    /// What a V3 job has more.
    #[serde(default)]
    pub(crate) v3: Option<V3Job>,
    #[serde(default)]
    pub(crate) counts: Counts,
}

/// What a V3 job has more than one of v1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct V3Job {
    pub(crate) created_at: String,
    /// The code that the client wants as the result.
    pub(crate) forced: Option<u16>,
}

/// How often something was done with a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) announced: u32,
    pub(crate) received: u32,
    pub(crate) finished: u32,
}

impl Job {
    /// The number as the API writes it.
    pub(crate) fn smile_job_id(&self) -> String {
        format!("{:010}", self.number)
    }
}

/// One job, and how often something was done with it. In a good run each count is 1, and never more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct JobSummary {
    /// The client's id, or for V3 the sandbox's.
    pub job_id: String,
    /// The user that it is for.
    pub user_id: String,
    /// The sandbox's number for it.
    pub smile_job_id: String,
    /// `v1` or `v3`.
    pub protocol: &'static str,
    /// 4 (register) or 2 (authenticate).
    pub job_type: u8,
    /// The partner's parameters, as they were sent.
    pub partner_params: Map<String, Value>,
    /// How often `/upload`, or a V3 submission, was accepted. A retry of a job whose zip never
    /// arrived counts too.
    pub announced: u32,
    /// How often its images arrived.
    pub received: u32,
    /// How often it was decided.
    pub finished: u32,
    /// The result's code, if it is decided.
    pub result_code: Option<String>,
}

impl From<Job> for JobSummary {
    fn from(job: Job) -> Self {
        Self {
            smile_job_id: job.smile_job_id(),
            job_id: job.job_id,
            user_id: job.user_id,
            protocol: if job.v3.is_some() { "v3" } else { "v1" },
            job_type: match job.kind {
                JobKind::Register => 4,
                JobKind::Authenticate => 2,
            },
            partner_params: job.partner_params,
            announced: job.counts.announced,
            received: job.counts.received,
            finished: job.counts.finished,
            result_code: match job.stage {
                Stage::Done(done) => Some(done.result.result_code),
                Stage::AwaitingZip { .. } | Stage::Received => None,
            },
        }
    }
}

/// The database, seen by one partner.
pub(crate) struct Store {
    database: Database,
    partner: String,
}

impl Store {
    /// Opens the database, or makes it.
    pub(crate) fn open(path: &Path, partner: &str) -> Result<Self, redb::DatabaseError> {
        Ok(Self { database: Database::create(path)?, partner: partner.to_owned() })
    }

    /// Makes the tables that are missing: reading a table that was never written to is an error.
    pub(crate) fn prepare(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(COUNTERS)?;
        transaction.open_table(JOBS)?;
        transaction.open_table(HISTORY)?;
        transaction.open_table(UPLOADS)?;
        transaction.open_table(INBOX)?;
        transaction.open_table(ZIPS)?;
        transaction.open_table(USERS)?;
        transaction.open_table(SELFIES)?;
        transaction.open_table(PICTURES)?;
        transaction.open_table(OUTBOX)?;
        Ok(transaction.commit()?)
    }

    /// Changes several things at once: all of them when `change` succeeds, none when it fails.
    pub(crate) fn update<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.database.begin_write().map_err(StoreError::from)?;
        let done = change(&Change { transaction: &transaction, partner: &self.partner })?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }

    /// The job of that id.
    pub(crate) fn job(&self, job_id: &str) -> Result<Option<Job>, StoreError> {
        self.read()?
            .open_table(JOBS)?
            .get((self.partner.as_str(), job_id))?
            .map(|job| parse(job.value()))
            .transpose()
    }

    /// Every job, oldest first. One that cannot be read is an error.
    pub(crate) fn summaries(&self) -> Result<Vec<JobSummary>, StoreError> {
        let jobs = self.read()?.open_table(JOBS)?;
        let mut summaries: Vec<JobSummary> = Vec::new();
        for entry in jobs.iter()? {
            let (key, job) = entry?;
            if key.value().0 == self.partner {
                summaries.push(parse(job.value())?.into());
            }
        }
        // Ten digits each, so their order is that of the numbers.
        summaries.sort_by(|a, b| a.smile_job_id.cmp(&b.smile_job_id));
        Ok(summaries)
    }

    /// Every finished result of a user, newest first.
    pub(crate) fn history(&self, user_id: &str) -> Result<Vec<JobResult>, StoreError> {
        let transaction = self.read()?;
        let (history, jobs) = (transaction.open_table(HISTORY)?, transaction.open_table(JOBS)?);
        let partner = self.partner.as_str();
        let mut results = Vec::new();
        for entry in history.range((partner, user_id, 0)..=(partner, user_id, u64::MAX))?.rev() {
            let (_, job_id) = entry?;
            let job = jobs.get((partner, job_id.value()))?;
            if let Some(Job { stage: Stage::Done(done), .. }) =
                job.map(|job| parse(job.value())).transpose()?
            {
                results.push(done.result);
            }
        }
        Ok(results)
    }

    /// Whether a PUT with this token would be taken.
    pub(crate) fn awaits_upload(&self, token: &str) -> Result<bool, StoreError> {
        Ok(self.read()?.open_table(UPLOADS)?.get((self.partner.as_str(), token))?.is_some())
    }

    /// The job that waits longest to be looked at, with its zip. What cannot be read is left where it
    /// is, and `skipped` is told.
    pub(crate) fn next_zip(
        &self,
        skipped: impl Fn(&StoreError),
    ) -> Result<Option<(Job, Vec<u8>)>, StoreError> {
        let transaction = self.read()?;
        let partner = self.partner.as_str();
        let (inbox, zips) = (transaction.open_table(INBOX)?, transaction.open_table(ZIPS)?);
        let jobs = transaction.open_table(JOBS)?;
        for entry in inbox.range((partner, 0)..=(partner, u64::MAX))? {
            let (key, job_id) = entry?;
            let zip = zips.get(key.value())?;
            let job = jobs.get((partner, job_id.value()))?;
            match (job.map(|job| parse(job.value())), zip) {
                (Some(Ok(job)), Some(zip)) => return Ok(Some((job, zip.value().to_vec()))),
                (Some(Err(error)), _) => skipped(&error),
                (None, _) => skipped(&StoreError::Record { what: "waiting job" }),
                (_, None) => skipped(&StoreError::Record { what: "waiting zip" }),
            }
        }
        Ok(None)
    }

    /// The jobs whose callback is not delivered, oldest first. What cannot be read is left where it
    /// is, and `skipped` is told.
    pub(crate) fn callbacks(&self, skipped: impl Fn(&StoreError)) -> Result<Vec<Job>, StoreError> {
        let transaction = self.read()?;
        let partner = self.partner.as_str();
        let (outbox, jobs) = (transaction.open_table(OUTBOX)?, transaction.open_table(JOBS)?);
        let mut waiting = Vec::new();
        for entry in outbox.range((partner, 0)..=(partner, u64::MAX))? {
            match jobs.get((partner, entry?.1.value()))?.map(|job| parse(job.value())) {
                Some(Ok(job)) => waiting.push(job),
                Some(Err(error)) => skipped(&error),
                None => skipped(&StoreError::Record { what: "waiting callback" }),
            }
        }
        Ok(waiting)
    }

    /// The template of an enrolled user.
    pub(crate) fn template(&self, user_id: &str) -> Result<Option<Embedding>, StoreError> {
        let users = self.read()?.open_table(USERS)?;
        let Some(bytes) = users.get((self.partner.as_str(), user_id))? else { return Ok(None) };
        let (values, rest) = bytes.value().as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Embedding::new(&values)
            .filter(|_| rest.is_empty())
            .ok_or(StoreError::Record { what: "enrolled user" })
            .map(Some)
    }

    /// The selfie of a user's enrolment.
    pub(crate) fn enrolled_selfie(&self, user_id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let selfies = self.read()?.open_table(SELFIES)?;
        Ok(selfies.get((self.partner.as_str(), user_id))?.map(|selfie| selfie.value().to_vec()))
    }

    /// The picture behind a link.
    pub(crate) fn picture(&self, token: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let pictures = self.read()?.open_table(PICTURES)?;
        Ok(pictures.get((self.partner.as_str(), token))?.map(|picture| picture.value().to_vec()))
    }

    fn read(&self) -> Result<ReadTransaction, StoreError> {
        Ok(self.database.begin_read()?)
    }
}

/// A change in the making: what it writes is kept when its `update` succeeds.
pub(crate) struct Change<'t> {
    transaction: &'t WriteTransaction,
    partner: &'t str,
}

impl Change<'_> {
    /// The next job's number.
    pub(crate) fn next_number(&self) -> Result<u64, StoreError> {
        let mut counters = self.transaction.open_table(COUNTERS)?;
        let number = counters.get("jobs")?.map_or(0, |last| last.value()) + 1;
        counters.insert("jobs", number)?;
        Ok(number)
    }

    pub(crate) fn job(&self, job_id: &str) -> Result<Option<Job>, StoreError> {
        let jobs = self.transaction.open_table(JOBS)?;
        let job = jobs.get((self.partner, job_id))?;
        job.map(|job| parse(job.value())).transpose()
    }

    /// Writes the job, new or changed.
    pub(crate) fn put_job(&self, job: &Job) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(job).map_err(|_| StoreError::Record { what: "job" })?;
        let mut jobs = self.transaction.open_table(JOBS)?;
        jobs.insert((self.partner, job.job_id.as_str()), bytes.as_slice())?;
        let mut history = self.transaction.open_table(HISTORY)?;
        history.insert((self.partner, job.user_id.as_str(), job.number), job.job_id.as_str())?;
        Ok(())
    }

    pub(crate) fn is_enrolled(&self, user_id: &str) -> Result<bool, StoreError> {
        Ok(self.transaction.open_table(USERS)?.get((self.partner, user_id))?.is_some())
    }

    /// Whether the selfie of the user's enrolment is on file.
    pub(crate) fn has_selfie(&self, user_id: &str) -> Result<bool, StoreError> {
        Ok(self.transaction.open_table(SELFIES)?.get((self.partner, user_id))?.is_some())
    }

    /// Enrols the user, or replaces the enrolment.
    pub(crate) fn enrol(
        &self,
        user_id: &str,
        template: &Embedding,
        selfie: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        if let Some(selfie) = selfie {
            self.transaction.open_table(SELFIES)?.insert((self.partner, user_id), selfie)?;
        }
        let bytes: Vec<u8> =
            template.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        let mut users = self.transaction.open_table(USERS)?;
        users.insert((self.partner, user_id), bytes.as_slice())?;
        Ok(())
    }

    /// Lets a zip be PUT for the job with this token.
    pub(crate) fn allow_upload(&self, token: &str, job_id: &str) -> Result<(), StoreError> {
        self.transaction.open_table(UPLOADS)?.insert((self.partner, token), job_id)?;
        Ok(())
    }

    /// Uses up a token; the job it was for.
    pub(crate) fn use_upload(&self, token: &str) -> Result<Option<String>, StoreError> {
        let mut uploads = self.transaction.open_table(UPLOADS)?;
        let job_id = uploads.remove((self.partner, token))?;
        Ok(job_id.map(|job_id| job_id.value().to_owned()))
    }

    /// How many zips wait, of all partners.
    pub(crate) fn waiting_zips(&self) -> Result<u64, StoreError> {
        Ok(self.transaction.open_table(INBOX)?.len()?)
    }

    pub(crate) fn put_zip(&self, job: &Job, zip: &[u8]) -> Result<(), StoreError> {
        let key = (self.partner, job.number);
        self.transaction.open_table(INBOX)?.insert(key, job.job_id.as_str())?;
        self.transaction.open_table(ZIPS)?.insert(key, zip)?;
        Ok(())
    }

    pub(crate) fn remove_zip(&self, job: &Job) -> Result<(), StoreError> {
        let key = (self.partner, job.number);
        self.transaction.open_table(INBOX)?.remove(key)?;
        self.transaction.open_table(ZIPS)?.remove(key)?;
        Ok(())
    }

    pub(crate) fn put_picture(&self, token: &str, picture: &[u8]) -> Result<(), StoreError> {
        self.transaction.open_table(PICTURES)?.insert((self.partner, token), picture)?;
        Ok(())
    }

    pub(crate) fn put_callback(&self, job: &Job) -> Result<(), StoreError> {
        let key = (self.partner, job.number);
        self.transaction.open_table(OUTBOX)?.insert(key, job.job_id.as_str())?;
        Ok(())
    }

    pub(crate) fn remove_callback(&self, job: &Job) -> Result<(), StoreError> {
        self.transaction.open_table(OUTBOX)?.remove((self.partner, job.number))?;
        Ok(())
    }
}

fn parse(job: &[u8]) -> Result<Job, StoreError> {
    serde_json::from_slice(job).map_err(|_| StoreError::Record { what: "job" })
}

/// A token that cannot be guessed: 32 random bytes in hex.
pub(crate) fn token() -> Result<String, StoreError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Random(error.to_string()))?;
    Ok(hex(&bytes))
}

/// A new id as V3 writes it: `<prefix>_` and 26 characters of Crockford's base 32 in lower case, 48
/// bits of milliseconds since 1970 and 80 random ones.
pub(crate) fn ulid(prefix: &str) -> Result<String, StoreError> {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes[6..]).map_err(|error| StoreError::Random(error.to_string()))?;
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    bytes[..6].copy_from_slice(&now.to_be_bytes()[2..]);
    let number = u128::from_be_bytes(bytes);
    let digit = |place: u32| char::from(DIGITS[(number >> (5 * place)) as usize & 31]);
    Ok(format!("{prefix}_{}", (0..26).rev().map(digit).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_documented_pattern_and_differ() {
        let ids: Vec<_> = (0..100).map(|_| ulid("job").unwrap()).collect();
        for id in &ids {
            let digits = id.strip_prefix("job_").unwrap();
            let known = |c| matches!(c, '0'..='9' | 'a'..='h' | 'j' | 'k' | 'm' | 'n' | 'p'..='t' | 'v'..='z');
            assert!(digits.len() == 26 && digits.chars().all(known), "{id}");
        }
        assert!(ids.iter().collect::<std::collections::HashSet<_>>().len() == ids.len());
        assert!(ids[0].as_str() >= "job_01", "the time comes first: {}", ids[0]);
    }
}
