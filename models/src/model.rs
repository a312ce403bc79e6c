//! A trained card as a file: what it was made of, what each bin earns, and how sure its coefficients are.
//!
//! JSON that a table program reads as it is. Read back it scores as it did before: cuts are written with as many digits as
//! tell them apart, points in decimals of four places at most.

use serde::{Deserialize, Serialize};

use crate::binning::{Basis, Bin, Binned, Search, Trend, What};
use crate::history::{Fine, Kind, Label, Layout};
use crate::mass::{Count, Mass};
use crate::plan::Plan;
use crate::scaling::{Card, CardFeature, UNIT};

/// What the file calls itself.
const FORMAT: &str = "hengxin-model";
const VERSION: u32 = 1;

/// A trained card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// `hengxin-model`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// What was asked for.
    pub plan: Plan,
    /// Rows that learned, and defaults among them, by weight.
    pub learned: Weights,
    /// Rows held out, likewise.
    pub held_out: Weights,
    /// What everybody starts with, in points.
    pub base: f64,
    /// The constant of the regression.
    pub intercept: f64,
    /// How the fit ended.
    pub fit: Fit,
    /// What the score is made of, by name.
    pub features: Vec<Feature>,
    /// How the scores of the learning rows lie, lowest first: what later scores are held against. Empty in a file of a program
    /// that did not write it.
    #[serde(default)]
    pub scores: Vec<ScoreBand>,
    /// Features that are not taken, with the reason.
    pub left_out: Vec<LeftOut>,
    /// What is worth knowing about the data and the fit.
    pub findings: Vec<String>,
}

/// Rows by weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// All.
    pub rows: f64,
    /// Those that defaulted.
    pub defaults: f64,
}

impl From<Count> for Weights {
    fn from(count: Count) -> Weights {
        Weights { rows: count.total().value(), defaults: count.bads.value() }
    }
}

/// A band of scores with about a tenth of the learning rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreBand {
    /// Its scores lie below this, and not below that of the band before; `null` is without end.
    pub below: Option<f64>,
    /// Learning rows in it, by weight.
    pub rows: f64,
    /// Those that defaulted, by weight.
    pub defaults: f64,
}

/// How a fit ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// `converged`, or what happened instead.
    pub outcome: String,
    /// Newton steps.
    pub steps: usize,
    /// Greatest derivative of the mean loss in the end.
    pub gradient: f64,
    /// Log-likelihood.
    pub log_likelihood: f64,
    /// With the constant only.
    pub log_likelihood_null: f64,
}

/// A feature of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Column of the history.
    pub column: String,
    /// `numeric` or `categorical`.
    pub kind: Kind,
    /// The trend of the default rates along it.
    pub trend: Trend,
    /// `optimal`, `given` or `infeasible`.
    pub search: String,
    /// Of all bins with rows.
    pub information_value: f64,
    /// Of its weight of evidence.
    pub coefficient: f64,
    /// Standard error of the coefficient; over groups where the history has groups. `null` without an optimum.
    pub error: Option<f64>,
    /// Of the test that the coefficient is 0.
    pub p: Option<f64>,
    /// Values that stand for something else than their size.
    pub special: Vec<Label>,
    /// Its bins: known values, then special ones, missing, unseen.
    pub bins: Vec<ModelBin>,
}

/// A bin of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelBin {
    /// The values in it.
    #[serde(flatten)]
    pub values: Values,
    /// Learning rows that did not default, by weight.
    pub goods: f64,
    /// Learning rows that defaulted, by weight.
    pub defaults: f64,
    /// Weight of evidence; above 0 is safer than average.
    pub woe: f64,
    /// `rows`, `no-rows` or `rule`: where the weight of evidence is from.
    pub basis: String,
    /// What it earns.
    pub points: f64,
}

/// The values of a bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Values {
    /// `from ≤ x < to`; `null` is without end.
    Range(Option<f64>, Option<f64>),
    /// These categories.
    Categories(Vec<String>),
    /// This special value.
    Special(Label),
    /// No value.
    Missing(Always),
    /// A category that no learning row had, or a text among numbers.
    Unseen(Always),
}

/// `true`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "bool", into = "bool")]
pub struct Always;

