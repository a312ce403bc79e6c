//! Tier policies: from a public and an industry result to a supervision tier with measures
//! (`docs/standard-format.md` §12).
//!
//! [`classify`] is pure and total, like the kernel. It knows results only, never facts.

use crate::date::Date;
use crate::document::{self, Check, Faults, Fields, Node, Value};
use crate::grade::Grade;
use crate::kernel::Evaluation;
use crate::number::{Points, Rounding, Share, saturate};
use crate::quantity::Unit;
use crate::rule::tiling;
use crate::scope::{Peer, Peers, Source};
use crate::standard::{Standard, Status, parse_effective};

/// A tier: 1 is the lightest supervision.
pub type Tier = u8;

/// A checked tier policy.
#[derive(Clone, Debug)]
pub struct TierPolicy {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// The field of supervision.
    pub field: String,
    /// Who issues it.
    pub authority: String,
    /// How sure its figures are.
    pub status: Status,
    /// What was not confirmed.
    pub note: Option<String>,
    /// First and last day in force.
    pub effective: (Date, Date),
    /// Id of the public standard.
    pub public: String,
    /// Id of the industry standard; `None` when the field has none.
    pub industry: Option<String>,
    /// The tiers, from 1.
    pub tiers: Vec<TierMeasures>,
    /// What moves a tier besides the method.
    pub overrides: Vec<Override>,
    method: Method,
}

/// A tier's title and measures.
#[derive(Clone, Debug)]
pub struct TierMeasures {
    /// Title.
    pub title: String,
    /// What follows.
    pub measures: Vec<Measure>,
}

/// A measure of supervision or service.
#[derive(Clone, Debug)]
pub struct Measure {
    /// What it does.
    pub kind: MeasureKind,
    /// Title.
    pub title: String,
    /// Its legal basis.
    pub source: Source,
}

/// Kinds of measures and their figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    /// Random inspection of this share of the tier.
    SamplingRatio(Share),
    /// Left out of the random-inspection pool.
    SamplingExcluded,
    /// Inspections a year in ten-thousandths (5,000: one in two years).
    Inspections {
        /// At least.
        min: Option<i64>,
        /// At most.
        max: Option<i64>,
    },
    /// How inspections are done.
    Mode(Mode),
    /// A service.
    Service,
    /// A warning or talk.
    Warning,
    /// A restriction; only what a law allows.
    Restriction,
}

/// How inspections are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// On site.
    OnSite,
    /// Remotely.
    Remote,
    /// Together with other departments.
    Combined,
}

/// Which of the two results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The public comprehensive result.
    Public,
    /// The industry's own.
    Industry,
}

/// A condition on results that moves the tier.
#[derive(Clone, Debug)]
pub struct Override {
    /// Id.
    pub id: String,
    /// Its source.
    pub source: Source,
    /// Whose result is looked at.
    pub of: Side,
    trigger: Trigger,
    effect: OverrideEffect,
}

#[derive(Clone, Debug)]
enum Trigger {
    Finding(String),
    Grades(Vec<Grade>),
}

#[derive(Clone, Copy, Debug)]
enum OverrideEffect {
    Raise(Tier),
    AtMost(Tier),
}

#[derive(Clone, Debug)]
enum Method {
    /// Rows: public grades and `none`; columns: industry grades and `none`.
    Matrix(Vec<Vec<Tier>>),
    /// Tier per grade and for `none`.
    WorstOf {
        public: Vec<Tier>,
        industry: Vec<Tier>,
    },
    Weighted(Weighted),
    Count {
        public: Vec<Grade>,
        industry: Vec<Grade>,
        rows: Rows,
    },
}

#[derive(Clone, Debug)]
struct Weighted {
    public: Share,
    industry: Share,
    public_missing: Option<Points>,
    industry_missing: Option<Points>,
    rounding: Rounding,
    rows: Rows,
}

/// (lower bound, tier), ascending.
#[derive(Clone, Debug)]
struct Rows(Vec<(i64, Tier)>);

impl Rows {
    fn tier(&self, value: i64) -> Tier {
        let i = self.0.partition_point(|(from, _)| *from <= value);
        self.0.get(i.saturating_sub(1)).map_or(1, |(_, tier)| *tier)
    }
}

/// A result as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The standard that gave it.
    pub standard: &'a Standard,
    /// What it gave.
    pub evaluation: &'a Evaluation,
}

impl Standing<'_> {
    fn grade(&self) -> Option<Grade> {
        self.evaluation.outcome.grade()
    }

    fn has_finding(&self, id: &str) -> bool {
        let place = self.standard.findings.iter().position(|f| f.id == id);
        place.is_some_and(|i| self.evaluation.findings >> i & 1 == 1)
    }
}

