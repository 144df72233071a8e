//! Writes `multipart/form-data` (RFC 7578) as the recorded client does.

use liveface_bundle::hex;
use zeroize::Zeroizing;

use crate::error::SubmitError;

/// What a part holds, as far as its header says it.
enum Kind {
    /// Text without a content type.
    Text,
    /// `application/json`.
    Json,
    /// `image/jpeg` under a file name.
    Jpeg(String),
}

struct Part {
    name: &'static str,
    kind: Kind,
    bytes: Zeroizing<Vec<u8>>,
}

/// The parts of a body, in the order in which they are added.
#[derive(Default)]
pub(crate) struct Multipart(Vec<Part>);

/// A body and the content type that says how to read it.
pub(crate) struct Form {
    pub(crate) content_type: String,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// Bytes of a boundary before they are written as digits: what 16 random bytes are found in is not
/// met by chance.
const BOUNDARY_BYTES: usize = 16;

impl Multipart {
    /// Adds a part of text.
    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.add(name, Kind::Text, text.as_bytes());
    }

    /// Adds a part of JSON.
    pub(crate) fn json(&mut self, name: &'static str, json: &[u8]) {
        self.add(name, Kind::Json, json);
    }

    /// Adds a picture. Characters that could end its file name in the header become `_`.
    pub(crate) fn jpeg(&mut self, name: &'static str, file_name: &str, jpeg: &[u8]) {
        let safe = |c: char| if c.is_control() || "\"\\;".contains(c) { '_' } else { c };
        self.add(name, Kind::Jpeg(file_name.chars().map(safe).collect()), jpeg);
    }

    fn add(&mut self, name: &'static str, kind: Kind, bytes: &[u8]) {
        self.0.push(Part { name, kind, bytes: Zeroizing::new(bytes.to_vec()) });
    }

    /// The body, with a random boundary that no part holds.
    pub(crate) fn finish(self) -> Result<Form, SubmitError> {
        self.finish_with(|| {
            let mut bytes = [0; BOUNDARY_BYTES];
            getrandom::fill(&mut bytes).map_err(SubmitError::Random)?;
            Ok(hex(&bytes))
        })
    }