impl TryFrom<bool> for Always {
    type Error = &'static str;
    fn try_from(truth: bool) -> Result<Always, &'static str> {
        if truth { Ok(Always) } else { Err("found `false`, expected `true`") }
    }
}

impl From<Always> for bool {
    fn from(_: Always) -> bool {
        true
    }
}

/// A feature that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Column of the history.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// A file is no model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It is not the JSON of one.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is something else, or of another version.
    #[error("`format` is `{found}`, expected `{FORMAT}` version {VERSION}")]
    Format {
        /// What it calls itself.
        found: String,
    },
    /// The bins of a feature are not those of one.
    #[error("feature `{column}`: {found}, expected {expected}")]
    Bins {
        /// Which.
        column: String,
        /// What is wrong.
        found: String,
        /// What would do.
        expected: &'static str,
    },
}

impl Model {
    /// The words a model begins with.
    pub(crate) fn head() -> (String, u32) {
        (FORMAT.to_owned(), VERSION)
    }

    /// Reads a model from the text of its file.
    ///
    /// # Errors
    /// [`ModelError`].
    pub fn read(text: &[u8]) -> Result<Model, ModelError> {
        let model: Model = serde_json::from_slice(text)?;
        if (model.format.as_str(), model.version) != (FORMAT, VERSION) {
            return Err(ModelError::Format { found: format!("{} version {}", model.format, model.version) });
        }
        model.card()?;
        Ok(model)
    }

    /// The text of its file.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The columns it reads, in the order of its features.
    pub fn columns(&self) -> Vec<&str> {
        self.features.iter().map(|feature| feature.column.as_str()).collect()
    }

    /// The card that scores.
    ///
    /// # Errors
    /// Bins that do not cover every value once.
    pub fn card(&self) -> Result<Card, ModelError> {
        let features = self.features.iter().map(Feature::card).collect::<Result<_, _>>()?;
        Ok(Card { base: points(self.base), features, scaling: self.plan.scaling })
    }
}

/// A range as people read it.
pub(crate) fn range(from: Option<f64>, to: Option<f64>) -> String {
    match (from, to) {
        (None, None) => "of all numbers".to_owned(),
        (None, Some(to)) => format!("below {to}"),
        (Some(from), None) => format!("from {from}"),
        (Some(from), Some(to)) => format!("from {from} to below {to}"),
    }
}

/// Ten-thousandths.
#[expect(clippy::cast_possible_truncation, reason = "points lie within a million")]
pub(crate) fn points(points: f64) -> i64 {
    (points * UNIT).round() as i64
}