/// The tier of a subject in a field, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierDecision {
    /// The tier; `None` when the policy says nothing for these results.
    pub tier: Option<Tier>,
    /// What the method alone gave.
    pub by_method: Option<Tier>,
    /// The weighted total or the count, where the method has one.
    pub total: Option<i64>,
    /// Overrides that apply, by place in the policy.
    pub overrides: Vec<usize>,
}

/// The tier for a public and an industry result. An absent result counts as `none`.
pub fn classify(
    policy: &TierPolicy,
    public: Option<Standing<'_>>,
    industry: Option<Standing<'_>>,
) -> TierDecision {
    let grades = (public.and_then(|s| s.grade()), industry.and_then(|s| s.grade()));
    // `none` is the last row and column.
    let place = |grade: Option<Grade>, n: usize| grade.map_or(n - 1, usize::from).min(n - 1);
    let (by_method, total) = match &policy.method {
        Method::Matrix(rows) => {
            let row = &rows[place(grades.0, rows.len())];
            (Some(row[place(grades.1, row.len())]), None)
        }
        Method::WorstOf { public, industry } => {
            let worst = public[place(grades.0, public.len())].max(industry[place(grades.1, industry.len())]);
            (Some(worst), None)
        }
        Method::Weighted(weighted) => {
            let score = |s: Option<Standing<'_>>| s.and_then(|s| s.evaluation.outcome.score());
            match weighted.total(score(public), score(industry)) {
                Some(total) => (Some(weighted.rows.tier(total)), Some(total)),
                None => (None, None),
            }
        }
        Method::Count { public, industry, rows } => {
            let counted = |listed: &[Grade], grade: Option<Grade>| {
                i64::from(grade.is_some_and(|g| listed.contains(&g)))
            };
            let total = counted(public, grades.0) + counted(industry, grades.1);
            (Some(rows.tier(total)), Some(total))
        }
    };
    let mut overrides = Vec::new();
    let (mut raised, mut limited) = (None::<Tier>, None::<Tier>);
    for (i, rule) in policy.overrides.iter().enumerate() {
        let result = match rule.of {
            Side::Public => public,
            Side::Industry => industry,
        };
        let applies = result.is_some_and(|result| match &rule.trigger {
            Trigger::Finding(id) => result.has_finding(id),
            Trigger::Grades(grades) => result.grade().is_some_and(|g| grades.contains(&g)),
        });
        if applies {
            overrides.push(i);
            match rule.effect {
                OverrideEffect::Raise(tier) => raised = raised.max(Some(tier)),
                OverrideEffect::AtMost(tier) => limited = Some(limited.map_or(tier, |l| l.min(tier))),
            }
        }
    }
    let lowered = by_method.map(|tier| limited.map_or(tier, |limit| tier.min(limit)));
    TierDecision { tier: lowered.max(raised), by_method, total, overrides }
}

impl Weighted {
    /// In ten-thousandths of a point, rounded once.
    fn total(&self, public: Option<Points>, industry: Option<Points>) -> Option<i64> {
        let public = i128::from(public.or(self.public_missing)?.ten_thousandths());
        let industry = i128::from(industry.or(self.industry_missing)?.ten_thousandths());
        let sum = public * i128::from(self.public.basis_points())
            + industry * i128::from(self.industry.basis_points());
        Some(saturate(self.rounding.quotient(sum, i128::from(Share::WHOLE.basis_points()))))
    }
}

impl TierPolicy {
    /// Takes a document apart and checks it.
    ///
    /// # Errors
    /// All faults of the document at once.
    pub fn parse(node: &Node, peers: &Peers) -> Result<TierPolicy, Faults> {
        let mut faults = Faults::default();
        let parsed = parse(node, peers, &mut faults);
        match parsed {
            Some(policy) if faults.is_empty() => Ok(policy),
            Some(_) | None => Err(faults),
        }
    }

    /// How the method works, in one word.
    pub fn method_name(&self) -> &'static str {
        match self.method {
            Method::Matrix(_) => "matrix",
            Method::WorstOf { .. } => "worst_of",
            Method::Weighted(_) => "weighted",
            Method::Count { .. } => "count",
        }
    }
}

