//! A model as an evaluation standard: a folder that the engine checks, replays and explains like every other.
//!
//! The folder has a vocabulary of its own, with one code for each feature, and the standard: an indicator for each feature that
//! takes the last value and earns the points of its bin. The kernel needs nothing new for it.
//!
//! The engine holds numbers in ten-thousandths, so cuts must lie on them (`history.decimals` of the plan makes them), and whoever
//! delivers a value rounds it *down* to four decimals: below a cut on the grid stays below, the rest stays at or above. A special value
//! among numbers must lie on the grid too and is a band of its own; what lies less than 0.0001 above it is rounded onto it.

use std::fmt::Write as _;

use super::{Earned, ExportError, decimal, earned};
use crate::history::{Kind, Label};
use crate::model::{Feature, Model, Values};
use crate::scaling::UNIT;
use crate::tables::words;

/// A file to be written: its path below the folder, and its text.
pub type ExportedFile = (String, String);

/// The most values of an enumeration.
const CATEGORIES_MAX: usize = 1_000;

/// The files of a standards folder that serves the model. `from` is the first day it is in force, `yyyy-mm-dd`.
///
/// # Errors
/// [`ExportError`].
pub fn standard(model: &Model, from: &str) -> Result<Vec<ExportedFile>, ExportError> {
    model.features.iter().try_for_each(check)?;
    let (id, edition) = (&model.plan.id, &model.plan.edition);
    Ok(vec![
        ("vocabulary.yaml".to_owned(), vocabulary(model)),
        (format!("{id}/{edition}.yaml"), document(model, from)),
    ])
}

fn check(feature: &Feature) -> Result<(), ExportError> {
    let column = feature.column.clone();
    if feature.kind == Kind::Numeric {
        let held = |label: &&Label| label.number().and_then(ten_thousandths).is_some();
        if let Some(value) = feature.special.iter().find(|label| !held(label)) {
            return Err(ExportError::Special { column, value: value.to_string() });
        }
        for bin in &feature.bins {
            if let Values::Range(Some(cut), _) = bin.values
                && ten_thousandths(cut).is_none()
            {
                return Err(ExportError::Cut { column, cut });
            }
        }
    }
    let found = labels(feature).count();
    if found > CATEGORIES_MAX {
        Err(ExportError::Categories { column, found, most: CATEGORIES_MAX })
    } else {
        Ok(())
    }
}

/// A number in ten-thousandths, when it is a whole number of them.
#[expect(clippy::cast_possible_truncation, reason = "cuts beyond 2^53 ten-thousandths are refused")]
#[expect(clippy::float_cmp, reason = "a cut is on the grid or it is not")]
pub fn ten_thousandths(number: f64) -> Option<i64> {
    let scaled = (number * UNIT).round();
    (scaled.abs() < 9e15 && scaled / UNIT == number).then_some(scaled as i64)
}

/// Every category of a feature, special ones first, with the place of its bin.
pub fn labels(feature: &Feature) -> impl Iterator<Item = (String, usize)> + '_ {
    let of = |wanted_special: bool| {
        feature.bins.iter().enumerate().flat_map(move |(place, bin)| match &bin.values {
            Values::Special(label) if wanted_special => vec![(label.to_string(), place)],
            Values::Categories(names) if !wanted_special => {
                names.iter().map(|n| (n.clone(), place)).collect()
            }
            _ => Vec::new(),
        })
    };
    let categorical = feature.kind == Kind::Categorical;
    of(true).chain(of(false)).filter(move |_| categorical)
}

/// The code under which values of a feature are recorded.
pub fn code(place: usize) -> String {
    format!("input-{}", place + 1)
}

