//! Decimal numbers of up to 34 digits.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};

/// The most digits.
const DIGITS: u32 = 34;
/// Above every coefficient.
const LIMIT: u128 = 10_u128.pow(DIGITS);
/// Half of [`DIGITS`] digits: products of what is below it fit twice.
const HALF: u128 = 10_u128.pow(DIGITS / 2);
/// The largest power of ten of a first digit, either way.
const MOST_EXPONENT: i32 = 6144;
/// The most digits that are written without an exponent.
const PLAIN: i32 = 40;

/// A decimal number, `coefficient × 10^exponent`, of at most 34 digits. `+`, `-` and `*` are exact, then rounded to 34
/// digits, `/` is rounded to 34 digits, half to even. What leaves 10^±6144 has no value, and neither has a division by
/// zero. Always one machine word and a half: no number costs more than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

/// A number read from text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) number: Number,
    /// False when the text has more than 34 digits and was rounded.
    pub(super) exact: bool,
}

impl Number {
    /// From the text of a JSON number; none when it is none, or beyond the bounds.
    pub(super) fn read(text: &str) -> Option<Read> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let mut digits = Digits::default();
        for byte in mantissa.bytes() {
            digits.push(byte)?;
        }
        let number = digits.number(negative, exponent)?;
        Some(Read {
            number,
            exact: digits.guard == 0 && !digits.sticky,
        })
    }

    /// Without trailing zeros, zero without a sign.
    pub(super) const fn normal(mut self) -> Self {
        if self.coefficient == 0 {
            self.negative = false;
            self.exponent = 0;
            return self;
        }
        while self.coefficient.is_multiple_of(10) {
            self.coefficient /= 10;
            self.exponent += 1;
        }
        self
    }

    pub(super) const fn negated(mut self) -> Self {
        self.negative = !self.negative;
        self
    }

    /// The whole number that it is; none when it is not whole or does not fit.
    pub(super) fn whole(self) -> Option<i64> {
        let number = self.normal();
        let scale = 10_u128.checked_pow(u32::try_from(number.exponent).ok()?)?;
        let size = i64::try_from(number.coefficient.checked_mul(scale)?).ok()?;
        Some(if number.negative { -size } else { size })
    }

    pub(super) fn plus(self, other: Self) -> Option<Self> {
        if self.coefficient == 0 {
            return Some(other);
        }
        if other.coefficient == 0 {
            return Some(self);
        }
        let (mut large, mut small) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        // First the free places behind the larger one are used up, then what is far below its last digit is cut to what
        // can still turn the rounding.
        large.grow(small.exponent);
        let cut = large
            .exponent
            .saturating_sub(small.exponent)
            .saturating_sub(DIGITS.cast_signed());
        if cut > 0 {
            small.cut(cut.cast_unsigned());
        }
        let shift = large.exponent.abs_diff(small.exponent);
        let split = power(DIGITS.saturating_sub(shift));
        let (mut high, mut low) = (
            large.coefficient / split,
            large.coefficient % split * power(shift),
        );
        let mut negative = large.negative;
        if large.negative == small.negative {
            low += small.coefficient;
            (high, low) = (high + low / LIMIT, low % LIMIT);
        } else if high == 0 && low < small.coefficient {
            low = small.coefficient - low;
            negative = small.negative;
        } else if low < small.coefficient {
            (high, low) = (high - 1, low + LIMIT - small.coefficient);
        } else {
            low -= small.coefficient;
        }
        Self::rounded(negative, high, low, small.exponent)
    }

    pub(super) fn times(self, other: Self) -> Option<Self> {
        let (a1, a0) = (self.coefficient / HALF, self.coefficient % HALF);
        let (b1, b0) = (other.coefficient / HALF, other.coefficient % HALF);
        let middle = a1 * b0 + a0 * b1;
        let low = a0 * b0 + middle % HALF * HALF;
        let high = a1 * b1 + middle / HALF + low / LIMIT;
        let exponent = self.exponent.checked_add(other.exponent)?;
        Self::rounded(self.negative != other.negative, high, low % LIMIT, exponent)
    }

    /// None for a division by zero.
    pub(super) fn over(self, other: Self) -> Option<Self> {
        let divisor = other.coefficient;
        let mut quotient = self.coefficient.checked_div(divisor)?;
        let mut rest = self.coefficient % divisor;
        let mut exponent = self.exponent.checked_sub(other.exponent)?;
        // One digit more than is kept, for the rounding.
        while rest != 0 && quotient < LIMIT {
            rest *= 10;
            quotient = quotient * 10 + rest / divisor;
            rest %= divisor;
            exponent = exponent.checked_sub(1)?;
        }
        let negative = self.negative != other.negative;
        if rest != 0 && quotient.is_multiple_of(5) {
            quotient += 1;
        }
        Self::rounded(negative, quotient / LIMIT, quotient % LIMIT, exponent)
    }

    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (1, 1) => self.compare_size(other),
            (-1, -1) => other.compare_size(self),
            (own, others) => own.cmp(&others),
        }
    }

    const fn sign(self) -> i8 {
        match (self.coefficient, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    /// Of two that are not zero.
    fn compare_size(mut self, mut other: Self) -> Ordering {
        if self.exponent != other.exponent {
            let by_first_digit = self.first_digit().cmp(&other.first_digit());
            if by_first_digit != Ordering::Equal {
                return by_first_digit;
            }
            // With first digits in one place, the shorter one has room to grow to the other's last place.
            self.grow(other.exponent);
            other.grow(self.exponent);
        }
        self.coefficient.cmp(&other.coefficient)
    }

    /// The power of ten of its first digit.
    fn first_digit(self) -> i32 {
        self.exponent
            .saturating_add(digits(self.coefficient).cast_signed())
            - 1
    }

    /// Lowers the exponent to `lowest`, or as far as 34 digits let it.
    fn grow(&mut self, lowest: i32) {
        let free = DIGITS.saturating_sub(digits(self.coefficient)).cast_signed();
        let shift = self.exponent.saturating_sub(lowest).clamp(0, free);
        self.coefficient *= power(shift.unsigned_abs());
        self.exponent -= shift;
    }

    /// Cuts digits off so that a later rounding, far above, is as if they were there.
    fn cut(&mut self, places: u32) {
        let unit = if places > DIGITS { LIMIT } else { power(places) };
        let rest = self.coefficient % unit;
        self.coefficient /= unit;
        if rest != 0 && self.coefficient.is_multiple_of(5) {
            self.coefficient += 1;
        }
        self.exponent = self.exponent.saturating_add(places.cast_signed());
    }

    /// `(high × 10^34 + low) × 10^exponent`, both below [`LIMIT`], rounded.
    fn rounded(negative: bool, high: u128, low: u128, exponent: i32) -> Option<Self> {
        if high == 0 {
            return Self::bounded(negative, low, exponent);
        }
        let excess = digits(high);
        let unit = power(excess);
        let coefficient = high * power(DIGITS.saturating_sub(excess)) + low / unit;
        let up = match (low % unit).cmp(&(unit / 2)) {
            Ordering::Less => false,
            Ordering::Equal => coefficient % 2 == 1,
            Ordering::Greater => true,
        };
        let exponent = exponent.checked_add(excess.cast_signed())?;
        Self::bounded(negative, coefficient + u128::from(up), exponent)
    }

    /// None beyond the bounds. The coefficient is at most [`LIMIT`].
    fn bounded(negative: bool, coefficient: u128, exponent: i32) -> Option<Self> {
        let mut number = Self {
            negative,
            coefficient,
            exponent,
        };
        if coefficient == 0 {
            return Some(number.normal());
        }
        if coefficient >= LIMIT {
            number.coefficient /= 10;
            number.exponent = exponent.checked_add(1)?;
        }
        let first = number.first_digit();
        (-MOST_EXPONENT..=MOST_EXPONENT)
            .contains(&first)
            .then_some(number)
    }
}

/// `1.50` reads as 1.5; beyond 40 places with an exponent, `15e60`.
impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let number = self.normal();
        if number.negative {
            f.write_str("-")?;
        }
        let digits = number.coefficient.to_string();
        let count = i32::try_from(digits.len()).unwrap_or(PLAIN);
        let exponent = number.exponent;
        if (0..=PLAIN - count).contains(&exponent) {
            return write!(f, "{digits}{}", "0".repeat(exponent.unsigned_abs() as usize));
        }
        if !(-PLAIN..0).contains(&exponent) {
            return write!(f, "{digits}e{exponent}");
        }
        let places = exponent.unsigned_abs() as usize;
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at_checked(padded.len() - places).unwrap_or_default();
        write!(f, "{whole}.{fraction}")
    }
}