impl Feature {
    fn card(&self) -> Result<CardFeature, ModelError> {
        let wrong =
            |found: String, expected| ModelError::Bins { column: self.column.clone(), found, expected };
        let places = |wanted: fn(&Values) -> bool| -> Vec<usize> {
            (0..self.bins.len()).filter(|i| wanted(&self.bins[*i].values)).collect()
        };
        let one = |name: &'static str, wanted: fn(&Values) -> bool| match places(wanted).as_slice() {
            [one] => Ok(*one),
            other => Err(wrong(format!("{} bins of {name} values", other.len()), "one")),
        };
        let missing = one("missing", |v| matches!(v, Values::Missing(_)))?;
        let unseen = one("unseen", |v| matches!(v, Values::Unseen(_)))?;
        let mut bin_of = vec![missing];
        for label in &self.special {
            let place = self.bins.iter().position(|bin| bin.values == Values::Special(label.clone()));
            bin_of.push(
                place.ok_or_else(|| wrong(format!("no bin of `{label}`"), "one for each special value"))?,
            );
        }
        bin_of.push(unseen);
        let mut edges = Vec::new();
        let mut labels: Vec<(String, usize)> = Vec::new();
        // Where the next bin must begin; nowhere after one without an upper end.
        let mut next = Some(None);
        for (place, bin) in self.bins.iter().enumerate() {
            match &bin.values {
                Values::Range(from, to) => {
                    let ascends = from.zip(*to).is_none_or(|(from, to)| from < to);
                    if next != Some(*from) || !ascends {
                        let found = format!("a bin {}", range(*from, *to));
                        return Err(wrong(found, "bins that ascend without gaps"));
                    }
                    edges.extend(*to);
                    next = to.map(Some);
                    bin_of.push(place);
                }
                Values::Categories(names) => labels.extend(names.iter().map(|name| (name.clone(), place))),
                Values::Special(_) | Values::Missing(_) | Values::Unseen(_) => {}
            }
        }
        labels.sort();
        if let Some([(twice, _), _]) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(wrong(format!("`{twice}` in two bins"), "each category in one"));
        }
        let fine = match self.kind {
            Kind::Numeric if next.is_some() => {
                return Err(wrong("no bin without an upper end".to_owned(), "one for the greatest values"));
            }
            Kind::Numeric => Fine::Numeric { edges },
            Kind::Categorical => {
                bin_of.extend(labels.iter().map(|(_, place)| *place));
                Fine::Categorical { labels: labels.into_iter().map(|(name, _)| name).collect() }
            }
        };
        let layout = Layout { column: self.column.clone(), special: self.special.clone(), fine };
        let bins = self.bins.iter().map(|bin| self.bin(bin)).collect::<Result<Vec<Bin>, ModelError>>()?;
        let total = bins.iter().map(|bin| bin.count).sum();
        let binned = Binned {
            layout,
            bins,
            bin_of: bin_of.into_iter().map(|place| u16::try_from(place).unwrap_or(u16::MAX)).collect(),
            trend: self.trend,
            objective: self.information_value,
            search: Search::Given,
            total,
        };
        Ok(CardFeature { binned, points: self.bins.iter().map(|bin| points(bin.points)).collect() })
    }

    fn bin(&self, bin: &ModelBin) -> Result<Bin, ModelError> {
        let mass = |weight: f64| {
            Mass::from_value(weight).ok_or_else(|| ModelError::Bins {
                column: self.column.clone(),
                found: format!("a weight of {weight}"),
                expected: "a number from 0",
            })
        };
        let count = Count { goods: mass(bin.goods)?, bads: mass(bin.defaults)? };
        let what = match &bin.values {
            Values::Range(from, to) => What::Range { from: *from, to: *to },
            Values::Categories(names) => What::Categories(names.clone()),
            Values::Special(label) => {
                What::Special(self.special.iter().position(|one| one == label).unwrap_or(0))
            }
            Values::Missing(_) => What::Missing,
            Values::Unseen(_) => What::Unseen,
        };
        let basis = match bin.basis.as_str() {
            "rows" => Basis::Rows,
            "no-rows" => Basis::NoRows,
            _ => Basis::Rule,
        };
        Ok(Bin { what, count, woe: bin.woe, basis })
    }

    /// A feature of a card as it is written.
    pub(crate) fn of(card: &CardFeature, coefficient: f64, error: Option<f64>, p: Option<f64>) -> Feature {
        let Binned { layout, bins, trend, search, .. } = &card.binned;
        let values = |what: &What| match what {
            What::Range { from, to } => Values::Range(*from, *to),
            What::Categories(names) => Values::Categories(names.clone()),
            What::Special(place) => Values::Special(layout.special[*place].clone()),
            What::Missing => Values::Missing(Always),
            What::Unseen => Values::Unseen(Always),
        };
        let bins = bins.iter().zip(&card.points).map(|(bin, points)| ModelBin {
            values: values(&bin.what),
            goods: bin.count.goods.value(),
            defaults: bin.count.bads.value(),
            woe: bin.woe,
            basis: String::from(match bin.basis {
                Basis::Rows => "rows",
                Basis::NoRows => "no-rows",
                Basis::Rule => "rule",
            }),
            points: *points as f64 / UNIT,
        });
        Feature {
            column: layout.column.clone(),
            kind: match layout.fine {
                Fine::Numeric { .. } => Kind::Numeric,
                Fine::Categorical { .. } => Kind::Categorical,
            },
            trend: *trend,
            search: String::from(match search {
                Search::Optimal => "optimal",
                Search::Given => "given",
                Search::Infeasible => "infeasible",
            }),
            information_value: card.binned.information_value(),
            coefficient,
            error,
            p,
            special: layout.special.clone(),
            bins: bins.collect(),
        }
    }
}