/// In double quotes, which JSON and YAML write alike.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn vocabulary(model: &Model) -> String {
    let title = quoted(&model.plan.title);
    let mut text = format!(
        "# Written by `hengxin export`: what the model {} reads, one code a feature.\n\
         vocabulary: {}\nedition: \"1\"\nregisters:\n\
         \x20 - {{id: registration, title: 登记注册信息, lag_days: 60}}\n\
         \x20 - {{id: model-inputs, title: 模型输入, lag_days: 3660}}\ncodes:\n{REGISTRATION}",
        model.plan.id, model.plan.id
    );
    for (place, feature) in model.features.iter().enumerate() {
        let (code, column) = (code(place), quoted(&feature.column));
        let value = match feature.kind {
            Kind::Numeric => format!("{{id: value, title: {column}, type: number, required: true}}"),
            Kind::Categorical => {
                let known = labels(feature).enumerate();
                let mut values: Vec<String> = known
                    .map(|(i, (label, _))| format!("{{id: v{}, title: {}}}", i + 1, quoted(&label)))
                    .collect();
                values.push("{id: unseen, title: not seen in training}".to_owned());
                format!(
                    "{{id: value, title: {column}, type: enum, required: true, values: [{}]}}",
                    values.join(", ")
                )
            }
        };
        let number = if feature.kind == Kind::Numeric { "\n    number: value" } else { "" };
        let _ = write!(
            text,
            "  - code: {code}\n    title: {column}\n    register: model-inputs\n    shape: measure\n    polarity: neutral\n    \
             disclosure: limited\n    source: {title}\n    subject: subject_code\n    subject_name: subject_name\n    \
             occurred_on: observed_on{number}\n    key: [observed_on]\n    fields:\n      \
             - {{id: subject_code, title: 统一社会信用代码, type: uscc, required: true}}\n      \
             - {{id: subject_name, title: 企业名称, type: text}}\n      \
             - {{id: observed_on, title: 观察日期, type: date, required: true}}\n      - {value}\n"
        );
    }
    text
}

/// The registration as the shipped vocabulary has it, as far as a scorecard needs one.
const REGISTRATION: &str = "  - code: registration
    title: 登记注册基本信息
    register: registration
    shape: registration
    polarity: neutral
    disclosure: public
    source: \"全国公共信用信息基础目录\"
    subject: subject_code
    subject_name: subject_name
    occurred_on: changed_on
    key: [changed_on]
    fields:
      - {id: subject_code, title: 统一社会信用代码, type: uscc, required: true}
      - {id: subject_name, title: 企业名称, type: text, required: true}
      - {id: changed_on, title: 变更日期, type: date, required: true}
      - {id: established_on, title: 成立日期, type: date}
      - {id: legal_form, title: 法律形式, type: enum, values: [{id: limited, title: 有限责任公司}, {id: other, title: 其他}]}
      - {id: size, title: 企业规模, type: enum, values: [{id: large, title: 大型}, {id: medium, title: 中型}, {id: small, title: 小型}, {id: micro, title: 微型}]}
      - {id: status, title: 登记状态, type: enum, required: true, values: [{id: active, title: 存续}, {id: revoked, title: 吊销}, {id: deregistered, title: 注销}]}
      - {id: region, title: 所在地区, type: region}
      - {id: industry, title: 行业代码, type: industry}
      - {id: capital, title: 注册资本(万元), type: money-wan}
";