/// Digits as they are read.
#[derive(Default)]
struct Digits {
    coefficient: u128,
    /// How many stand in the coefficient.
    kept: u32,
    /// The first digit that has no place in it.
    guard: u8,
    /// Whether one behind that is not zero.
    sticky: bool,
    /// How many are left out.
    left_out: i32,
    /// How many stand behind the point.
    places: Option<i32>,
    any: bool,
}

impl Digits {
    fn push(&mut self, byte: u8) -> Option<()> {
        if byte == b'.' && self.places.is_none() && self.any {
            self.places = Some(0);
            return Some(());
        }
        if !byte.is_ascii_digit() {
            return None;
        }
        self.any = true;
        let digit = byte - b'0';
        self.places = self.places.map(|places| places.saturating_add(1));
        if self.kept < DIGITS {
            self.coefficient = self.coefficient * 10 + u128::from(digit);
            // Leading zeros take no place.
            self.kept += u32::from(self.coefficient != 0);
            return Some(());
        }
        if self.left_out == 0 {
            self.guard = digit;
        } else {
            self.sticky |= digit != 0;
        }
        self.left_out = self.left_out.saturating_add(1);
        Some(())
    }

    fn number(&self, negative: bool, exponent: i32) -> Option<Number> {
        let places = self.places.unwrap_or(0);
        // A point needs a digit behind it.
        if !self.any || self.places == Some(0) {
            return None;
        }
        let exponent = exponent.checked_sub(places)?.checked_add(self.left_out)?;
        let up = match self.guard.cmp(&5) {
            Ordering::Less => false,
            Ordering::Equal => self.sticky || self.coefficient % 2 == 1,
            Ordering::Greater => true,
        };
        Number::bounded(negative, self.coefficient + u128::from(up), exponent)
    }
}

