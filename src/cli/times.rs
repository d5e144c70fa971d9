//! Times as flags give them.

use std::time::Duration;

const FORM: &str = "must be like 500ms, 10s, 2m, 1h or 3d";

/// `500ms`, `10s`, `2m`, `1h`, `3d`; a number alone is seconds.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| FORM.to_owned())?;
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(FORM.to_owned()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|_| FORM.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_not() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(parse("3d"), Ok(Duration::from_hours(72)));
        for wrong in ["", "x", "-1s", "3x", "1e300h", "nan"] {
            assert_eq!(parse(wrong), Err(FORM.to_owned()), "{wrong}");
        }
    }
}
