//! Who lives in the world: the n-th enterprise, before anything happened to it.

use hengxin_core::date::Date;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use super::dice::Dice;
use super::{BEGIN, Options, REFERENCE};

/// Counties: ten of each of ten cities whose numbers nobody was ever given.
const COUNTIES: u64 = 100;
/// One place in nine belongs to an enterprise founded after the reference day.
const NEWCOMERS: u64 = 9;
/// How long newcomers arrive for, in days after the reference day.
const ARRIVAL: i32 = 1095;

/// What an enterprise does, as far as it decides which registers know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sector {
    General,
    Food,
    Environment,
    Medicine,
    Highway,
    Energy,
    Intermediary,
}

/// All sectors, in the order of their numbers.
pub(super) const SECTORS: [Sector; 7] = [
    Sector::General,
    Sector::Food,
    Sector::Environment,
    Sector::Medicine,
    Sector::Highway,
    Sector::Energy,
    Sector::Intermediary,
];

/// An enterprise.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) code: Uscc,
    /// Its place among all.
    pub(super) number: u64,
    pub(super) sector: Sector,
    /// Most adverse facts are those of few.
    pub(super) troubled: bool,
    /// Events a year, in thousandths.
    pub(super) rate: u64,
    pub(super) established: Date,
    /// The day its registration was recorded.
    pub(super) recorded: Date,
    pub(super) region: RegionCode,
    pub(super) industry: IndustryCode,
    /// Choices of the registration's enumerated attributes: form, size.
    pub(super) form: usize,
    pub(super) size: usize,
    pub(super) capital: i64,
}

/// How many places there are, taken up or not.
pub(super) fn places(options: &Options) -> u64 {
    options.enterprises + options.enterprises.saturating_sub(1) / (NEWCOMERS - 1)
}

/// The letters of a code, ascending as characters do.
const LETTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The code of a place. Codes ascend with places.
pub(super) fn code(place: u64, places: u64) -> Uscc {
    let of_each = places.div_ceil(COUNTIES).max(1);
    let (county, mut serial) = (place / of_each, place % of_each);
    // A block of organisation codes far ahead of those in use.
    let mut body = *b"MAY00000";
    for letter in body[3..].iter_mut().rev() {
        *letter = LETTERS[usize::try_from(serial % 31).unwrap_or(0)];
        serial /= 31;
    }
    Uscc::assemble(*b"91", county_region(county), body)
        .unwrap_or_else(|e| unreachable!("letters of the alphabet in a province that exists: {e}"))
}

/// 335101 to 336010: Zhejiang has no cities of these numbers.
fn county_region(county: u64) -> RegionCode {
    let county = u32::try_from(county % COUNTIES).unwrap_or(0);
    RegionCode::from_digits(335_000 + (county / 10 + 1) * 100 + county % 10 + 1)
        .unwrap_or_else(|e| unreachable!("33 is a province: {e}"))
}

const GENERAL: [&str; 12] = [
    "F5211", "F5112", "F5175", "I6510", "I6420", "L7211", "C3311", "C3012", "H6210", "E4710", "G5430",
    "O8211",
];

impl Subject {
    /// The day a place's registration is recorded; before it there is no such subject.
    pub(super) fn recorded_on(options: &Options, place: u64) -> Date {
        founding(options, place).1
    }

    /// The enterprise of a place.
    pub(super) fn of(options: &Options, place: u64, places: u64) -> Subject {
        let (established, recorded) = founding(options, place);
        let mut d = Dice::new(options.seed, place, 1);
        let sector = match d.below(1000) {
            0..80 => Sector::Food,
            80..110 => Sector::Environment,
            110..122 => Sector::Medicine,
            122..134 => Sector::Highway,
            134..140 => Sector::Energy,
            140..160 => Sector::Intermediary,
            _ => Sector::General,
        };
        let industry = match sector {
            Sector::General => d.pick(&GENERAL),
            Sector::Food => d.pick(&["C1411", "C1310", "C1353", "C1441", "C1521"]),
            Sector::Environment => d.pick(&["C2611", "C3110", "C2221", "C3120"]),
            Sector::Medicine => d.pick(&["C2710", "C2720", "F5151"]),
            Sector::Highway => d.pick(&["E4812", "E4811"]),
            Sector::Energy => d.pick(&["B0610", "D4411"]),
            Sector::Intermediary => d.pick(&["L7231", "M7481", "M7450"]),
        };
        let troubled = d.permille(60);
        // In six years: most have a few records, few have thousands.
        let expected = match d.below(1000) {
            0..600 => 1 + d.below(7),
            600..880 => 8 + d.below(14),
            880..970 => 22 + d.below(60),
            970..998 => 80 + d.below(300),
            _ => {
                let x = d.below(1000);
                400 + x * x * x / 170_000
            }
        };
        let county = place / places.div_ceil(COUNTIES).max(1);
        let size =
            if expected > 100 { d.pick(&[0, 0, 1, 1, 2]) } else { d.pick(&[1, 2, 2, 2, 3, 3, 3, 3, 3]) };
        Subject {
            code: code(place, places),
            number: place,
            sector,
            troubled,
            rate: expected * 1000 / 6,
            established,
            recorded,
            region: county_region(if d.permille(40) { d.below(COUNTIES) } else { county }),
            industry: industry.parse().unwrap_or_else(|e| unreachable!("{industry} is in the list: {e}")),
            form: d.pick(&[0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8]),
            size,
            capital: i64::try_from((10 + d.below(990)) * 10_000 * 100).unwrap_or(0)
                * d.pick(&[1, 1, 1, 10, 10, 100]),
        }
    }
}

/// Established, and recorded.
fn founding(options: &Options, place: u64) -> (Date, Date) {
    let mut d = Dice::new(options.seed, place, 0);
    if place % NEWCOMERS == NEWCOMERS - 1 {
        let established = REFERENCE.plus_days(d.between(1, ARRIVAL));
        return (established, established.plus_days(d.between(1, 20)));
    }
    let established = REFERENCE.plus_days(-d.between(30, 15 * 365));
    // What was there before the first batch came with it or soon after.
    let recorded = BEGIN.max(established).plus_days(d.between(0, 25));
    (established, recorded)
}
