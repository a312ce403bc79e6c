//! How facts of each code are made: read off the vocabulary, with proportions of the project's own where they decide
//! grades. A code the vocabulary gains later is made too.

use hengxin_core::fact::{Class, ClassId, Classes};
use hengxin_core::vocabulary::{Code, CodeId, FieldKind, Polarity, Shape, Vocabulary};

use super::dice::{Dice, sums};
use super::subject::{SECTORS, Sector};

/// What facts of the vocabulary look like.
#[derive(Debug)]
pub(super) struct Recipes {
    pub(super) classes: Classes,
    /// By code.
    pub(super) all: Vec<Recipe>,
    /// For each sector, untroubled then troubled: ascending sums of the codes' weights.
    weights: Vec<[Vec<u32>; 2]>,
    pub(super) registration: CodeId,
    pub(super) repair: Option<CodeId>,
    pub(super) objection: Option<CodeId>,
    pub(super) withdrawal: Option<CodeId>,
    pub(super) annual_report: Option<CodeId>,
    pub(super) food_static: Option<CodeId>,
    pub(super) food_dynamic: Option<CodeId>,
}

/// What the number of a code's facts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    None,
    Fen,
    Count,
    /// 0 to 100, in ten-thousandths.
    Score,
    /// 0 to 40, in ten-thousandths: risk.
    Risk,
    /// Tonnes, in ten-thousandths.
    Volume,
    /// A few points, in ten-thousandths.
    Points,
}

/// Which day a code's facts carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Itself,
    MonthEnd,
    YearEnd,
}

/// When a code's facts end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// Known from the beginning.
    Stated,
    /// Recorded when it comes: a correction.
    Later,
}

/// What a code's references are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    None,
    Year,
    /// One of the subject's few: several facts share it.
    Shared,
    /// Of each fact its own.
    Own,
}

/// One code.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent traits of a code, read off its declaration")]
pub(super) struct Recipe {
    /// Choices of each enumerated attribute.
    fields: Vec<Choices>,
    /// All combinations of choices, the last attribute fastest.
    combinations: Vec<ClassId>,
    pub(super) repairable: bool,
    pub(super) publicity: bool,
    pub(super) number: Number,
    pub(super) day: Day,
    /// Whether two facts of one day would be one record.
    pub(super) once_a_day: bool,
    pub(super) end: End,
    pub(super) reference: Reference,
    pub(super) relation: bool,
    /// Positions of `scheme` and `grade`, when the grades of a scheme are its own.
    schemes: bool,
}

#[derive(Debug)]
struct Choices {
    values: Vec<u64>,
    /// Untroubled, troubled.
    sums: [Vec<u32>; 2],
}

impl Recipes {
    pub(super) fn of(vocabulary: &Vocabulary) -> Recipes {
        let mut classes = Classes::default();
        let ids = (0u16..).map(CodeId);
        let all: Vec<Recipe> =
            vocabulary.codes.iter().zip(ids).map(|(code, id)| Recipe::of(code, id, &mut classes)).collect();
        let weights = SECTORS.map(|sector| {
            [false, true].map(|troubled| sums(vocabulary.codes.iter().map(|c| weight(c, sector, troubled))))
        });
        Recipes {
            classes,
            all,
            weights: weights.to_vec(),
            registration: vocabulary.registration(),
            repair: vocabulary.code_id("credit-repair"),
            objection: vocabulary.code_id("objection"),
            withdrawal: vocabulary.code_id("withdrawal"),
            annual_report: vocabulary.code_id("annual-report"),
            food_static: vocabulary.code_id("food-static-risk"),
            food_dynamic: vocabulary.code_id("food-dynamic-risk"),
        }
    }

    pub(super) fn recipe(&self, code: CodeId) -> &Recipe {
        &self.all[usize::from(code.0)]
    }

    /// What happens next to an enterprise of a sector.
    pub(super) fn code(&self, d: &mut Dice, sector: Sector, troubled: bool) -> CodeId {
        let sector = SECTORS.iter().position(|s| *s == sector).unwrap_or(0);
        CodeId(u16::try_from(d.weighted(&self.weights[sector][usize::from(troubled)])).unwrap_or(0))
    }
}

