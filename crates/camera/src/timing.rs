//! When each frame of a recording was captured: from `frames.csv`, or from a frame rate.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liveface_core::Timestamp;

use crate::error::CameraError;

/// A `frames.csv` larger than this is refused: it would be more than a day of 30 frames a second.
const MAX_TABLE_BYTES: u64 = 64 << 20;

/// Frames per second as a fraction, so that time does not drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameRate {
    frames: u64,
    seconds: u64,
}

impl FrameRate {
    /// `fps` frames per second, to a millionth.
    pub(crate) fn new(fps: f64) -> Result<Self, CameraError> {
        if !(0.001..=1000.0).contains(&fps) {
            return Err(CameraError::FrameRate { fps });
        }
        Ok(Self { frames: (fps * 1e6).round() as u64, seconds: 1_000_000 })
    }

    /// `frames` in `seconds`; `None` unless that lies between 0.001 and 1000 a second.
    pub(crate) fn from_fraction(frames: u32, seconds: u32) -> Option<Self> {
        let (frames, seconds) = (u64::from(frames), u64::from(seconds));
        (seconds > 0 && frames * 1000 >= seconds && frames <= seconds * 1000)
            .then_some(Self { frames, seconds })
    }

    /// When frame `index` is captured, to the nanosecond below.
    pub(crate) fn at(self, index: u64) -> Timestamp {
        let nanoseconds =
            u128::from(index) * u128::from(self.seconds) * 1_000_000_000 / u128::from(self.frames);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// The capture times of a recording.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// One time per frame, increasing.
    Table { path: PathBuf, times: Vec<Timestamp> },
    /// From 0 at a fixed rate.
    Rate(FrameRate),
}

impl Clock {
    /// The times in `folder/frames.csv` if there is such a file, else `rate`.
    pub(crate) fn beside(folder: &Path, rate: FrameRate) -> Result<Self, CameraError> {
        let path = folder.join("frames.csv");
        if !path.exists() {
            return Ok(Self::Rate(rate));
        }
        let times = read_table(&path)?;
        Ok(Self::Table { path, times })
    }

    /// When frame `index` was captured.
    pub(crate) fn at(&self, index: u64) -> Result<Timestamp, CameraError> {
        match self {
            Self::Rate(rate) => Ok(rate.at(index)),
            Self::Table { path, times } => {
                usize::try_from(index).ok().and_then(|index| times.get(index)).copied().ok_or_else(
                    || CameraError::TimestampCount {
                        path: path.clone(),
                        rows: times.len() as u64,
                        frames: index + 1,
                        ended: false,
                    },
                )
            }
        }
    }

    /// Checks that a recording of `frames` frames has a time for each and none over.
    pub(crate) fn check_count(&self, frames: u64) -> Result<(), CameraError> {
        match self {
            Self::Table { path, times } if times.len() as u64 != frames => {
                Err(CameraError::TimestampCount {
                    path: path.clone(),
                    rows: times.len() as u64,
                    frames,
                    ended: true,
                })
            }
            _ => Ok(()),
        }
    }
}

fn read_table(path: &Path) -> Result<Vec<Timestamp>, CameraError> {
    let fault =
        |line: u64, what: String| CameraError::TimestampRow { path: path.to_owned(), line, what };
    let file = File::open(path).map_err(CameraError::read(path))?;
    let bytes = file.metadata().map_err(CameraError::read(path))?.len();
    if bytes > MAX_TABLE_BYTES {
        return Err(fault(
            1,
            format!("the file has {bytes} bytes; at most {MAX_TABLE_BYTES} are read"),
        ));
    }
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
    let header = reader.headers().map_err(|error| fault(1, error.to_string()))?;
    if header != ["frame", "timestamp_ms"].as_slice() {
        return Err(fault(1, "the first line must be `frame,timestamp_ms`".to_owned()));
    }
    let mut times: Vec<Timestamp> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            fault(line, format!("a row must be two values, `frame,timestamp_ms` ({error})"))
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let (frame, text) = (&record[0], &record[1]);
        let expected = times.len();
        if frame.parse() != Ok(expected) {
            return Err(fault(
                line,
                format!(
                    "frame `{frame}` where {expected} was expected; frames count from 0 and none may be left out"
                ),
            ));
        }
        let time = milliseconds(text).ok_or_else(|| {
            fault(line, format!("`{text}` is no time; write milliseconds as digits, with a decimal point if needed"))
        })?;
        if times.last().is_some_and(|before| *before >= time) {
            return Err(fault(
                line,
                format!(
                    "frame {expected} is not later than the frame before it; timestamps must increase"
                ),
            ));
        }
        times.push(time);
    }
    Ok(times)
}

