//! Exact decimals: JSON number texts compared and divided by steps on digits and exponent, never through a float and
//! never expanded. Used by validation.

use std::cmp::Ordering;

/// The most significant digits of a step: its digits fit a machine word with room for one more.
const STEP_DIGITS: usize = 18;

/// A decimal number, `digits × 10^exponent`, without leading or trailing zeros; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// From the text of a JSON number.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (
                mantissa,
                exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?,
            ),
            None => (rest, 0_i64),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut digits: Vec<u8> = whole
            .bytes()
            .chain(fraction.bytes())
            .map(|b| b - b'0')
            .skip_while(|d| *d == 0)
            .collect();
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        while digits.last() == Some(&0) {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        if digits.is_empty() {
            return Some(Self {
                negative: false,
                digits,
                exponent: 0,
            });
        }
        Some(Self {
            negative,
            digits,
            exponent,
        })
    }

    /// Whether it is a whole number: `1.0` and `1e2` are.
    pub const fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// Whether it is zero, with either sign.
    pub const fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Whether it is below zero.
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether it can be a step's size: above zero, with digits that fit a machine word.
    pub const fn is_step(&self) -> bool {
        !self.negative && !self.digits.is_empty() && self.digits.len() <= STEP_DIGITS
    }

    /// Whether it lies between two whole numbers.
    pub fn is_within(&self, low: i64, high: i64) -> bool {
        let bound = |number: i64| Self::parse(&number.to_string());
        bound(low).is_some_and(|low| *self >= low) && bound(high).is_some_and(|high| *self <= high)
    }

    /// Whether the distance from `base` is a whole number of steps; false for what is no step.
    pub fn is_multiple(&self, base: &Self, step: &Self) -> bool {
        if !step.is_step() {
            return false;
        }
        let modulus = step
            .digits
            .iter()
            .fold(0_u128, |sum, digit| sum * 10 + u128::from(*digit));
        // In units of the step's own last digit each side is a whole part and a fraction.
        let (own, other) = (
            self.in_units(step.exponent, modulus),
            base.in_units(step.exponent, modulus),
        );
        let (whole, carry) = if self.negative == base.negative {
            if own.fraction != other.fraction {
                return false;
            }
            (own.remainder + modulus - other.remainder, 0)
        } else {
            match own.fraction.plus(&other.fraction) {
                Some(carry) => (own.remainder + other.remainder, carry),
                None => return false,
            }
        };
        (whole + carry) % modulus == 0
    }

    fn in_units(&self, unit_exponent: i64, modulus: u128) -> Units<'_> {
        let shift = self.exponent.saturating_sub(unit_exponent);
        let fraction_digits = usize::try_from(-shift).unwrap_or(0);
        let whole_digits = self.digits.len().saturating_sub(fraction_digits);
        let (whole, fraction) = self.digits.split_at_checked(whole_digits).unwrap_or_default();
        let mut remainder = whole
            .iter()
            .fold(0, |sum, digit| (sum * 10 + u128::from(*digit)) % modulus);
        for _ in 0..shift.max(0) {
            if remainder == 0 {
                break;
            }
            remainder = remainder * 10 % modulus;
        }
        Units {
            remainder,
            fraction: Fraction {
                // Zero, and what is whole, has no place behind the point, whatever the unit.
                places: if fraction.is_empty() { 0 } else { fraction_digits },
                digits: fraction,
            },
        }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        // The place of the first digit decides; then the digits, which have no trailing zeros, in order.
        let top = |one: &Self| {
            one.exponent
                .saturating_add(i64::try_from(one.digits.len()).unwrap_or(i64::MAX))
        };
        top(self)
            .cmp(&top(other))
            .then_with(|| self.digits.cmp(&other.digits))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => {
                return if other.negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                };
            }
            (false, true) => {
                return if self.negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                };
            }
            (false, false) => {}
        }
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
        }
    }
}

struct Units<'a> {
    /// The whole part, modulo the step's digits.
    remainder: u128,
    fraction: Fraction<'a>,
}

/// `0.00ddd`: the last digit stands at `places` behind the point and is not zero, or there is none.
#[derive(PartialEq, Eq)]
struct Fraction<'a> {
    places: usize,
    digits: &'a [u8],
}

impl Fraction<'_> {
    /// The sum of two fractions when it is whole: 0 or 1.
    fn plus(&self, other: &Self) -> Option<u128> {
        if self.places == 0 && other.places == 0 {
            return Some(0);
        }
        if self.places != other.places {
            return None;
        }
        let at = |fraction: &Self, place: usize| {
            let leading = fraction.places - fraction.digits.len();
            place
                .checked_sub(leading)
                .and_then(|index| fraction.digits.get(index))
                .copied()
                .unwrap_or(0)
        };
        let mut carry = 0;
        for place in (0..self.places).rev() {
            let sum = at(self, place) + at(other, place) + carry;
            if sum % 10 != 0 {
                return None;
            }
            carry = sum / 10;
        }
        Some(u128::from(carry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn fits(value: &str, base: &str, step: &str) -> bool {
        number(value).is_multiple(&number(base), &number(step))
    }

    #[test]
    fn number_traps_are_judged_exactly() {
        assert!(fits("0.3", "0", "0.1"));
        assert!(!fits("0.35", "0", "0.1"));
        assert!(fits("-0.5", "0.5", "0.1"));
        assert!(fits("-0.25", "0.75", "1"));
        assert!(!fits("-0.25", "0.5", "1"));
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert_eq!(number("1e2").cmp(&number("100")), Ordering::Equal);
        assert!(number("1e2").is_integer() && number("1.0").is_integer() && !number("1.5").is_integer());
        assert_eq!(number("-0").cmp(&number("0.000")), Ordering::Equal);
        assert!(!number("-0").is_negative());
        let long = "9".repeat(400);
        assert!(number(&long) > number("1e399") && number(&long) < number("1e400"));
        assert!(fits(&long, "0", "3"));
        assert!(!fits("1e1000", "0", "0.7"));
        assert!(fits("1e1000", "0", "0.5"));
        assert!(!fits("1e-1000", "0", "0.5"));
        assert!(number("2147483647").is_within(i32::MIN.into(), i32::MAX.into()));
        assert!(!number("2147483648").is_within(i32::MIN.into(), i32::MAX.into()));
        assert!(!number("9223372036854775808").is_within(i64::MIN, i64::MAX));
        assert!(number("-9223372036854775808").is_within(i64::MIN, i64::MAX));
    }

    proptest! {
        #[test]
        fn comparison_and_steps_agree_with_integers(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000,
                                                    step in 1_i64..5_000, places in 0_usize..7) {
            let text = |n: i64| format!("{n}e-{places}");
            let (x, y) = (number(&text(a)), number(&text(b)));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x.is_multiple(&y, &number(&text(step))), (a - b) % step == 0);
        }
    }
}
