//! A client of V3 that writes its multipart forms by hand.

use std::time::{Duration, Instant};

use liveface_sandbox::Sandbox;
use serde_json::{Value, json};
use ureq::Agent;

use super::{Person, picture, trusting_agent};

const BOUNDARY: &str = "----a-boundary";

/// A multipart form in the making.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    fn part(mut self, head: &str, body: &[u8]) -> Self {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(body);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_bytes())
    }

    pub(crate) fn json(self, name: &str, value: &Value) -> Self {
        let head = format!("name=\"{name}\"\r\nContent-Type: application/json");
        self.part(&head, value.to_string().as_bytes())
    }

    pub(crate) fn file(self, name: &str, kind: &str, bytes: &[u8]) -> Self {
        let head = format!("name=\"{name}\"; filename=\"{name}.jpg\"\r\nContent-Type: {kind}");
        self.part(&head, bytes)
    }

    pub(crate) fn jpeg(self, name: &str, bytes: &[u8]) -> Self {
        self.file(name, "image/jpeg", bytes)
    }

    /// Consent and user details.
    pub(crate) fn person() -> Self {
        Self::default().json("user_details", &details()).json("consent", &consent())
    }

    /// A selfie and six liveness images.
    pub(crate) fn images(person: Person) -> Self {
        Self::default().with_images(person)
    }

    fn with_images(self, person: Person) -> Self {
        let brighter = person.map(|value| value.saturating_add(8));
        let selfie = self.jpeg("selfie_image", &picture(&[person]));
        let liveness = [brighter, person].into_iter().cycle().take(6);
        liveness.fold(selfie, |form, person| form.jpeg("liveness_images", &picture(&[person])))
    }

    /// Everything that a submission must have.
    pub(crate) fn capture(person: Person) -> Self {
        Self::person().with_images(person)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.0, format!("--{BOUNDARY}--\r\n").as_bytes()].concat()
    }
}

pub(crate) fn details() -> Value {
    json!({ "given_names": "Ada", "last_name": "Lovelace", "email": "ada@example.com" })
}

pub(crate) fn consent() -> Value {
    json!({
        "granted": true, "granted_at": "2026-01-02T03:04:05.678Z", "notice_language": "EN",
        "notice_privacy_policy_url": "https://example.com/privacy",
    })
}

pub(crate) struct V3Client {
    base: String,
    pub(crate) token: String,
    agent: Agent,
}

impl V3Client {
    /// A client with a token that nothing is bound to.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let (url, pem) = (sandbox.v3_url(), sandbox.certificate_pem());
        Self::new(&url, pem, sandbox.partner_id(), sandbox.api_key()).unwrap()
    }

    /// The same for a sandbox of another process, which may be gone.
    pub(crate) fn new(
        url: &str,
        pem: Option<&str>,
        partner: &str,
        key: &str,
    ) -> Result<Self, ureq::Error> {
        let base = format!("{url}/v3");
        let mut client = Self { base, token: String::new(), agent: trusting_agent(pem) };
        let (status, answer) = client.try_token(partner.trim_start_matches('0'), key, None)?;
        assert_eq!(status, 200, "{answer}");
        answer["token"].as_str().unwrap().clone_into(&mut client.token);
        Ok(client)
    }

    pub(crate) fn ask_token(&self, partner: &str, key: &str, form: Option<&Form>) -> (u16, Value) {
        self.try_token(partner, key, form).unwrap()
    }

    fn try_token(
        &self,
        partner: &str,
        key: &str,
        form: Option<&Form>,
    ) -> Result<(u16, Value), ureq::Error> {
        let request = self
            .agent
            .post(format!("{}/token", self.base))
            .header("smileid-partner-id", partner)
            .header("smileid-api-key", key);
        let mut answer = match form {
            None => request.send_empty()?,
            Some(form) => request.header("Content-Type", kind()).send(&form.bytes()[..])?,
        };
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }

    /// What the token says.
    pub(crate) fn claims(&self) -> Value {
        use base64::Engine as _;
        let claims = self.token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        serde_json::from_slice(&claims).unwrap()
    }

    pub(crate) fn post(&self, path: &str, user: Option<&str>, form: &Form) -> (u16, Value) {
        self.try_post(path, user, form).unwrap()
    }

    pub(crate) fn try_post(
        &self,
        path: &str,
        user: Option<&str>,
        form: &Form,
    ) -> Result<(u16, Value), ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}/{path}", self.base))
            .header("SmileID-Token", &self.token)
            .header("Content-Type", kind());
        if let Some(user) = user {
            request = request.header("User-ID", user);
        }
        let mut answer = request.send(&form.bytes()[..])?;
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }

    pub(crate) fn send(&self, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let request = self.agent.post(format!("{}/{path}", self.base));
        let request = request.header("SmileID-Token", &self.token).header("Content-Type", kind);
        let mut answer = request.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn register(&self, user: &str, form: &Form) -> (u16, Value) {
        self.post("registration", Some(user), form)
    }

    pub(crate) fn authenticate(&self, user: &str, form: &Form) -> (u16, Value) {
        self.post("authentication", None, &form.clone().text("user_id", user))
    }

    pub(crate) fn status(&self, job: &str) -> (u16, Value) {
        let request = self.agent.get(format!("{}/status/{job}", self.base));
        let mut answer = request.header("SmileID-Token", &self.token).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    pub(crate) fn replay(&self, job: &str, url: Option<&str>) -> (u16, Value) {
        let request = self.agent.post(format!("{}/replay/{job}", self.base));
        let request = request.header("SmileID-Token", &self.token);
        let mut answer = match url {
            None => request.send_empty().unwrap(),
            Some(url) => {
                let form = Form::default().text("callback_url", url).bytes();
                request.header("Content-Type", kind()).send(&form[..]).unwrap()
            }
        };
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
    }

    /// Asks until the job is decided.
    pub(crate) fn wait(&self, job: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, answer) = self.status(job);
            match status {
                200 => return answer,
                202 => assert_eq!(answer["status"], "processing"),
                _ => panic!("{answer}"),
            }
            assert!(Instant::now() < end, "{job} does not end: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The verdict on a submission that must be accepted.
    pub(crate) fn outcome(&self, (status, answer): (u16, Value)) -> String {
        assert_eq!(status, 202, "{answer}");
        let done = self.wait(answer["job_id"].as_str().unwrap());
        done["status"].as_str().unwrap().to_owned()
    }
}

fn kind() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}