impl Recipe {
    fn of(code: &Code, id: CodeId, classes: &mut Classes) -> Recipe {
        let fields: Vec<Choices> = code.class_fields.iter().map(|field| choices(code, *field)).collect();
        let total: usize = fields.iter().map(|f| f.values.len()).product();
        let combinations = (0..total).map(|mut n| {
            let mut values = vec![0; fields.len()];
            for (value, field) in values.iter_mut().zip(&fields).rev() {
                *value = field.values[n % field.values.len()];
                n /= field.values.len();
            }
            classes.intern(Class { code: id, values: values.into() })
        });
        let combinations = combinations.collect();
        let field = |index: Option<usize>| index.map(|i| code.fields[i].id.as_str());
        let risk = code.id.starts_with("food-");
        let number = match code.number.map(|n| (&code.fields[n].kind, code.fields[n].id.as_str())) {
            None => Number::None,
            Some((FieldKind::Money(_), _)) => Number::Fen,
            Some((FieldKind::Number, "score")) if risk => Number::Risk,
            Some((FieldKind::Number, "score")) => Number::Score,
            Some((FieldKind::Number, "volume")) => Number::Volume,
            Some((FieldKind::Number, _)) => Number::Points,
            Some(_) => Number::Count,
        };
        let event_or_status = matches!(code.shape, Shape::Event | Shape::Status);
        Recipe {
            repairable: code.polarity == Polarity::Adverse && event_or_status,
            publicity: code.publicity_until.is_some(),
            number,
            day: match code.fields[code.occurred_on].id.as_str() {
                "month_end" => Day::MonthEnd,
                "period_end" => Day::YearEnd,
                _ => Day::Itself,
            },
            once_a_day: code
                .key
                .iter()
                .all(|k| *k == code.occurred_on || !code.fields[*k].values().is_empty()),
            end: match (code.ends_on, code.shape) {
                (None, _) => End::Never,
                (Some(_), Shape::Status) if code.polarity == Polarity::Adverse => End::Later,
                (Some(_), Shape::Relation) => End::Later,
                (Some(_), _) => End::Stated,
            },
            reference: match field(code.reference) {
                None => Reference::None,
                Some("year") => Reference::Year,
                Some("commitment_code" | "case_number") => Reference::Own,
                Some(_) => Reference::Shared,
            },
            relation: code.relation.is_some(),
            schemes: code.id == "official-grade",
            fields,
            combinations,
        }
    }

    /// Chooses the attributes of a fact.
    pub(super) fn class(&self, d: &mut Dice, troubled: bool) -> ClassId {
        let mut number = 0;
        let mut scheme = None;
        for field in &self.fields {
            let mut choice = d.weighted(&field.sums[usize::from(troubled)]);
            if self.schemes {
                choice = match scheme {
                    None => *scheme.insert(choice),
                    // Of each scheme its own grades, by their places in the vocabulary.
                    Some(scheme) => grade(d, scheme, troubled).min(field.values.len() - 1),
                };
            }
            number = number * field.values.len() + choice;
        }
        self.combinations[number]
    }

    /// The class of chosen values.
    pub(super) fn class_of(&self, choices: &[usize]) -> ClassId {
        let each = self.fields.iter().zip(choices);
        let number = each.fold(0, |n, (field, choice)| n * field.values.len() + choice % field.values.len());
        self.combinations[number]
    }

    /// Chooses one attribute.
    pub(super) fn choice(&self, d: &mut Dice, field: usize) -> usize {
        self.fields.get(field).map_or(0, |field| d.weighted(&field.sums[0]))
    }
}

fn grade(d: &mut Dice, scheme: usize, troubled: bool) -> usize {
    match (scheme, troubled) {
        // a b m c d
        (0, false) => d.pick(&[0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 3, 4]),
        (0, true) => d.pick(&[0, 1, 1, 2, 3, 3, 4, 4]),
        // aeo certified ordinary dishonest seriously-dishonest
        (1, false) => d.pick(&[5, 6, 7, 7, 7, 7, 7, 8, 9]),
        (1, true) => d.pick(&[6, 7, 7, 8, 8, 9]),
        // green blue yellow red
        (2, false) => d.pick(&[10, 10, 11, 11, 11, 12, 13]),
        (2, true) => d.pick(&[11, 12, 12, 13, 13]),
        (_, false) => d.pick(&[0, 0, 1, 1, 1, 3]),
        (_, true) => d.pick(&[1, 3, 3, 4]),
    }
}

