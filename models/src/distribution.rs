//! The tails of the normal and the chi-squared distribution.
//!
//! Formulas: Abramowitz and Stegun, *Handbook of Mathematical Functions*, 6.5.29 (series) and 6.5.31 (continued
//! fraction, evaluated by Lentz's method), 7.1.22.

/// The two-sided 95 % point of the standard normal distribution.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;

/// `P(|Z| ≥ |z|)` of a standard normal `Z`, within 0 and 1.
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(libm::fabs(z) / std::f64::consts::SQRT_2)
}

/// `P(X ≥ x)` of a chi-squared `X` with `degrees` of freedom, within 0 and 1. Zero degrees: 1 at `x ≤ 0`, else 0.
#[expect(clippy::many_single_char_names, reason = "the letters of the continued fraction")]
pub fn chi_squared_tail(x: f64, degrees: usize) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if degrees == 0 {
        return 0.0;
    }
    let (a, x) = (degrees as f64 / 2.0, x / 2.0);
    // x^a e^-x / Γ(a), the factor of both expansions.
    let front = libm::exp(a * libm::log(x) - x - libm::lgamma(a));
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        while term > sum * 1e-17 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        (1.0 - front * sum).clamp(0.0, 1.0)
    } else {
        let tiny = 1e-300;
        let mut b = x + 1.0 - a;
        let mut c = 1.0 / tiny;
        let mut d = 1.0 / b;
        let mut h = d;
        for i in 1..10_000 {
            let i = f64::from(i);
            let an = -i * (i - a);
            b += 2.0;
            d = 1.0 / nonzero(an * d + b, tiny);
            c = nonzero(b + an / c, tiny);
            h *= d * c;
            if (d * c - 1.0).abs() < 1e-15 {
                break;
            }
        }
        (front * h).clamp(0.0, 1.0)
    }
}

fn nonzero(v: f64, tiny: f64) -> f64 {
    if v.abs() < tiny { tiny } else { v }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12 + 1e-10 * expected, "{found} instead of {expected}");
    }

    #[test]
    fn tails_agree_with_tables() {
        near(normal_two_sided(NORMAL_95), 0.05);
        near(normal_two_sided(0.0), 1.0);
        // One degree of freedom is a squared normal; two are an exponential: exp(-x/2).
        near(chi_squared_tail(NORMAL_95 * NORMAL_95, 1), 0.05);
        near(chi_squared_tail(0.1, 2), libm::exp(-0.05));
        near(chi_squared_tail(30.0, 2), libm::exp(-15.0));
        // Four degrees: exp(-x/2) (1 + x/2).
        near(chi_squared_tail(9.487_729_036_781_154, 4), 0.05);
        near(chi_squared_tail(0.0, 3), 1.0);
    }
}