fn parse(node: &Node, peers: &Peers, faults: &mut Faults) -> Option<TierPolicy> {
    let mut f = Fields::open(node, "a tier policy", faults)?;
    let id = f.need_text("policy", faults);
    let edition = f.need_text("edition", faults);
    let title = f.need_text("title", faults);
    let field = f.need_text("field", faults);
    let authority = f.need_text("authority", faults);
    let status = f.need("status", faults).and_then(|n| document::name(n, "a status", &Status::NAMES, faults));
    let remarks = f.take_text("note", faults).map(str::to_owned);
    let effective = f.need("effective", faults).and_then(|n| parse_effective(n, faults));
    let period = effective.unwrap_or((Date::BEFORE_ALL, Date::FOREVER));
    let public_node = f.need("public", faults);
    let public = public_node.and_then(|n| peers.scheme(n, n.text()?, period, faults));
    let industry_node = f.take("industry");
    let industry = industry_node.and_then(|n| peers.scheme(n, n.text()?, period, faults));
    let tiers_node = f.need("tiers", faults);
    let tiers = tiers_node.map(|n| parse_tiers(n, faults)).unwrap_or_default();
    let highest = Tier::try_from(tiers.len()).unwrap_or(Tier::MAX);
    let method_node = f.need("method", faults);
    let overrides_node = f.take("overrides");
    f.finish(faults);
    let sides = Sides { public: public?, industry, highest };
    if industry_node.is_some() && industry.is_none() {
        return None;
    }
    let method = method_node.and_then(|n| parse_method(n, &sides, faults));
    let mut overrides = Vec::new();
    for item in overrides_node.map(Node::items).unwrap_or_default() {
        overrides.extend(parse_override(item, &sides, faults));
    }
    Some(TierPolicy {
        id: id?.to_owned(),
        edition: edition?.to_owned(),
        title: title?.to_owned(),
        field: field?.to_owned(),
        authority: authority?.to_owned(),
        status: Status::from_index(status?),
        note: remarks,
        effective: effective?,
        public: public_node?.text()?.to_owned(),
        industry: industry_node.and_then(Node::text).map(str::to_owned),
        tiers,
        overrides,
        method: method?,
    })
}

/// What a method and overrides are checked against.
struct Sides<'p> {
    public: &'p Peer,
    industry: Option<&'p Peer>,
    highest: Tier,
}

impl Sides<'_> {
    fn grades(&self, side: Side) -> Vec<&str> {
        let peer = match side {
            Side::Public => Some(self.public),
            Side::Industry => self.industry,
        };
        peer.map(|p| p.grades.iter().map(String::as_str).collect()).unwrap_or_default()
    }

    fn tier(&self, node: &Node, faults: &mut Faults) -> Option<Tier> {
        let tier = document::whole(node, 1, i64::from(self.highest.max(1)), faults)?;
        Tier::try_from(tier).ok()
    }
}

fn parse_method(node: &Node, sides: &Sides<'_>, faults: &mut Faults) -> Option<Method> {
    let mut f = Fields::open(node, "a method", faults)?;
    let kinds = ["matrix", "worst_of", "weighted", "count"];
    let (kind, value) = f.one_of(&kinds, "a method", faults)?;
    f.finish(faults);
    match kinds[kind] {
        "matrix" => {
            let rows = by_grade(value, &sides.grades(Side::Public), faults)?;
            let columns = sides.grades(Side::Industry);
            let mut matrix = Vec::new();
            for row in rows {
                let cells = by_grade(row, &columns, faults)?;
                let tiers: Vec<Option<Tier>> = cells.into_iter().map(|n| sides.tier(n, faults)).collect();
                matrix.push(tiers.into_iter().collect::<Option<Vec<Tier>>>()?);
            }
            Some(Method::Matrix(matrix))
        }
        "worst_of" => {
            let mut f = Fields::open(value, "a worst-of method", faults)?;
            let public = f.take("public");
            let industry = f.take("industry");
            f.finish(faults);
            if public.is_none() && industry.is_none() {
                faults.node(value, Check::MissingKey, "`public`, `industry`, or both");
            }
            let mut tiers = |node: &Node, side| {
                let cells = by_grade(node, &sides.grades(side), faults)?;
                let tiers: Vec<Option<Tier>> = cells.into_iter().map(|n| sides.tier(n, faults)).collect();
                tiers.into_iter().collect::<Option<Vec<Tier>>>()
            };
            // A result without a table never makes the tier worse.
            let mut side = |node: Option<&Node>, side| match node {
                Some(node) => tiers(node, side),
                None => Some(vec![1; sides.grades(side).len() + 1]),
            };
            let (public, industry) = (side(public, Side::Public), side(industry, Side::Industry));
            let (public, industry) = (public?, industry?);
            Some(Method::WorstOf { public, industry })
        }
        "weighted" => parse_weighted(value, sides, faults).map(Method::Weighted),
        _ => {
            let mut f = Fields::open(value, "a count method", faults)?;
            let mut listed = |key, side, faults: &mut Faults| -> Vec<Grade> {
                let names = sides.grades(side);
                let items = f.take(key).map(Node::items).unwrap_or_default();
                let found = items.iter().filter_map(|n| document::name(n, "a grade", &names, faults));
                found.filter_map(|i| Grade::try_from(i).ok()).collect()
            };
            let public = listed("public", Side::Public, faults);
            let industry = listed("industry", Side::Industry, faults);
            let rows = f.need("rows", faults).and_then(|n| parse_rows(n, Unit::Count, sides, faults));
            f.finish(faults);
            Some(Method::Count { public, industry, rows: rows? })
        }
    }
}

