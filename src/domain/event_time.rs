//! The forms in which times travel (device-api.md, property report; management-api.md §1.1).

use time::{Date, Month, OffsetDateTime, Time};

use super::clock::Timestamp;

/// `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'` or `yyyyMMdd'T'HHmmss'Z'`, a real instant.
pub fn parse_event_time(text: &str) -> Option<Timestamp> {
    match text.len() {
        16 => parse_compact(text),
        24 => parse_extended(text),
        _ => None,
    }
}

/// What a `DateTime` property takes: as [`parse_event_time`], the milliseconds being optional.
pub fn parse_date_time(text: &str) -> Option<Timestamp> {
    match text.len() {
        16 => parse_compact(text),
        20 | 24 => parse_extended(text),
        _ => None,
    }
}

/// `yyyyMMdd'T'HHmmss'Z'`.
pub fn parse_compact(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes.get(8) != Some(&b'T') || bytes.get(15) != Some(&b'Z') {
        return None;
    }
    let at = |from, to| number(bytes, from, to);
    instant([
        at(0, 4)?,
        at(4, 6)?,
        at(6, 8)?,
        at(9, 11)?,
        at(11, 13)?,
        at(13, 15)?,
        0,
    ])
}

fn parse_extended(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks.iter().all(|(place, mark)| bytes.get(*place) == Some(mark)) || bytes.last() != Some(&b'Z') {
        return None;
    }
    let at = |from, to| number(bytes, from, to);
    let millis = match bytes.len() {
        20 => 0,
        24 if bytes.get(19) == Some(&b'.') => at(20, 23)?,
        _ => return None,
    };
    instant([
        at(0, 4)?,
        at(5, 7)?,
        at(8, 10)?,
        at(11, 13)?,
        at(14, 16)?,
        at(17, 19)?,
        millis,
    ])
}

/// `YYYYMMDDHH`, a real hour, UTC.
pub fn parse_auth_hour(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 {
        return None;
    }
    let at = |from, to| number(bytes, from, to);
    instant([at(0, 4)?, at(4, 6)?, at(6, 8)?, at(8, 10)?, 0, 0, 0])
}

fn number(bytes: &[u8], from: usize, to: usize) -> Option<u32> {
    let digits = bytes.get(from..to)?;
    digits.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0'))
    })
}

fn instant([year, month, day, hour, minute, second, millis]: [u32; 7]) -> Option<Timestamp> {
    let small = |number: u32| u8::try_from(number).ok();
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, small(day)?).ok()?;
    let time = Time::from_hms_milli(
        small(hour)?,
        small(minute)?,
        small(second)?,
        u16::try_from(millis).ok()?,
    )
    .ok()?;
    let at = OffsetDateTime::new_utc(date, time);
    Some(Timestamp(
        at.unix_timestamp() * 1000 + i64::from(at.millisecond()),
    ))
}

/// `20261123T081530Z`.
pub fn compact(at: Timestamp) -> String {
    let t = calendar(at);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `2026-11-23T08:15:30.250Z`.
pub fn with_millis(at: Timestamp) -> String {
    let t = calendar(at);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.millisecond()
    )
}

/// `2026112308`.
pub fn auth_hour(at: Timestamp) -> String {
    let t = calendar(at);
    format!(
        "{:04}{:02}{:02}{:02}",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour()
    )
}

fn calendar(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp(1_795_421_730_250);

    #[test]
    fn both_forms_of_event_time_read_and_write() {
        assert_eq!(parse_event_time("2026-11-23T08:15:30.250Z"), Some(AT));
        assert_eq!(parse_event_time("20261123T081530Z"), Some(AT.plus_millis(-250)));
        assert_eq!(with_millis(AT), "2026-11-23T08:15:30.250Z");
        assert_eq!(compact(AT), "20261123T081530Z");
        assert_eq!(auth_hour(AT), "2026112308");
        assert_eq!(parse_auth_hour("2026112308"), Some(AT.plus_millis(-930_250)));
    }

    #[test]
    fn what_is_no_instant_or_another_form_is_refused() {
        for text in [
            "2026-02-30T08:15:30.250Z",
            "2026-11-23T08:15:30Z",
            "20261123T081560Z",
            "20261123081530",
            "",
            "2026-11-23T08:15:30.250+",
            "2026-11-23 08:15:30.250Z",
            "20261123T08153éZ",
        ] {
            assert_eq!(parse_event_time(text), None, "{text}");
        }
        assert!(parse_date_time("2026-11-23T08:15:30Z").is_some());
        assert!(parse_date_time("2024-02-29T00:00:00Z").is_some());
        assert!(parse_date_time("2026-02-29T00:00:00Z").is_none());
        for text in ["2026112324", "202611230", "2026133108", "20261123T8"] {
            assert_eq!(parse_auth_hour(text), None, "{text}");
        }
    }
}