fn document(model: &Model, from: &str) -> String {
    let points = |wanted: fn(f64, f64) -> f64| -> f64 {
        let of = |feature: &Feature| feature.bins.iter().map(|bin| bin.points).reduce(wanted).unwrap_or(0.0);
        model.base + model.features.iter().map(of).sum::<f64>()
    };
    let plan = &model.plan;
    let (id, edition, title) = (&plan.id, &plan.edition, quoted(&plan.title));
    let mut text = format!(
        "# Written by `hengxin export` from the model {id} {edition}; the bins are those it was trained with.\n\
         # Numbers are delivered rounded down to four decimals.\n\
         standard: {id}\nedition: {}\ntitle: {title}\nauthority: {}\n\
         legal_basis:\n  - {{document: model.json, title: the trained model}}\nstatus: sample\n\
         note: \"A statistical model: points come from a history, not from a published standard.\"\n\
         effective: {{from: {from}}}\nsubjects: [enterprise]\ncycle: {{every: month}}\n\
         lifecycle: {{objection: counts, past_publicity: counts}}\n\
         scale: {{base: {}, min: {}, max: {}, decimals: {}, rounding: half-up}}\n\
         dimensions:\n  - id: score\n    title: {title}\n    indicators:\n",
        quoted(edition),
        quoted("the modeller"),
        decimal(model.base),
        decimal(points(f64::min)),
        decimal(points(f64::max)),
        plan.scaling.decimals,
    );
    for (place, feature) in model.features.iter().enumerate() {
        let Earned { least, most, missing, unseen } = earned(feature);
        let code = code(place);
        let take = if feature.kind == Kind::Categorical { ", take: value" } else { "" };
        let rule = match feature.kind {
            Kind::Numeric => {
                let end = |name: &str, at: Option<i64>| {
                    at.map_or(String::new(), |at| format!("{name}: {}, ", decimal(at as f64 / UNIT)))
                };
                let band = |band: &Band| {
                    format!(
                        "{{{}{}points: {}}}",
                        end("from", band.from),
                        end("to", band.to),
                        decimal(band.points)
                    )
                };
                format!("{{bands: [{}]}}", bands(feature).iter().map(band).collect::<Vec<_>>().join(", "))
            }
            Kind::Categorical => {
                let known = labels(feature).enumerate();
                let mut known: Vec<String> = known
                    .map(|(i, (_, place))| format!("v{}: {}", i + 1, decimal(feature.bins[place].points)))
                    .collect();
                known.push(format!("unseen: {}", decimal(unseen)));
                format!("{{category: {{{}}}}}", known.join(", "))
            }
        };
        let bins: Vec<String> = feature
            .bins
            .iter()
            .map(|bin| format!("{} {}", words(&bin.values), decimal(bin.points)))
            .collect();
        let source: String = format!("trained bins: {}", bins.join("; ")).chars().take(400).collect();
        let source = quoted(&source);
        let min =
            if missing < least { format!("\n        min: {}", decimal(missing)) } else { String::new() };
        let _ = write!(
            text,
            "      - id: {code}\n        title: {}\n        source: {{project: {source}}}\n        \
             reading: {{latest: {code}{take}}}\n        rule: {rule}{min}\n        unknown: {{points: {}}}\n",
            quoted(&feature.column),
            decimal(missing.min(most)),
        );
        // In a standard no indicator earns more for what is unknown than for anything known; here, what is missing may.
        if missing > most {
            let more = decimal(missing - most);
            let _ = write!(
                text,
                "      - id: {code}-missing\n        title: {}\n        source: {{project: {source}}}\n        \
                 reading: {{count: {code}}}\n        rule: {{all_or_nothing: {{equals: 0, points: {more}}}}}\n        \
                 unknown: {{points: {more}}}\n",
                quoted(&format!("{}, missing", feature.column)),
            );
        }
    }
    let _ = write!(
        text,
        "grades:\n  scheme: {id}\n  source: {{project: \"a score alone; grades are for the policy that uses it\"}}\n  \
         bands:\n    - {{grade: scored, title: 已评分}}\n"
    );
    text
}

/// Numbers of the engine that earn alike: `from ≤ x < to`, in ten-thousandths.
struct Band {
    from: Option<i64>,
    to: Option<i64>,
    points: f64,
}

/// The ranges of a numeric feature, in which each special value is a band of one number.
fn bands(feature: &Feature) -> Vec<Band> {
    let mut special: Vec<(i64, f64)> = feature
        .bins
        .iter()
        .filter_map(|bin| match &bin.values {
            Values::Special(label) => Some((label.number().and_then(ten_thousandths)?, bin.points)),
            _ => None,
        })
        .collect();
    special.sort_by_key(|(at, _)| *at);
    // Of two alike the first counts, as in training.
    special.dedup_by_key(|(at, _)| *at);
    let mut bands = Vec::new();
    for bin in &feature.bins {
        let Values::Range(from, to) = bin.values else { continue };
        let to = to.and_then(ten_thousandths);
        let mut from = from.and_then(ten_thousandths);
        for &(at, points) in special.iter().filter(|(at, _)| to.is_none_or(|to| *at < to)) {
            if from.is_some_and(|from| at < from) {
                continue;
            }
            if from != Some(at) {
                bands.push(Band { from, to: Some(at), points: bin.points });
            }
            bands.push(Band { from: Some(at), to: Some(at + 1), points });
            from = Some(at + 1);
        }
        if from.is_none() || from != to {
            bands.push(Band { from, to, points: bin.points });
        }
    }
    bands
}
