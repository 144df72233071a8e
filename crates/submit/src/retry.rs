//! How often and when a request that failed is tried again, and the dates of HTTP.

use std::time::Duration;

/// Longest pause that a server may ask for. Source: the official V3 client.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How long a request is tried again when the network or the server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Nothing is tried again that would begin later than this after the first attempt, but for one
    /// further attempt after a first one whose time was used up.
    pub budget: Duration,
    /// The pause after the first failure; it doubles with each one, and half of it is random.
    pub first_pause: Duration,
    /// Longest pause of the client's own. A server that says when to come again may ask for more, up
    /// to 60 s.
    pub max_pause: Duration,
}

impl Default for RetryPolicy {
    /// 60 s in all, pauses of 0.5 s to 8 s: Smile ID's V3 client doubles from 0.5 s, its mobile SDKs
    /// give one connection 60 s.
    fn default() -> Self {
        Self {
            budget: Duration::from_secs(60),
            first_pause: Duration::from_millis(500),
            max_pause: Duration::from_secs(8),
        }
    }
}

impl RetryPolicy {
    /// Nothing is tried again.
    #[must_use]
    pub const fn none() -> Self {
        Self { budget: Duration::ZERO, first_pause: Duration::ZERO, max_pause: Duration::ZERO }
    }

    /// The pause after the failed attempt number `attempt`, counted from 1. `random` is 0 to 1;
    /// `retry_after` is what the server asked for.
    #[must_use]
    pub fn pause(&self, attempt: u32, random: f64, retry_after: Option<Duration>) -> Duration {
        let doubled = 2u32.saturating_pow(attempt.saturating_sub(1));
        let whole = self.first_pause.saturating_mul(doubled).min(self.max_pause);
        let own = whole.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0));
        own.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
    }

    /// The pause before the next attempt; `None` when there is no time for one `elapsed` after the
    /// first began.
    pub(crate) fn next(
        &self,
        attempt: u32,
        elapsed: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let mut bytes = [0u8; 4];
        // Without randomness everybody pauses for the same time, which is no reason to fail.
        let _ = getrandom::fill(&mut bytes);
        let random = f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX);
        let pause = self.pause(attempt, random, retry_after);
        (elapsed.saturating_add(pause) < self.budget).then_some(pause)
    }
}

impl RetryPolicy {
    /// As [`next`](Self::next) after an attempt whose time was used up: the first one is followed by
    /// a second even when that time is longer than the budget.
    pub(crate) fn next_after_time_out(&self, attempt: u32, elapsed: Duration) -> Option<Duration> {
        let tried = if attempt == 1 { Duration::ZERO } else { elapsed };
        self.next(attempt, tried, None)
    }
}

/// What `Retry-After` asks for: seconds, or a date after `now`, in seconds since 1970.
pub(crate) fn retry_after(value: &str, now: i64) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let left = http_date(value)?.saturating_sub(now);
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// A date as HTTP has it today (`Sun, 06 Nov 1994 08:49:37 GMT`, RFC 9110), in seconds since 1970.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let number = |text: &str, most: i64| text.parse().ok().filter(|n| (0..=most).contains(n));
    let (day, year) = (number(day, 31).filter(|day| *day > 0)?, number(year, 9999)?);
    let month = (month.len() == 3).then(|| MONTHS.find(month)).flatten()?;
    let month = i64::try_from(month).ok().filter(|at| at % 3 == 0)? / 3 + 1;
    let mut parts = time.split(':');
    let mut part = |most| number(parts.next()?, most);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    // Days since 1970 in the Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
            - 1
            - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// The present in seconds since 1970.
pub(crate) fn now_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pause_grows_to_its_limit_and_does_what_the_server_asks(
            attempt in 1u32..100, random in 0.0f64..=1.0, asked in proptest::option::of(0u64..500),
        ) {
            let policy = RetryPolicy::default();
            let asked = asked.map(Duration::from_secs);
            let own = policy.pause(attempt, random, None);
            prop_assert!(own <= policy.max_pause && own >= policy.first_pause / 2);
            prop_assert!(own <= policy.pause(attempt, 1.0, None));
            prop_assert!(own >= policy.pause(attempt, 1.0, None) / 2);
            prop_assert!(own <= policy.pause(attempt + 1, random, None));
            let pause = policy.pause(attempt, random, asked);
            let wanted = asked.unwrap_or_default().min(Duration::from_secs(60));
            prop_assert_eq!(pause, own.max(wanted));
        }

        #[test]
        fn nothing_begins_after_the_budget(attempt in 1u32..40, elapsed in 0u64..100_000) {
            let (policy, elapsed) = (RetryPolicy::default(), Duration::from_millis(elapsed));
            match policy.next(attempt, elapsed, None) {
                Some(pause) => prop_assert!(elapsed + pause < policy.budget),
                None => prop_assert!(elapsed + policy.pause(attempt, 1.0, None) >= policy.budget),
            }
            prop_assert_eq!(RetryPolicy::none().next(attempt, elapsed, None), None);
        }

        #[test]
        fn dates_are_those_of_the_calendar(seconds in 0i64..200_000_000_000) {
            let time = jiff::Timestamp::from_second(seconds).unwrap();
            let text = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(http_date(&text), Some(seconds), "{}", text);
        }

        #[test]
        fn any_text_is_a_date_or_none(text in "\\PC{0,40}|[A-Z][a-z]{2}, [0-9]{1,3} [A-Za-z]{3} [0-9-]{1,6} [0-9:]{1,9} GMT") {
            let _ = (http_date(&text), retry_after(&text, 0));
        }
    }

    #[test]
    fn with_the_usual_settings_a_time_out_is_tried_again_once() {
        let config = crate::ClientConfig::new(crate::Environment::Sandbox);
        let (retry, timeout) = (config.retry, config.timeout);
        assert!(retry.next_after_time_out(1, timeout).is_some());
        assert_eq!(retry.next_after_time_out(2, timeout * 2), None);
        assert!(retry.next_after_time_out(2, Duration::from_secs(2)).is_some());
        assert_eq!(RetryPolicy::none().next_after_time_out(1, timeout), None);
    }

    #[test]
    fn a_server_says_seconds_or_a_date() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(now, 784_111_777);
        let asked = |text| retry_after(text, now).map(|asked| asked.as_secs());
        assert_eq!(asked(" 120 "), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(asked("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        for bad in ["soon", "-1", "", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37"]
        {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
