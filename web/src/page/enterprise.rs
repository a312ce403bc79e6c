//! An enterprise: its tier in each field, how that came about, and every record with its effect.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;
use tonic::Status;

use super::course::{self, Course};
use super::records::{self, Effects, Record};
use super::{
    Share, grade, is_sum, line_title, measure, part, points, reading, sign_in, signed, source,
    status_of_figures,
};
use crate::ask::Asking;
use crate::chart::{self, Step};
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::when::{When, encoded, shown};
use crate::words::Language;

/// What is looked at.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    field: String,
    records: String,
    as_of: String,
    known_at: String,
}

/// How far back the history goes, in years.
const YEARS_BACK: i16 = 3;

/// A field with the tier in it.
struct InField {
    title: String,
    link: String,
    chosen: bool,
    tier: u32,
    name: String,
    absent: String,
}

/// A line on the way to the score.
struct Way {
    depth: u32,
    kind: &'static str,
    title: String,
    reading: String,
    points: String,
    max: String,
    source: String,
    step: Option<Step>,
}

/// A main reason of a result: what was measured, what it earned, and the records behind it.
struct Because {
    title: String,
    told: String,
    lost: String,
    records: Vec<String>,
    source: String,
}

/// One of the two results.
struct Side {
    heading: &'static str,
    title: String,
    edition: String,
    link: String,
    figures: &'static str,
    score: String,
    grade: String,
    before: String,
    why_none: String,
    findings: Vec<(String, String, bool, String)>,
    reasons: Vec<Because>,
    ways: Vec<Way>,
    unknown: Vec<(String, String)>,
    undetermined: Vec<String>,
    masked: bool,
}

/// The decision in the chosen field.
struct Decided {
    name: String,
    tier: u32,
    policy: String,
    figures: &'static str,
    method: String,
    overrides: Vec<(String, bool, String, String)>,
    measures: Vec<(String, String)>,
    horizon: String,
    digest: String,
    sides: Vec<Side>,
}

#[derive(Template)]
#[template(path = "enterprise.html")]
struct View {
    frame: Frame,
    code: String,
    enterprise: v1::Enterprise,
    as_of: String,
    known_at: String,
    fields: Vec<InField>,
    field: String,
    decided: Share<Decided>,
    /// For callers who may ask for no tier: the public evaluation alone.
    alone: Option<Side>,
    past: Share<Course>,
    records: Vec<Record>,
    more: String,
    masked: Vec<String>,
    change: String,
    report: String,
}

