//! An integrity record from anywhere, as an envelope, as a payload and as metadata, is read strictly or refused; what
//! was read is written as it can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_bundle::RecordEnvelope;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    check(RecordEnvelope::parse(bytes).ok());
    // The payload alone, which is hard to hit through base64.
    let text = String::from_utf8_lossy(bytes);
    if let Ok(record) = serde_json::from_slice::<liveface_bundle::IntegrityRecord>(bytes) {
        check(RecordEnvelope::unsigned(&record).ok());
    }
    // Metadata: a line is an entry's number, count and value.
    let entries: Vec<Value> = text
        .lines()
        .map(|line| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_default();
            json!({ "name": format!("liveface_record_{}_of_{}", next(), next()), "value": next() })
        })
        .collect();
    if let Ok(Some(envelope)) = RecordEnvelope::from_metadata(&entries) {
        check(Some(envelope));
    }
});

fn check(envelope: Option<RecordEnvelope>) {
    let Some(envelope) = envelope else { return };
    let again = RecordEnvelope::parse(&envelope.to_bytes()).expect("what was written");
    assert!(again == envelope);
    let metadata = envelope.to_metadata("2026-01-02T03:04:05.678Z");
    assert!(RecordEnvelope::from_metadata(&metadata).expect("what was written") == Some(envelope));
    let _ = again.record();
}
