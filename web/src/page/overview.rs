//! Overview: how many enterprises are in which tier, by region, industry and grade; how they moved; runs and schedules.

use askama::Template;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;

use super::{Share, is_without_run, part, sign_in};
use crate::Named;
use crate::ask::Asking;
use crate::chart::{self, percent};
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::said::{self, Said};
use crate::when::{When, encoded, shown};

/// What is looked at.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    field: String,
    /// `None`: not asked for, so that it begins at home.
    region: Option<String>,
    industry: String,
    as_of: String,
    known_at: String,
}

impl Wanted {
    fn region(&self) -> &str {
        self.region.as_deref().unwrap_or_default().trim()
    }
}

/// A tier with its share.
struct TierRow {
    tier: u32,
    name: String,
    count: u64,
    share: String,
    width: u64,
    link: String,
}

/// A region or industry with its bar.
struct Group {
    name: String,
    link: String,
    total: u64,
    bar: Vec<chart::Part>,
    told: String,
}

/// A move between tiers.
struct Move {
    from: String,
    to: String,
    count: u64,
    way: Way,
}

/// Which way a move goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Stricter,
    Lighter,
    /// To or from no tier at all.
    Neither,
}

struct Summary {
    total: u64,
    tiers: Vec<TierRow>,
    groups: [(&'static str, Vec<Group>); 2],
    grades: Vec<(&'static str, Vec<(String, u64, String)>)>,
    moves: Vec<Move>,
    run: Option<(String, String, String)>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct View {
    frame: Frame,
    fields: Vec<(Named, String, bool)>,
    field: String,
    region: String,
    industry: String,
    up: Vec<(String, String)>,
    summary: Share<Summary>,
    runs: Share<Vec<Run>>,
    /// Whether a run is under way, so that the page looks again.
    moving: bool,
    schedules: Share<Vec<(v1::Schedule, String)>>,
}

/// Widths of the drawings.
const TIER_BAR: u64 = 320;
const GROUP_BAR: u64 = 320;

/// A run with how far it is.
pub(crate) struct Run {
    name: String,
    field: String,
    as_of: String,
    state: &'static str,
    word: &'static str,
    done: u64,
    total: u64,
    said: Said,
    ended: String,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsView {
    frame: Frame,
    runs: Share<Vec<Run>>,
    moving: bool,
}

/// The page.
pub(crate) async fn show(asking: Asking, Query(wanted): Query<Wanted>) -> Result<impl IntoResponse, Fault> {
    let when = When { as_of: wanted.as_of.clone(), known_at: wanted.known_at.clone() };
    let view = view(&asking, &wanted, &when).await;
    view.map(|view| Page(HeaderMap::new(), view)).map_err(|s| Fault::of(&asking, Part::Overview, &when, s))
}

async fn view(asking: &Asking, wanted: &Wanted, when: &When) -> Result<View, tonic::Status> {
    sign_in::expect_known(asking)?;
    let l = asking.session.language;
    // Carried on into every link: what is no date is told here.
    when.known_at()?;
    when.expect_date()?;
    let fields = &asking.setup().fields;
    let field = asking.field(&wanted.field);
    let region = wanted.region.clone().or_else(|| asking.session.home());
    let wanted = &Wanted { region, ..wanted.clone() };
    let chosen = Wanted { field: field.clone(), ..wanted.clone() };
    let summary = part(l, summarize(asking, &chosen).await)?;
    let summary = match summary {
        Share::There(answer) => Share::There(arrange(asking, &chosen, when, answer)),
        Share::Absent(why) => Share::Absent(why),
    };
    let schedules =
        asking.rescoring().list_schedules(asking.request(v1::ListSchedulesRequest::default())).await;
    let schedules = part(
        l,
        schedules.map(|answer| {
            let fields = |schedule: &v1::Schedule| {
                let titles: Vec<&str> =
                    schedule.fields.iter().map(|id| asking.setup().field_title(id)).collect();
                titles.join(l.say("、", ", "))
            };
            let all = answer.into_inner().schedules.into_iter();
            all.map(|schedule| (schedule.clone(), fields(&schedule))).collect()
        }),
    )?;
    let runs = part(l, list_runs(asking).await)?;
    let mut up = Vec::new();
    if !wanted.region().is_empty() || !wanted.industry.is_empty() {
        up.push((
            l.say("全部", "all").to_owned(),
            address(&Wanted { region: Some(String::new()), industry: String::new(), ..chosen.clone() }, when),
        ));
    }
    for wider in wider_regions(wanted.region()).into_iter().filter(|wider| wider != wanted.region()) {
        up.push((wider.clone(), address(&Wanted { region: Some(wider), ..chosen.clone() }, when)));
    }
    Ok(View {
        frame: Frame::of(asking, Part::Overview, when),
        fields: fields
            .iter()
            .map(|f| {
                (f.clone(), address(&Wanted { field: f.id.clone(), ..wanted.clone() }, when), f.id == field)
            })
            .collect(),
        region: wanted.region().to_owned(),
        industry: wanted.industry.clone(),
        field,
        up,
        summary,
        moving: moving(&runs),
        runs,
        schedules,
    })
}

/// The regions a region lies in, widest first, itself last.
fn wider_regions(region: &str) -> Vec<String> {
    let digits = region.len() == 6 && region.bytes().all(|b| b.is_ascii_digit());
    let mut wider: Vec<String> = Vec::new();
    if digits {
        for whole in [format!("{}0000", &region[..2]), format!("{}00", &region[..4]), region.to_owned()] {
            if wider.last() != Some(&whole) {
                wider.push(whole);
            }
        }
    }
    wider
}

fn address(wanted: &Wanted, when: &When) -> String {
    // The region is written even when it is empty: without it a list begins at home.
    let (field, region) = (encoded(&wanted.field), encoded(wanted.region()));
    let mut address = format!("/?field={field}&region={region}");
    if !wanted.industry.is_empty() {
        address.push_str(&format!("&industry={}", encoded(&wanted.industry)));
    }
    when.on(&address)
}

/// Of the loaded run if there is one, else of the decisions on record.
async fn summarize(asking: &Asking, wanted: &Wanted) -> Result<v1::SummarizeTiersResponse, tonic::Status> {
    let request = |basis: v1::TierBasis| v1::SummarizeTiersRequest {
        field: wanted.field.clone(),
        region: wanted.region().to_owned(),
        industry: wanted.industry.clone(),
        basis: basis.into(),
    };
    let mut supervision = asking.supervision();
    match supervision.summarize_tiers(asking.request(request(v1::TierBasis::Run))).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) if is_without_run(&status) => {
            let answer = supervision.summarize_tiers(asking.request(request(v1::TierBasis::Live))).await?;
            Ok(answer.into_inner())
        }
        Err(status) => Err(status),
    }
}

fn arrange(asking: &Asking, wanted: &Wanted, when: &When, answer: v1::SummarizeTiersResponse) -> Summary {
    let l = asking.session.language;
    let total: u64 = answer.tiers.iter().map(|tier| tier.count).sum();
    let titles: Vec<(u32, String)> = answer.tiers.iter().map(|t| (t.tier, t.title.clone())).collect();
    let named = |tier: u32| {
        let title = titles.iter().find(|(known, _)| *known == tier).map_or("", |(_, title)| title);
        l.tier(tier, title)
    };
    let find = |tier: u32| {
        // As in an address of this page, the region is written even when it is empty.
        let (field, region) = (encoded(&wanted.field), encoded(wanted.region()));
        let mut link = format!("/find?field={field}&tier={tier}&region={region}");
        if !wanted.industry.is_empty() {
            link.push_str(&format!("&industry={}", encoded(&wanted.industry)));
        }
        if tier == 0 { String::new() } else { when.on(&link) }
    };
    let tiers = answer
        .tiers
        .iter()
        .map(|tier| TierRow {
            tier: tier.tier,
            name: named(tier.tier),
            count: tier.count,
            share: percent(tier.count, total),
            width: if tier.count == 0 { 0 } else { (tier.count * TIER_BAR / total.max(1)).max(1) },
            link: find(tier.tier),
        })
        .collect();
    let group = |group: &v1::GroupCount, link: String, most: u64| {
        let counts: Vec<(u32, u64)> = group.tiers.iter().map(|tier| (tier.tier, tier.count)).collect();
        let total: u64 = counts.iter().map(|(_, count)| count).sum();
        let told: Vec<String> =
            counts.iter().map(|(tier, count)| format!("{}: {count}", named(*tier))).collect();
        let name = match (group.code.as_str(), group.title.as_str()) {
            ("", _) => l.say("未知", "unknown").to_owned(),
            (code, "") => code.to_owned(),
            (code, title) => format!("{code} {title}"),
        };
        Group { name, link, total, bar: chart::bar(&counts, most, GROUP_BAR), told: told.join(" · ") }
    };
    let most = |groups: &[v1::GroupCount]| {
        groups.iter().map(|g| g.tiers.iter().map(|t| t.count).sum::<u64>()).max().unwrap_or(0)
    };
    let (most_region, most_industry) = (most(&answer.regions), most(&answer.industries));
    let deeper = |code: &str, same: &str, next: Wanted| {
        if code.is_empty() || code == same { String::new() } else { address(&next, when) }
    };
    let regions = answer.regions.iter().map(|g| {
        group(
            g,
            deeper(&g.code, wanted.region(), Wanted { region: Some(g.code.clone()), ..wanted.clone() }),
            most_region,
        )
    });
    let industries = answer.industries.iter().map(|g| {
        let next = Wanted { industry: g.code.clone(), ..wanted.clone() };
        group(g, deeper(&g.code, &wanted.industry, next), most_industry)
    });
    let grades = |counts: &[v1::GradeCount]| -> Vec<(String, u64, String)> {
        let name = |grade: &v1::GradeCount| match grade.grade.as_str() {
            "" => l.say("无等级", "none").to_owned(),
            id => format!("{id} {}", grade.title).trim().to_owned(),
        };
        counts.iter().map(|grade| (name(grade), grade.count, percent(grade.count, total))).collect()
    };
    let moves = answer.migrations.iter().map(|m| Move {
        from: named(m.from),
        to: named(m.to),
        count: m.count,
        way: match (m.from, m.to) {
            (0, _) | (_, 0) => Way::Neither,
            (from, to) if to > from => Way::Stricter,
            _ => Way::Lighter,
        },
    });
    Summary {
        total,
        tiers,
        groups: [
            (l.say("按地区", "By region"), regions.collect()),
            (l.say("按行业", "By industry"), industries.collect()),
        ],
        grades: [
            (l.say("公共信用综合评价", "public evaluation"), grades(&answer.public_grades)),
            (l.say("行业信用评价", "industry evaluation"), grades(&answer.industry_grades)),
        ]
        .into_iter()
        .filter(|(_, rows)| !rows.is_empty())
        .collect(),
        moves: moves.collect(),
        run: answer.run.map(|run| (run.name, run.as_of, shown(run.known_at.as_ref()))),
    }
}

async fn list_runs(asking: &Asking) -> Result<Vec<Run>, tonic::Status> {
    let l = asking.session.language;
    let request = v1::ListRunsRequest { page_size: 10, ..Default::default() };
    let runs = asking.rescoring().list_runs(asking.request(request)).await?.into_inner().runs;
    Ok(runs
        .into_iter()
        .map(|run| {
            let (state, word) = match run.state() {
                v1::RunState::Queued => ("waits", l.say("等待", "queued")),
                v1::RunState::Running => ("goes", l.say("运行中", "running")),
                v1::RunState::Succeeded => ("done", l.say("完成", "done")),
                v1::RunState::Failed => ("failed", l.say("失败", "failed")),
                v1::RunState::Cancelled => ("ended", l.say("已取消", "cancelled")),
                v1::RunState::Unspecified => ("", ""),
            };
            Run {
                name: run.name,
                field: asking.setup().field_title(&run.field).to_owned(),
                as_of: run.as_of,
                state,
                word,
                done: run.done,
                total: run.total,
                said: said::of_run(l, &run.detail),
                ended: shown(run.finished_at.as_ref()),
            }
        })
        .collect())
}

/// Whether a run waits or is under way. Whoever looks at runs that stand still leaves no trail every few seconds.
fn moving(runs: &Share<Vec<Run>>) -> bool {
    match runs {
        Share::There(runs) => runs.iter().any(|run| matches!(run.state, "waits" | "goes")),
        Share::Absent(_) => false,
    }
}

/// The runs alone, asked for again every few seconds while the page is open.
pub(crate) async fn runs(asking: Asking) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    sign_in::expect_known(&asking).map_err(|status| Fault::of(&asking, Part::Overview, &when, status))?;
    let runs = part(asking.session.language, list_runs(&asking).await);
    let runs = runs.map_err(|status| Fault::of(&asking, Part::Overview, &when, status))?;
    Ok(Page(
        HeaderMap::new(),
        RunsView { frame: Frame::of(&asking, Part::Overview, &when), moving: moving(&runs), runs },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_district_lies_in_its_city_and_province() {
        assert_eq!(wider_regions("330106"), ["330000", "330100", "330106"]);
        assert_eq!(wider_regions("330000"), ["330000"]);
        assert!(wider_regions("3301").is_empty() && wider_regions("ab0106").is_empty());
    }
}