    /// The body, with the first boundary of `next` that no part holds.
    fn finish_with(
        self,
        mut next: impl FnMut() -> Result<String, SubmitError>,
    ) -> Result<Form, SubmitError> {
        let boundary = loop {
            let boundary = next()?;
            if !self.0.iter().any(|part| part.holds(&boundary)) {
                break boundary;
            }
        };
        let heads: Vec<String> = self.0.iter().map(|part| part.head(&boundary)).collect();
        let end = format!("--{boundary}--\r\n");
        let parts: usize = self.0.iter().map(|part| part.bytes.len() + 2).sum();
        let length = parts + heads.iter().map(String::len).sum::<usize>() + end.len();
        // Made in one piece: a buffer that grows leaves copies of pictures behind.
        let mut body = Zeroizing::new(Vec::with_capacity(length));
        for (head, part) in heads.iter().zip(&self.0) {
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(&part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(end.as_bytes());
        Ok(Form { content_type: format!("multipart/form-data; boundary={boundary}"), body })
    }
}

impl Part {
    fn holds(&self, boundary: &str) -> bool {
        let found = |bytes: &[u8]| bytes.windows(boundary.len()).any(|w| w == boundary.as_bytes());
        found(&self.bytes) || matches!(&self.kind, Kind::Jpeg(name) if found(name.as_bytes()))
    }

    fn head(&self, boundary: &str) -> String {
        let name = self.name;
        let disposition =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"");
        match &self.kind {
            Kind::Text => format!("{disposition}\r\n\r\n"),
            Kind::Json => format!("{disposition}\r\nContent-Type: application/json\r\n\r\n"),
            Kind::Jpeg(file) => {
                format!("{disposition}; filename=\"{file}\"\r\nContent-Type: image/jpeg\r\n\r\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a server finds: name, file name, content type and bytes of each part.
    type Found = Vec<(String, Option<String>, Option<String>, Vec<u8>)>;

    /// Reads a body as a server does: cut at the boundary, head up to the first empty line.
    fn read(form: &Form) -> Found {
        let boundary = form.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let body = form.body.strip_suffix(format!("--{boundary}--\r\n").as_bytes()).unwrap();
        let cut = format!("--{boundary}\r\n").into_bytes();
        let mut starts: Vec<usize> =
            (0..body.len()).filter(|at| body[*at..].starts_with(&cut)).collect();
        assert!(starts.first().is_none_or(|first| *first == 0));
        starts.push(body.len());
        let part = |ends: &[usize]| {
            let part = body[ends[0] + cut.len()..ends[1]].strip_suffix(b"\r\n").unwrap();
            let at = part.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
            let head = std::str::from_utf8(&part[..at]).unwrap();
            let mut lines = head.split("\r\n");
            let disposition = lines.next().unwrap();
            let fields = disposition.strip_prefix("Content-Disposition: form-data; ").unwrap();
            let mut fields = fields.split("; ");
            let quoted = |field: &str, name: &str| -> String {
                let value = field.strip_prefix(&format!("{name}=\"")).unwrap();
                value.strip_suffix('"').unwrap().to_owned()
            };
            let name = quoted(fields.next().unwrap(), "name");
            let file = fields.next().map(|field| quoted(field, "filename"));
            let kind = lines.next().map(|l| l.strip_prefix("Content-Type: ").unwrap().to_owned());
            assert!(lines.next().is_none() && fields.next().is_none(), "{head}");
            (name, file, kind, part[at + 4..].to_vec())
        };
        starts.windows(2).map(part).collect()
    }

    #[test]
    fn the_bytes_are_those_of_the_recorded_client() {
        let mut form = Multipart::default();
        form.text("allow_new_enroll", "true");
        form.json("partner_params", br#"{"order":"ORD-9"}"#);
        form.jpeg("selfie_image", "si_selfie_1.jpg", b"\xff\xd8");
        let form = form.finish_with(|| Ok("b".to_owned())).unwrap();
        assert_eq!(form.content_type, "multipart/form-data; boundary=b");
        let expected = b"--b\r\nContent-Disposition: form-data; name=\"allow_new_enroll\"\r\n\r\n\
            true\r\n--b\r\nContent-Disposition: form-data; name=\"partner_params\"\r\n\
            Content-Type: application/json\r\n\r\n{\"order\":\"ORD-9\"}\r\n\
            --b\r\nContent-Disposition: form-data; name=\"selfie_image\"; \
            filename=\"si_selfie_1.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\r\n--b--\r\n";
        assert_eq!(&form.body[..], &expected[..]);
    }

    #[test]
    fn a_boundary_that_a_part_holds_is_not_used() {
        let mut form = Multipart::default();
        form.text("user_id", "one two");
        form.jpeg("selfie_image", "three.jpg", b"x");
        let mut tried = ["one", "two", "three", "four"].into_iter();
        let form = form.finish_with(|| Ok(tried.next().unwrap().to_owned())).unwrap();
        assert!(form.content_type.ends_with("=four"));
    }

    #[test]
    fn boundaries_differ() {
        let [one, two] = [0, 1].map(|_| Multipart::default().finish().unwrap().content_type);
        assert_ne!(one, two);
        assert_eq!(one.len(), "multipart/form-data; boundary=".len() + 2 * BOUNDARY_BYTES);
    }

    proptest! {
        #[test]
        fn any_content_comes_out_as_it_went_in(
            text in "(\\PC|\r|\n|--|\"){0,60}",
            json in "\\PC{0,40}",
            file in "(\\PC|\r|\n|\"|\\\\|;|\0){0,40}",
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut form = Multipart::default();
            form.text("user_id", &text);
            form.json("metadata", json.as_bytes());
            form.jpeg("liveness_images", &file, &bytes);
            form.jpeg("liveness_images", "si_liveness_2.jpg", b"--\r\n");
            let found = read(&form.finish().unwrap());
            prop_assert_eq!(found.len(), 4);
            prop_assert_eq!(&found[0], &("user_id".to_owned(), None, None, text.into_bytes()));
            let kind = |kind: &str| Some(kind.to_owned());
            let metadata = ("metadata".to_owned(), None, kind("application/json"), json.into_bytes());
            prop_assert_eq!(&found[1], &metadata);
            // One header line more or less, or a name that ends early, fails the reader above.
            prop_assert_eq!(&found[2].2, &kind("image/jpeg"));
            prop_assert_eq!(&found[2].3, &bytes);
            prop_assert_eq!(found[2].1.as_ref().unwrap().chars().count(), file.chars().count());
            prop_assert_eq!(&found[3].3, b"--\r\n");
        }

        #[test]
        fn a_boundary_is_never_inside_a_part(
            text in "[ab]{0,12}",
            boundaries in proptest::collection::vec("[ab]{1,4}", 1..8),
        ) {
            let mut form = Multipart::default();
            form.text("user_id", &text);
            let mut next = boundaries.into_iter().chain(["c".to_owned()]);
            let form = form.finish_with(|| Ok(next.next().unwrap())).unwrap();
            let boundary = form.content_type.split_once('=').unwrap().1;
            prop_assert!(!text.contains(boundary));
        }
    }
}