/// The values of a map with exactly the keys `grades` and `none`, in that order.
fn by_grade<'n>(node: &'n Node, grades: &[&str], faults: &mut Faults) -> Option<Vec<&'n Node>> {
    let Value::Map(entries) = &node.value else {
        faults.node(
            node,
            Check::WrongShape,
            format!("a map with the keys `{}` and `none`", grades.join("`, `")),
        );
        return None;
    };
    let before = faults.len();
    // Opening reports duplicate keys.
    Fields::open(node, "grades", faults);
    for (key, _) in entries {
        if key.text != "none" && !grades.contains(&key.text.as_str()) {
            let expected = format!("one of `{}`, `none`", grades.join("`, `"));
            faults.push(key.span, Check::UnknownName, format!("`{}`", key.text), expected);
        }
    }
    let mut found = Vec::new();
    for grade in grades.iter().copied().chain(["none"]) {
        match node.child(grade) {
            Some(value) => found.push(value),
            None => faults.node(node, Check::MissingKey, format!("also the key `{grade}`")),
        }
    }
    (faults.len() == before).then_some(found)
}

fn parse_weighted(node: &Node, sides: &Sides<'_>, faults: &mut Faults) -> Option<Weighted> {
    let mut f = Fields::open(node, "a weighted method", faults)?;
    let public = f.need("public", faults).and_then(|n| document::share(n, faults));
    let industry = f.need("industry", faults).and_then(|n| document::share(n, faults));
    let mut missing = |key, faults: &mut Faults| f.take(key).map(|n| document::points(n, faults));
    let public_missing = missing("public_missing", faults);
    let industry_missing = missing("industry_missing", faults);
    let rounding = match f.take("rounding") {
        Some(node) => document::name(node, "a rounding", &Rounding::NAMES, faults)?,
        None => 0,
    };
    if f.has("source") {
        Source::need(&mut f, faults);
    }
    let rows = f.need("bands", faults).and_then(|n| parse_rows(n, Unit::Points, sides, faults));
    f.finish(faults);
    for (side, peer) in [("public", Some(sides.public)), ("industry", sides.industry)] {
        if peer.is_none_or(|p| !p.scored) {
            faults.node(node, Check::UnitMismatch, format!("a {side} standard that gives scores"));
        }
    }
    Some(Weighted {
        public: public?,
        industry: industry?,
        public_missing: public_missing.flatten(),
        industry_missing: industry_missing.flatten(),
        rounding: Rounding::from_index(rounding),
        rows: rows?,
    })
}

/// Rows `{tier, from, to}` in either order of their bounds.
fn parse_rows(node: &Node, unit: Unit, sides: &Sides<'_>, faults: &mut Faults) -> Option<Rows> {
    let mut rows = Vec::new();
    for item in document::list(node, "rows `{tier, from, to}`", faults)? {
        let mut f = Fields::open(item, "a row", faults)?;
        let tier = f.need("tier", faults).and_then(|n| sides.tier(n, faults));
        let bounds = tiling::Bounds::take(&mut f, unit, faults);
        f.finish(faults);
        rows.push((item, bounds?, tier?));
    }
    rows.sort_by_key(|(_, bounds, _)| bounds.from.unwrap_or(i64::MIN));
    let bounds: Vec<(&Node, tiling::Bounds)> = rows.iter().map(|(item, b, _)| (*item, *b)).collect();
    if !tiling::check(node, &bounds, unit.least(), None, |q| unit.display(q), faults) {
        return None;
    }
    Some(Rows(rows.iter().map(|(_, b, tier)| (b.from.unwrap_or(i64::MIN), *tier)).collect()))
}