/// How often a code's facts happen, beside those of other codes.
fn weight(code: &Code, sector: Sector, troubled: bool) -> u32 {
    let of_sector = |own: bool, weight: (u32, u32)| if own { weight } else { (2, 2) };
    let (good, bad) = match code.id.as_str() {
        // Made elsewhere: at the registration, once a year, or upon another fact.
        "annual-report" => (0, 0),
        _ if matches!(code.shape, Shape::Registration | Shape::Mark(_)) => (0, 0),
        "administrative-permit" => (1400, 700),
        "administrative-penalty" => (450, 3000),
        "abnormal-operation" => (150, 900),
        "serious-dishonesty-list" => (4, 120),
        "judgment" => (200, 900),
        "enforcement-default" => (15, 300),
        "official-grade" => (1000, 600),
        "tax-matter" => (300, 700),
        "tax-status" => (500, 400),
        "tax-payable" => (250, 250),
        "commitment" => (1000, 700),
        "contract-performance" => (900, 800),
        "arrears" => (40, 500),
        "inspection" => (1600, 1500),
        "honour" => (350, 60),
        "social-insurance" => (1200, 800),
        "accident" => (10, 120),
        "relation" => (150, 150),
        id if id.starts_with("environment-") => of_sector(sector == Sector::Environment, (700, 900)),
        id if id.starts_with("medicine-") => of_sector(sector == Sector::Medicine, (300, 1500)),
        id if id.starts_with("highway-") => of_sector(sector == Sector::Highway, (1500, 1500)),
        id if id.starts_with("energy-") => of_sector(sector == Sector::Energy, (2500, 2500)),
        "food-intentional-offence" => of_sector(sector == Sector::Food, (20, 500)),
        id if id.starts_with("food-") => of_sector(sector == Sector::Food, (500, 500)),
        id if id.starts_with("intermediary-") => of_sector(sector == Sector::Intermediary, (1500, 1200)),
        _ => (40, 60),
    };
    if troubled { bad } else { good }
}

/// The choices of an enumerated field, and how often each is taken.
fn choices(code: &Code, index: usize) -> Choices {
    let field = &code.fields[index];
    let n = field.values().len();
    let values: Vec<u64> = match field.kind {
        // Each alone, and each with its neighbour: fines with confiscation and the like.
        FieldKind::Set(_) => (0..n).map(|i| 1 << i).chain((1..n).map(|i| 1 << i | 1 << (i - 1))).collect(),
        _ => (1..=n as u64).collect(),
    };
    let stated: Option<[&[u32]; 2]> = match (code.id.as_str(), field.id.as_str()) {
        ("administrative-penalty", "kinds") => Some([
            &[30, 8, 60, 10, 4, 2, 1, 1, 1, 1, 1, 1, 1, 2, 8, 4, 12],
            &[20, 8, 60, 15, 6, 4, 2, 4, 3, 5, 2, 2, 2, 2, 8, 4, 15],
        ]),
        ("administrative-penalty", "severity") => Some([&[50, 45, 5], &[30, 45, 25]]),
        ("abnormal-operation", "reason") => Some([&[45, 15, 4, 26, 10], &[35, 15, 10, 30, 10]]),
        ("judgment", "kind") => Some([&[80, 3, 15, 2], &[60, 12, 20, 8]]),
        ("official-grade", "scheme") => Some([&[62, 8, 14, 8, 8], &[62, 8, 14, 8, 8]]),
        ("commitment", "fulfilment") => Some([&[90, 7, 3], &[50, 25, 25]]),
        ("contract-performance", "result") => Some([&[97, 3], &[70, 30]]),
        ("inspection", "result") => Some([&[80, 15, 4, 1], &[45, 25, 22, 8]]),
        ("social-insurance", "state") => Some([&[93, 4, 3], &[60, 20, 20]]),
        ("accident", "level") => Some([&[75, 20, 4, 1], &[60, 25, 10, 5]]),
        ("annual-report", "state") => Some([&[88, 10, 2], &[60, 30, 10]]),
        ("environment-monitoring", "result") => Some([&[92, 8], &[55, 45]]),
        ("tax-status", "data") => Some([&[85, 15], &[60, 40]]),
        ("registration", "status") => Some([&[60, 8, 15, 8, 3, 6], &[60, 8, 15, 8, 3, 6]]),
        _ => None,
    };
    // Where nothing is stated the first values are the usual ones; every value happens.
    let usual = |i: usize| 100 / (u32::try_from(i).unwrap_or(100) + 2) + 3;
    let weights = [0, 1].map(|troubled| -> Vec<u32> {
        let stated = stated.map(|s| s[troubled]).unwrap_or_default();
        (0..values.len()).map(|i| stated.get(i).copied().unwrap_or_else(|| usual(i))).collect()
    });
    let mut choices = Choices { values, sums: weights.map(sums) };
    let rarely_absent = !field.required && code.shape != Shape::Registration;
    if rarely_absent {
        choices.values.push(0);
        for sums in &mut choices.sums {
            let all = sums.last().copied().unwrap_or(0);
            sums.push(all + (all / 12).max(1));
        }
    }
    choices
}