fn digits(coefficient: u128) -> u32 {
    coefficient.checked_ilog10().map_or(0, |log| log + 1)
}

/// 10^`exponent`, for up to 38.
const fn power(exponent: u32) -> u128 {
    10_u128.saturating_pow(exponent)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::read(text).unwrap().number
    }

    fn shown(result: Option<Number>) -> String {
        result.map_or_else(|| "none".to_owned(), |number| number.to_string())
    }

    #[test]
    fn texts_read_to_numbers_and_print() {
        for (text, printed) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.000", "0"),
            ("1.50", "1.5"),
            ("-12", "-12"),
            ("1e3", "1000"),
            ("1E+3", "1000"),
            ("1e-3", "0.001"),
            ("123.456e1", "1234.56"),
            ("1e39", "1000000000000000000000000000000000000000"),
            ("1e41", "1e41"),
            ("1.5e-60", "15e-61"),
            ("0000.5", "0.5"),
            (
                "99999999999999999999999999999999995",
                "100000000000000000000000000000000000",
            ),
            (
                "12345678901234567890123456789012345",
                "12345678901234567890123456789012340",
            ),
            (
                "12345678901234567890123456789012335",
                "12345678901234567890123456789012340",
            ),
            (
                "123456789012345678901234567890123250001",
                "123456789012345678901234567890123300000",
            ),
            ("0.00000000000000000000000000000000000000000001", "1e-44"),
            ("1e6144", "1e6144"),
        ] {
            assert_eq!(number(text).to_string(), printed, "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            ".5",
            "1.",
            "1..2",
            "1e",
            "1e1000000000000",
            "x",
            "1e6145",
            "1e-6145",
            "+1",
        ] {
            assert!(Number::read(text).is_none(), "{text}");
        }
        assert!(Number::read(&"9".repeat(34)).unwrap().exact);
        assert!(!Number::read(&"9".repeat(35)).unwrap().exact);
    }

    #[test]
    fn arithmetic_is_exact_and_then_rounded_half_to_even() {
        let nines = "9".repeat(34);
        for (left, operator, right, result) in [
            ("0.1", "+", "0.2", "0.3"),
            ("1", "-", "0.9", "0.1"),
            ("1.10", "*", "3", "3.3"),
            ("1", "/", "3", "0.3333333333333333333333333333333333"),
            ("2", "/", "3", "0.6666666666666666666666666666666667"),
            ("10", "/", "4", "2.5"),
            ("1", "/", "0", "none"),
            ("0", "/", "5", "0"),
            ("5", "-", "5", "0"),
            (&nines, "+", "1", "10000000000000000000000000000000000"),
            (&nines, "+", "0.5", "10000000000000000000000000000000000"),
            (&nines, "+", "0.4", &nines),
            ("1e35", "+", &nines, "110000000000000000000000000000000000"),
            ("1e100", "+", "1", "1e100"),
            ("1e100", "-", "1", "1e100"),
            ("1e33", "-", "0.0999", "999999999999999999999999999999999.9"),
            ("1e33", "-", "0.0499", "1000000000000000000000000000000000"),
            ("1e33", "-", "0.05", "1000000000000000000000000000000000"),
            (
                "1e33",
                "-",
                "0.05000000000000000000000000001",
                "999999999999999999999999999999999.9",
            ),
            (&nines, "*", &nines, "9999999999999999999999999999999998e34"),
            ("1e6000", "*", "1e6000", "none"),
            ("1e-6000", "*", "1e-6000", "none"),
            ("1e6000", "/", "1e-6000", "none"),
            ("-3", "*", "-4", "12"),
            ("-7", "/", "2", "-3.5"),
        ] {
            let (a, b) = (number(left), number(right));
            let found = match operator {
                "+" => a.plus(b),
                "-" => a.plus(b.negated()),
                "*" => a.times(b),
                _ => a.over(b),
            };
            assert_eq!(shown(found), result, "{left} {operator} {right}");
        }
    }

    #[test]
    fn what_is_whole_is_known() {
        assert_eq!(number("1.0").whole(), Some(1));
        assert_eq!(number("-1e2").whole(), Some(-100));
        assert_eq!(number("0.0").whole(), Some(0));
        for text in ["1.5", "1e30", "1e600", "9223372036854775808"] {
            assert_eq!(number(text).whole(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_integers(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000,
                                   places in 0_u32..9) {
            let read = |n: i64| number(&format!("{n}e-{places}"));
            let (x, y) = (read(a), read(b));
            let whole = |n: i128, places: u32| number(&format!("{n}e-{places}")).normal();
            prop_assert_eq!(x.plus(y).unwrap().normal(), whole(i128::from(a) + i128::from(b), places));
            prop_assert_eq!(x.times(y).unwrap().normal(), whole(i128::from(a) * i128::from(b), places * 2));
            prop_assert_eq!(x.compare(y), a.cmp(&b));
            if b != 0 {
                let back = x.over(y).unwrap().times(y).unwrap().plus(x.negated()).unwrap();
                prop_assert!(back.coefficient == 0 || back.first_digit() < x.first_digit() - 31);
            }
        }

        #[test]
        fn it_agrees_with_exact_comparison(a in "-?[0-9]{1,34}(\\.[0-9]{1,9})?(e-?[0-9]{1,2})?", b in "-?[0-9]{1,34}") {
            use crate::domain::decimal::Decimal;
            let (x, y) = (Number::read(&a).unwrap(), Number::read(&b).unwrap());
            if x.exact && y.exact {
                let exact = Decimal::parse(&a).unwrap().cmp(&Decimal::parse(&b).unwrap());
                prop_assert_eq!(x.number.compare(y.number), exact);
            }
        }

        #[test]
        fn sums_turn_back(a in "-?[0-9]{1,34}e-?[0-9]{1,2}", b in "-?[0-9]{1,34}e-?[0-9]{1,2}") {
            let (x, y) = (number(&a), number(&b));
            prop_assert_eq!(x.plus(y), y.plus(x));
            prop_assert_eq!(x.plus(x.negated()).unwrap().coefficient, 0);
            prop_assert_eq!(x.times(y).unwrap().normal(), y.times(x).unwrap().normal());
        }

        #[test]
        fn what_prints_reads_back(text in "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?") {
            let read = number(&text).normal();
            prop_assert_eq!(number(&read.to_string()).normal(), read, "{}", text);
        }
    }
}