/// The page.
pub(crate) async fn show(
    asking: Asking,
    Path(code): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Fault> {
    let when = When { as_of: wanted.as_of.clone(), known_at: wanted.known_at.clone() };
    let view = view(&asking, &code, &wanted, &when).await;
    view.map(|view| Page(HeaderMap::new(), view))
        .map_err(|status| Fault::of(&asking, Part::Find, &when, status))
}

async fn view(asking: &Asking, code: &str, wanted: &Wanted, when: &When) -> Result<View, Status> {
    sign_in::expect_known(asking)?;
    let l = asking.session.language;
    let known_at = when.known_at()?;
    let request = v1::GetEnterpriseRequest { name: code.to_owned(), as_of: when.as_of.clone(), known_at };
    let answer = asking.ledger().get_enterprise(asking.request(request)).await?.into_inner();
    let enterprise = answer.enterprise.unwrap_or_default();
    let basis = answer.basis.unwrap_or_default();
    let fields = &asking.setup().fields;
    let field = asking.field(&wanted.field);
    // Everything below rests on one moment.
    let known_at = basis.known_at;
    let tier = |field: String, view: v1::EvaluationView| v1::GetTierRequest {
        enterprise: code.to_owned(),
        field,
        as_of: basis.as_of.clone(),
        known_at,
        view: view.into(),
        basis: v1::TierBasis::Live.into(),
        ..Default::default()
    };
    let mut supervision = asking.supervision();
    let chosen = supervision.get_tier(asking.request(tier(field.clone(), v1::EvaluationView::Full))).await;
    let chosen = part(l, chosen.map(|answer| answer.into_inner().decision.unwrap_or_default()))?;
    let mut in_fields = Vec::new();
    for named in fields {
        let link = when.on(&format!("/enterprises/{}?field={}", encoded(code), encoded(&named.id)));
        let told = if named.id == field {
            match &chosen {
                Share::There(decision) => Share::There((decision.tier, decision.title.clone())),
                Share::Absent(why) => Share::Absent(why.clone()),
            }
        } else {
            let answer =
                supervision.get_tier(asking.request(tier(named.id.clone(), v1::EvaluationView::Basic))).await;
            part(l, answer.map(|a| a.into_inner().decision.map(|d| (d.tier, d.title)).unwrap_or_default()))?
        };
        let (tier, name, absent) = match told {
            Share::There((tier, title)) => (tier, l.tier(tier, &title), String::new()),
            Share::Absent(why) => (0, "–".to_owned(), why),
        };
        in_fields.push(InField {
            title: named.title.clone(),
            link,
            chosen: named.id == field,
            tier,
            name,
            absent,
        });
    }
    let mut effects = Effects::default();
    let (decided, alone) = match chosen {
        Share::There(decision) => (Share::There(decided(l, &decision, &mut effects)), None),
        Share::Absent(why) => {
            effects.masked = true;
            let request = v1::EvaluateRequest {
                enterprise: code.to_owned(),
                standard: asking.setup().public_standard.clone(),
                as_of: basis.as_of.clone(),
                known_at,
                view: v1::EvaluationView::Full.into(),
                ..Default::default()
            };
            let answer = asking.scoring().evaluate(asking.request(request)).await;
            let answer = part(l, answer.map(|answer| answer.into_inner().evaluation.unwrap_or_default()))?;
            let alone = match answer {
                Share::There(evaluation) => Some(side(l, true, &evaluation, &mut effects)),
                Share::Absent(_) => None,
            };
            (Share::Absent(why), alone)
        }
    };
    if let Share::There(days) = part(l, records::until(asking, code, &field, &basis).await)? {
        effects.until = days;
    }
    let past = part(l, course::past(asking, code, &field, &basis, YEARS_BACK).await)?;
    let asked = records::Asked { code, field: &wanted.field, page: &wanted.records, when, basis: &basis };
    let (records, more) = records::records(asking, &asked, &effects).await?;
    Ok(View {
        frame: Frame::of(asking, Part::Find, when),
        code: enterprise.code.clone(),
        as_of: basis.as_of.clone(),
        known_at: shown(basis.known_at.as_ref()),
        fields: in_fields,
        change: when.on(&format!("/enterprises/{}/change?field={}", encoded(code), encoded(&field))),
        report: when.on(&format!("/reports/new?enterprise={}&field={}", encoded(code), encoded(&field))),
        field,
        decided,
        alone,
        past,
        records,
        more,
        masked: masked(asking, &enterprise),
        enterprise,
    })
}

fn decided(l: Language, decision: &v1::TierDecision, effects: &mut Effects) -> Decided {
    let mut sides = Vec::new();
    for (public, result) in [(true, &decision.public_result), (false, &decision.industry_result)] {
        if let Some(result) = result {
            sides.push(side(l, public, result, effects));
        }
    }
    let method = decision.method.as_ref().map(|method| method_words(l, method)).unwrap_or_default();
    Decided {
        name: l.tier(decision.tier, &decision.title),
        tier: decision.tier,
        policy: decision.policy.as_ref().map(|p| format!("{} {}", p.title, p.edition)).unwrap_or_default(),
        figures: status_of_figures(l, decision.policy.as_ref()),
        method,
        overrides: decision
            .overrides
            .iter()
            .map(|o| {
                let text = if o.lowers {
                    format!("{} {}", l.say("至多为等级", "at most tier"), o.tier)
                } else {
                    format!("{} {}", l.say("至少为等级", "at least tier"), o.tier)
                };
                (o.id.clone(), o.decided, source(l, o.source.as_ref()), text)
            })
            .collect(),
        measures: decision.measures.iter().map(|m| (measure(l, m), source(l, m.source.as_ref()))).collect(),
        horizon: decision.horizon.clone(),
        digest: decision.facts_digest.clone(),
        sides,
    }
}

fn method_words(l: Language, method: &v1::TierMethod) -> String {
    let tier = l.tier(method.tier, "");
    let none = |grade: &str| if grade == "none" { l.say("无", "none").to_owned() } else { grade.to_owned() };
    let (public, industry) = (none(&method.public_grade), none(&method.industry_grade));
    match method.kind() {
        v1::TierMethodKind::Matrix => format!(
            "{} {} × {} {} → {tier}",
            l.say("对照表：公共评价", "table: public grade"),
            public,
            l.say("行业评价", "industry grade"),
            industry
        ),
        v1::TierMethodKind::WorstOf => format!(
            "{}：{} {} → {}，{} {} → {} ⇒ {tier}",
            l.say("从严", "the stricter of the two"),
            l.say("公共评价", "public"),
            public,
            method.public_tier,
            l.say("行业评价", "industry"),
            industry,
            method.industry_tier
        ),
        v1::TierMethodKind::Weighted => {
            format!(
                "{} {} → {tier}",
                l.say("加权得分", "weighted score"),
                points(method.weighted_sum.as_ref())
            )
        }
        v1::TierMethodKind::Count => {
            format!("{} {} → {tier}", l.say("不良结果数", "adverse results"), method.count)
        }
        v1::TierMethodKind::Unspecified => tier,
    }
}

fn side(l: Language, public: bool, result: &v1::Evaluation, effects: &mut Effects) -> Side {
    effects.masked |= result.masked;
    let lines = result.explanation.as_ref().map(|e| e.lines.as_slice()).unwrap_or_default();
    for line in lines {
        for evidence in &line.evidence {
            effects.add(l, evidence, &line.title);
        }
    }
    for finding in &result.findings {
        for evidence in &finding.evidence {
            effects.add(l, evidence, &finding.title);
        }
    }
    let standard = result.standard.clone().unwrap_or_default();
    let why_none = match result.outcome() {
        v1::Outcome::NotEligible => {
            let why = result.ineligibility.as_ref().map(|why| ineligible(l, why)).unwrap_or_default();
            format!("{}{why}", l.say("不在评价范围：", "not evaluated: "))
        }
        v1::Outcome::CannotScore => {
            l.say("已知信息不足，不评分。", "Too little is known for a score.").to_owned()
        }
        v1::Outcome::Evaluated | v1::Outcome::Unspecified => String::new(),
    };
    Side {
        heading: if public {
            l.say("公共信用综合评价", "Public comprehensive evaluation")
        } else {
            l.say("行业信用评价", "Industry evaluation")
        },
        link: format!("/standards/{}/{}", encoded(&standard.id), encoded(&standard.edition)),
        figures: status_of_figures(l, Some(&standard)),
        title: standard.title,
        edition: standard.edition,
        score: points(result.score.as_ref()),
        grade: grade(result.grade.as_ref()),
        before: match (&result.grade_before_findings, &result.grade) {
            (Some(before), now) if Some(before) != now.as_ref() => grade(Some(before)),
            _ => String::new(),
        },
        why_none,
        findings: result
            .findings
            .iter()
            .map(|f| {
                (f.title.clone(), effect_words(l, result, &f.effect), f.decided, source(l, f.source.as_ref()))
            })
            .collect(),
        reasons: result.reasons.iter().take(8).map(|reason| because(l, reason, result)).collect(),
        ways: ways(l, lines),
        unknown: result.unknown_indicators.iter().map(|u| (u.title.clone(), unknown_words(l, u))).collect(),
        undetermined: result.undetermined.iter().map(|u| u.title.clone()).collect(),
        masked: result.masked,
    }
}

/// Records that are named beside a reason.
const NAMED: usize = 3;

/// A reason in words, from what the explanation says of its line or finding.
fn because(l: Language, reason: &v1::Reason, result: &v1::Evaluation) -> Because {
    let lines = result.explanation.as_ref().map(|e| e.lines.as_slice()).unwrap_or_default();
    let line = lines.iter().find(|line| line.kind() == v1::LineKind::Indicator && line.id == reason.id);
    let finding = result.findings.iter().find(|finding| finding.id == reason.id && reason.lost.is_none());
    let mut told = Vec::new();
    match line.filter(|_| finding.is_none()) {
        Some(line) if !line.unknown_reason.is_empty() => told.push(l.say("读数未知", "not known").to_owned()),
        Some(line) if !line.reading.is_empty() => {
            told.push(format!("{} {}", l.say("读数", "measured"), reading(l, &line.reading)));
        }
        Some(_) | None => {}
    }
    if let (Some(earned), Some(most)) = (&reason.points, &reason.max) {
        told.push(match l {
            Language::Chinese => format!("得 {} 分，满分 {} 分", earned.decimal, most.decimal),
            Language::English => format!("earns {} of {} points", earned.decimal, most.decimal),
        });
    }
    told.extend(finding.map(|finding| effect_words(l, result, &finding.effect)));
    let evidence = match (finding, line) {
        (Some(finding), _) => &finding.evidence,
        (None, Some(line)) => &line.evidence,
        (None, None) => &Vec::new(),
    };
    let counted: Vec<&v1::Evidence> = evidence.iter().filter(|piece| piece.counted).collect();
    let mut records: Vec<String> = counted
        .iter()
        .rev()
        .take(NAMED)
        .map(|piece| match &piece.points {
            Some(points) => format!("{} {} {}", piece.occurred_on, piece.title, signed(points)),
            None => format!("{} {}", piece.occurred_on, piece.title),
        })
        .collect();
    if counted.len() > NAMED {
        let more = counted.len() - NAMED;
        records.push(match l {
            Language::Chinese => format!("另有 {more} 条"),
            Language::English => format!("{more} more"),
        });
    }
    Because {
        title: reason.title.clone(),
        told: told.join(l.say("，", ", ")),
        lost: reason.lost.as_ref().map(|lost| format!("−{}", lost.decimal)).unwrap_or_default(),
        records,
        source: source(l, reason.source.as_ref()),
    }
}

/// Kinds of records that are not shown, by title.
fn masked(asking: &Asking, enterprise: &v1::Enterprise) -> Vec<String> {
    enterprise.masked_codes.iter().map(|code| asking.setup().title(code).to_owned()).collect()
}

/// Why an enterprise is not evaluated.
fn ineligible(l: Language, why: &v1::Ineligibility) -> String {
    match why.reason.split_once("evaluates only: ").filter(|_| why.id == "subject-kind") {
        Some((_, kinds)) => {
            let kinds: Vec<&str> = kinds.split(", ").map(|kind| l.subject(kind)).collect();
            format!(
                "{}{}",
                l.say("该标准只评价", "the standard evaluates only: "),
                kinds.join(l.say("、", ", "))
            )
        }
        None => why.reason.clone(),
    }
}

/// What a finding does. A grade has its title where it is one of the result.
fn effect_words(l: Language, result: &v1::Evaluation, effect: &str) -> String {
    let known = [&result.grade, &result.grade_before_findings];
    let named = |id: &str| {
        let known = known.into_iter().flatten().find(|known| known.grade == id);
        known.map_or_else(|| id.to_owned(), |known| grade(Some(known)))
    };
    let (word, rest) = effect.split_once(' ').unwrap_or((effect, ""));
    let said = match word {
        "exactly" => l.say("直接判为", "exactly"),
        "at" => {
            return match rest.split_once(' ') {
                Some(("most", id)) => format!("{} {}", l.say("不高于", "at most"), named(id)),
                Some(("least", id)) => format!("{} {}", l.say("不低于", "at least"), named(id)),
                _ => effect.to_owned(),
            };
        }
        "downgrade" => l.say("降级", "down by"),
        "note" => l.say("提示", "note"),
        other => other,
    };
    format!("{said} {}", named(rest)).trim().to_owned()
}

fn unknown_words(l: Language, unknown: &v1::UnknownIndicator) -> String {
    let chinese = match unknown.reason.as_str() {
        "register-not-delivered" => "所依据的登记簿截至该日尚未报送",
        "no-record" => "没有可供计算的记录",
        "zero-divisor" => "没有可供计算比例的记录",
        "not-registered" => "该日没有登记信息，或登记信息缺此项",
        "no-result" => "所引用的评价没有结果",
        _ => return unknown.detail.clone(),
    };
    l.say(chinese, &unknown.detail).to_owned()
}

fn ways(l: Language, lines: &[v1::ExplanationLine]) -> Vec<Way> {
    let steps = chart::waterfall(lines);
    let arranged = lines.iter().zip(steps).map(|(line, step)| {
        let sum = is_sum(line);
        Way {
            depth: line.depth.min(6),
            kind: if sum { "sum" } else { "part" },
            title: line_title(l, line),
            reading: if line.unknown_reason.is_empty() {
                reading(l, &line.reading)
            } else {
                l.say("未知", "unknown").to_owned()
            },
            points: line
                .points
                .as_ref()
                .map_or_else(|| "–".to_owned(), |p| if sum { p.decimal.clone() } else { signed(p) }),
            max: line.max.as_ref().map(|max| max.decimal.clone()).unwrap_or_default(),
            source: source(l, line.source.as_ref()),
            step,
        }
    });
    arranged.collect()
}