/// Milliseconds in decimal digits, exactly: what is finer than a nanosecond is cut off.
fn milliseconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let below = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    let nanoseconds = u32::try_from(whole % 1000).ok()? * 1_000_000 + below;
    Some(Duration::new(whole / 1000, nanoseconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(text: &str) -> Result<Vec<Timestamp>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames.csv");
        std::fs::write(&path, text).unwrap();
        read_table(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn fifteen_frames_a_second_do_not_drift() {
        let rate = FrameRate::new(15.0).unwrap();
        assert_eq!(rate.at(1), Duration::from_nanos(66_666_666));
        assert_eq!(rate.at(15 * 86_400), Duration::from_secs(86_400));
        let ntsc = FrameRate::from_fraction(30_000, 1001).unwrap();
        assert_eq!(ntsc.at(30_000), Duration::from_secs(1001));
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_refused() {
        for fps in [0.0, -1.0, 1000.1, f64::NAN, f64::INFINITY, 0.0001] {
            assert!(matches!(FrameRate::new(fps), Err(CameraError::FrameRate { .. })), "{fps}");
        }
        assert_eq!(FrameRate::from_fraction(0, 0), None);
        assert_eq!(FrameRate::from_fraction(u32::MAX, 1), None);
    }

    #[test]
    fn a_table_gives_each_frame_its_time() {
        let times = table("frame,timestamp_ms\n0,0\n1, 33.5 \n2,1700000000000.000001\n").unwrap();
        assert_eq!(times[1], Duration::from_micros(33_500));
        assert_eq!(times[2], Duration::new(1_700_000_000, 1));
    }

    #[test]
    fn a_bad_table_is_refused_with_its_line() {
        for (text, line, what) in [
            ("time\n0\n", "line 1", "frame,timestamp_ms"),
            ("frame,timestamp_ms\n0,0\n2,66\n", "line 3", "where 1 was expected"),
            ("frame,timestamp_ms\n0,10\n1,10\n", "line 3", "must increase"),
            ("frame,timestamp_ms\n0,10\n1,9.9\n", "line 3", "must increase"),
            ("frame,timestamp_ms\n0,-1\n", "line 2", "no time"),
            ("frame,timestamp_ms\n0,1e3\n", "line 2", "no time"),
            ("frame,timestamp_ms\n0,99999999999999999999999\n", "line 2", "no time"),
            ("frame,timestamp_ms\n0\n", "line 2", "two values"),
        ] {
            let message = table(text).unwrap_err();
            assert!(message.contains(line) && message.contains(what), "{text:?}: {message}");
        }
    }

    proptest! {
        #[test]
        fn time_increases_with_every_frame(fps in 0.001f64..=1000.0, index in 0u64..10_000_000) {
            let rate = FrameRate::new(fps).unwrap();
            prop_assert!(rate.at(index) < rate.at(index + 1));
        }

        #[test]
        fn any_text_is_a_time_or_refused(text in "\\PC{0,40}") {
            let _ = milliseconds(&text);
        }

        #[test]
        fn written_milliseconds_are_read_back(whole in 0u64..=u64::from(u32::MAX), below in 0u32..1_000_000) {
            let read = milliseconds(&format!("{whole}.{below:06}")).unwrap();
            prop_assert_eq!(read, Duration::from_nanos(whole * 1_000_000 + u64::from(below)));
        }
    }
}