fn parse_override(node: &Node, sides: &Sides<'_>, faults: &mut Faults) -> Option<Override> {
    let mut f = Fields::open(node, "an override", faults)?;
    let id = f.need_text("id", faults);
    let source = Source::need(&mut f, faults);
    let when = f.need("when", faults);
    let (kind, tier) = f.one_of(&["tier", "at_most"], "what the override does", faults)?;
    let tier = sides.tier(tier, faults);
    f.finish(faults);
    let mut w = Fields::open(when?, "a condition on results", faults)?;
    let of =
        w.need("of", faults).and_then(|n| document::name(n, "a result", &["public", "industry"], faults));
    let (what, value) = w.one_of(&["finding", "grade"], "what is looked at", faults)?;
    w.finish(faults);
    let of = if of? == 0 { Side::Public } else { Side::Industry };
    let trigger = if what == 0 {
        let peer = match of {
            Side::Public => Some(sides.public),
            Side::Industry => sides.industry,
        };
        let names: Vec<&str> =
            peer.map(|p| p.findings.iter().map(String::as_str).collect()).unwrap_or_default();
        let i = document::name(value, "a finding of that standard", &names, faults)?;
        Trigger::Finding(names[i].to_owned())
    } else {
        let names = sides.grades(of);
        let found = value.items().iter().filter_map(|n| document::name(n, "a grade", &names, faults));
        Trigger::Grades(found.filter_map(|i| Grade::try_from(i).ok()).collect())
    };
    let effect = if kind == 0 { OverrideEffect::Raise(tier?) } else { OverrideEffect::AtMost(tier?) };
    Some(Override { id: id?.to_owned(), source: source?, of, trigger, effect })
}

fn parse_tiers(node: &Node, faults: &mut Faults) -> Vec<TierMeasures> {
    let mut tiers = Vec::new();
    for (i, item) in document::list(node, "tiers", faults).unwrap_or_default().iter().enumerate() {
        let Some(mut f) = Fields::open(item, "a tier", faults) else { continue };
        let number = i64::try_from(i + 1).unwrap_or(i64::MAX);
        f.need("tier", faults).and_then(|n| document::whole(n, number, number, faults));
        let title = f.need_text("title", faults).unwrap_or_default().to_owned();
        let items = f.take("measures").map(Node::items).unwrap_or_default();
        let measures = items.iter().filter_map(|n| parse_measure(n, faults)).collect();
        f.finish(faults);
        tiers.push(TierMeasures { title, measures });
    }
    tiers
}

fn parse_measure(node: &Node, faults: &mut Faults) -> Option<Measure> {
    let mut f = Fields::open(node, "a measure", faults)?;
    let kinds = ["sampling", "inspections", "mode", "service", "warning", "restriction"];
    let kind = f.need("kind", faults).and_then(|n| document::name(n, "a kind of measure", &kinds, faults));
    let title = f.need_text("title", faults);
    let source = Source::need(&mut f, faults);
    let kind = match kinds[kind?] {
        "sampling" => match f.one_of(&["ratio", "pool"], "how the pool is sampled", faults)? {
            (0, ratio) => MeasureKind::SamplingRatio(document::share(ratio, faults)?),
            (_, pool) => {
                document::name(pool, "what happens in the pool", &["excluded"], faults)?;
                MeasureKind::SamplingExcluded
            }
        },
        "inspections" => {
            let mut count = |key| f.take(key).map(|n| document::decimal(n, 4, 366, faults));
            let (min, max) = (count("min_per_year"), count("max_per_year"));
            let (min, max) =
                (min.map_or(Some(None), |m| m.map(Some))?, max.map_or(Some(None), |m| m.map(Some))?);
            if min.is_none() && max.is_none() {
                f.report_missing("min_per_year", Check::MissingKey, faults);
            }
            if min.is_some_and(|min| min < 0) || min.zip(max).is_some_and(|(min, max)| min > max) {
                faults.node(node, Check::FloorAboveCap, "`min_per_year` from 0 to `max_per_year`");
            }
            MeasureKind::Inspections { min, max }
        }
        "mode" => {
            let modes = ["on-site", "remote", "combined"];
            let mode = f.need("mode", faults).and_then(|n| document::name(n, "a mode", &modes, faults))?;
            MeasureKind::Mode([Mode::OnSite, Mode::Remote, Mode::Combined][mode])
        }
        "service" => MeasureKind::Service,
        "warning" => MeasureKind::Warning,
        _ => MeasureKind::Restriction,
    };
    f.finish(faults);
    Some(Measure { kind, title: title?.to_owned(), source: source? })
}
