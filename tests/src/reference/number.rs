//! Numbers of the reference: exact fractions of natural units (yuan, points, plain counts, 1 = 100 %).

use num_bigint::BigInt;
use num_rational::BigRational;

/// An exact fraction.
pub type Number = BigRational;

/// A whole number as a fraction.
pub fn whole(n: i64) -> Number {
    BigRational::from_integer(BigInt::from(n))
}

/// §2: a plain decimal, or a share such as `12.5%`, which is a hundredth of its decimal.
pub fn parse(text: &str) -> Number {
    if let Some(percent) = text.strip_suffix('%') {
        return parse(percent) / whole(100);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let all: BigInt = format!("{before}{after}").parse().unwrap_or_else(|_| panic!("`{text}` is no decimal"));
    whole(sign) * BigRational::from_integer(all) / power_of_ten(after.len())
}

/// §2, rounding: to `places` decimals by one of the three methods.
pub fn round(value: &Number, places: usize, method: &str) -> Number {
    let scaled = value * power_of_ten(places);
    let below = scaled.floor();
    let above = &below + whole(1);
    let rest = &scaled - &below;
    let half = whole(1) / whole(2);
    let negative = scaled < whole(0);
    let rounded = match method {
        _ if scaled.is_integer() => scaled,
        "down" if negative => above,
        "down" => below,
        "half-up" | "half-even" if rest < half => below,
        "half-up" | "half-even" if rest > half => above,
        "half-up" if negative => below,
        "half-even" if (&below / whole(2)).is_integer() => below,
        "half-up" | "half-even" => above,
        other => panic!("`{other}` is no rounding"),
    };
    rounded / power_of_ten(places)
}

/// Between a floor and a cap, where they are given.
pub(super) fn clip(value: Number, floor: Option<&Number>, cap: Option<&Number>) -> Number {
    let mut clipped = value;
    if let Some(cap) = cap
        && clipped > *cap
    {
        clipped = cap.clone();
    }
    if let Some(floor) = floor
        && clipped < *floor
    {
        clipped = floor.clone();
    }
    clipped
}

/// The sum of some numbers.
pub(super) fn sum<'a>(numbers: impl IntoIterator<Item = &'a Number>) -> Number {
    let mut total = whole(0);
    for number in numbers {
        total += number;
    }
    total
}

fn power_of_ten(places: usize) -> Number {
    let mut power = whole(1);
    for _ in 0..places {
        power *= whole(10);
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_shares_are_read_exactly() {
        assert_eq!(parse("-12.50"), whole(-25) / whole(2));
        assert_eq!(parse("12.5%"), whole(1) / whole(8));
        assert_eq!(parse("0.0001") * whole(10_000), whole(1));
    }

    #[test]
    fn ties_go_where_the_method_says() {
        for (value, half_up, half_even, down) in [
            ("2.5", 3, 2, 2),
            ("3.5", 4, 4, 3),
            ("-2.5", -3, -2, -2),
            ("-3.5", -4, -4, -3),
            ("2.51", 3, 3, 2),
            ("-2.49", -2, -2, -2),
            ("-2.51", -3, -3, -2),
            ("-2", -2, -2, -2),
        ] {
            let value = parse(value);
            assert_eq!(round(&value, 0, "half-up"), whole(half_up), "{value} half-up");
            assert_eq!(round(&value, 0, "half-even"), whole(half_even), "{value} half-even");
            assert_eq!(round(&value, 0, "down"), whole(down), "{value} down");
        }
    }
}
