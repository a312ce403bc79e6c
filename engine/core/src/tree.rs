//! Dimensions and indicators: the tree that points are summed along (`docs/standard-format.md` §8).

use std::collections::HashSet;
use std::ops::Range;

use crate::document::{self, Check, Faults, Fields, Node};
use crate::kernel::IndicatorResult;
use crate::number::{Points, Rounding, Share, saturate};
use crate::quantity::Gives;
use crate::reading::Reading;
use crate::rule::{Direction, Rule};
use crate::scope::{Scope, Source};
use crate::vocabulary::Polarity;

/// One indicator.
#[derive(Clone, Debug)]
pub struct Indicator {
    /// Id, unique in the standard.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its source.
    pub source: Source,
    /// Least points it can give.
    pub min: Points,
    /// Greatest points it can give.
    pub max: Points,
    /// What is done when its reading is unknown.
    pub when_unknown: WhenUnknown,
    /// What the reading gives.
    pub gives: Gives,
    /// Why more adverse facts may earn more, when that is on purpose.
    pub monotone_waived: Option<String>,
    pub(crate) reading: Reading,
    pub(crate) rule: Rule,
}

/// What an unknown reading means for its indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnknown {
    /// So many points.
    Points(Points),
    /// It is left out and its group renormalised.
    Exclude,
    /// The subject cannot be scored.
    CannotScore,
}

/// One dimension.
#[derive(Clone, Debug)]
pub struct Dimension {
    /// Id, unique in the standard.
    pub id: String,
    /// Title.
    pub title: String,
    /// Floor, when one is stated.
    pub min: Option<Points>,
    /// Cap, when one is stated.
    pub max: Option<Points>,
    pub(crate) group: Group,
}

/// Children whose points are summed or weighted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub children: Vec<Member>,
    pub weighted: bool,
    /// Greatest value, as an unstated maximum of a dimension.
    pub max: Points,
    /// The children, when they are indicators that follow one another, as they mostly do.
    run: Option<Range<usize>>,
}

/// A child of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    pub child: Child,
    /// In a weighted group: its weight.
    pub weight: Share,
    pub max: Points,
}

/// Index of a child in its standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Dimension(usize),
    Indicator(usize),
}

/// The points of a standard's indicators and dimensions on one file, as far as they are settled.
#[derive(Clone, Copy)]
pub(crate) struct Settled<'a> {
    pub indicators: &'a [IndicatorResult],
    pub dimensions: &'a [Option<Points>],
}

impl Settled<'_> {
    /// `None` marks an excluded child.
    pub fn points(self, child: Child) -> Option<Points> {
        match child {
            Child::Indicator(i) => self.indicators[i].points,
            Child::Dimension(i) => self.dimensions[i],
        }
    }
}

impl Group {
    fn new(children: Vec<Member>, weighted: bool, max: Points) -> Group {
        let first = match children.first().map(|m| m.child) {
            Some(Child::Indicator(first)) => first,
            Some(Child::Dimension(_)) | None => 0,
        };
        let run = first..first + children.len();
        let in_a_row = children.iter().map(|m| m.child).eq(run.clone().map(Child::Indicator));
        Group { run: in_a_row.then_some(run), children, weighted, max }
    }

    /// The value of the group from its children's points. Weighted or renormalised groups are one exact quotient,
    /// rounded once. `None` when every child is excluded.
    pub fn value(&self, settled: Settled<'_>, rounding: Rounding) -> Option<Points> {
        if self.weighted {
            return self.weighted_mean(settled, rounding);
        }
        let (sum, included) = match &self.run {
            Some(run) => sum(settled.indicators[run.clone()].iter().map(|indicator| indicator.points)),
            None => sum(self.children.iter().map(|m| settled.points(m.child))),
        };
        match included {
            0 => None,
            n if n == self.children.len() => Some(sum),
            _ => self.renormalised(sum, settled, rounding),
        }
    }

    fn weighted_mean(&self, settled: Settled<'_>, rounding: Rounding) -> Option<Points> {
        let (mut sum, mut weights) = (0i128, 0i128);
        for member in &self.children {
            if let Some(points) = settled.points(member.child) {
                let weight = i128::from(member.weight.basis_points());
                sum += i128::from(points.ten_thousandths()) * weight;
                weights += weight;
            }
        }
        (weights > 0).then(|| quotient(sum, weights, rounding))
    }

    /// The sum of the included children, raised from their maxima to those of all.
    fn renormalised(&self, sum: Points, settled: Settled<'_>, rounding: Rounding) -> Option<Points> {
        let included = self.children.iter().filter(|m| settled.points(m.child).is_some());
        let known: Points = included.map(|m| m.max).sum();
        let all: Points = self.children.iter().map(|m| m.max).sum();
        (known > Points::ZERO).then(|| {
            quotient(
                i128::from(sum.ten_thousandths()) * i128::from(all.ten_thousandths()),
                i128::from(known.ten_thousandths()),
                rounding,
            )
        })
    }
}

/// The sum of the points that are not excluded, and how many they are.
fn sum(points: impl Iterator<Item = Option<Points>>) -> (Points, usize) {
    points.flatten().fold((Points::ZERO, 0), |(sum, included), points| (sum.plus(points), included + 1))
}

fn quotient(numerator: i128, divisor: i128, rounding: Rounding) -> Points {
    Points::from_ten_thousandths(saturate(rounding.quotient(numerator, divisor)))
}

/// The tree while it is taken apart.
#[derive(Default)]
pub(crate) struct Tree {
    pub dimensions: Vec<Dimension>,
    pub indicators: Vec<Indicator>,
}

impl Tree {
    pub fn parse_top(&mut self, node: &Node, scope: &mut Scope<'_>) -> Option<Group> {
        self.parse_group(node, false, scope)
    }

    /// Ids are unique among indicators, dimensions and `others`.
    pub fn check_ids<'a>(
        &'a self,
        node: &Node,
        others: impl Iterator<Item = &'a String>,
        faults: &mut Faults,
    ) {
        let mut seen: HashSet<&str> = HashSet::new();
        let own = self.indicators.iter().map(|i| &i.id).chain(self.dimensions.iter().map(|d| &d.id));
        for id in own.chain(others) {
            if !seen.insert(id.as_str()) {
                faults.push(
                    node.span,
                    Check::DuplicateKey,
                    format!("id `{id}` a second time"),
                    "each id once in a file",
                );
            }
        }
    }

    fn parse_group(&mut self, node: &Node, leaves: bool, scope: &mut Scope<'_>) -> Option<Group> {
        let items =
            document::list(node, if leaves { "indicators" } else { "dimensions" }, &mut scope.faults)?;
        let mut children = Vec::new();
        let mut weights = Vec::new();
        let mut complete = true;
        for item in items {
            let parsed =
                if leaves { self.parse_indicator(item, scope) } else { self.parse_dimension(item, scope) };
            match parsed {
                Some((child, max, weight)) => {
                    weights.push(weight);
                    children.push(Member { child, weight: weight.unwrap_or_default(), max });
                }
                None => complete = false,
            }
        }
        if !complete {
            return None;
        }
        let weighted = weights.iter().any(Option::is_some);
        let total: i64 = weights.iter().flatten().map(|w| w.basis_points()).sum();
        if weighted && (total != Share::WHOLE.basis_points() || weights.iter().any(Option::is_none)) {
            let found: Vec<String> =
                weights.iter().map(|w| w.map_or("none".to_owned(), |w| w.to_string())).collect();
            scope.faults.push(
                node.span,
                Check::WeightsSum,
                format!("weights {} with the sum {}", found.join(", "), Share::from_basis_points(total)),
                "a weight on every one of them, 100% together; or on none",
            );
        }
        let sum = |f: &dyn Fn(&Member) -> i128| children.iter().map(f).sum::<i128>();
        let max = if weighted {
            let sum = sum(&|m| i128::from(m.max.ten_thousandths()) * i128::from(m.weight.basis_points()));
            Points::from_ten_thousandths(saturate(sum / i128::from(Share::WHOLE.basis_points())))
        } else {
            children.iter().map(|m| m.max).sum()
        };
        let group = Group::new(children, weighted, max);
        self.check_exclusion(node, &group, scope);
        Some(group)
    }

    /// Renormalising divides by what is known: every child must be able to earn, and none to lose.
    fn check_exclusion(&self, node: &Node, group: &Group, scope: &mut Scope<'_>) {
        let excluded = |m: &Member| match m.child {
            Child::Indicator(i) => self.indicators[i].when_unknown == WhenUnknown::Exclude,
            Child::Dimension(_) => false,
        };
        if !group.children.iter().any(excluded) {
            return;
        }
        for member in &group.children {
            let (id, min) = match member.child {
                Child::Indicator(i) => (&self.indicators[i].id, self.indicators[i].min),
                Child::Dimension(i) => (&self.dimensions[i].id, self.least(i)),
            };
            if member.max <= Points::ZERO || min < Points::ZERO {
                scope.faults.push(
                    node.span,
                    Check::ExcludedSign,
                    format!("`{id}` from {min} to {}, beside one that may be excluded", member.max),
                    "a positive maximum and no negative points in the whole group",
                );
            }
        }
    }

    fn least(&self, dimension: usize) -> Points {
        let dimension = &self.dimensions[dimension];
        let sum = dimension
            .group
            .children
            .iter()
            .map(|m| match m.child {
                Child::Indicator(i) => self.indicators[i].min,
                Child::Dimension(i) => self.least(i),
            })
            .sum();
        dimension.min.map_or(sum, |min| min.max(sum))
    }

    fn parse_dimension(
        &mut self,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Option<(Child, Points, Option<Share>)> {
        let mut f = Fields::open(node, "a dimension", &mut scope.faults)?;
        let id = f.need_text("id", &mut scope.faults);
        let title = f.need_text("title", &mut scope.faults);
        let min = f.take("min").map(|n| document::points(n, &mut scope.faults));
        let max = f.take("max").map(|n| document::points(n, &mut scope.faults));
        let weight = f.take("weight").map(|n| document::share(n, &mut scope.faults));
        let inner = f.one_of(&["indicators", "dimensions"], "the children of a dimension", &mut scope.faults);
        f.finish(&mut scope.faults);
        // Parents come before their children, so that the tree reads in document order.
        let index = self.dimensions.len();
        self.dimensions.push(Dimension {
            id: id.unwrap_or_default().to_owned(),
            title: title.unwrap_or_default().to_owned(),
            min: min.flatten(),
            max: max.flatten(),
            group: Group::default(),
        });
        let (leaves, children) = inner?;
        let group = self.parse_group(children, leaves == 0, scope)?;
        let greatest = max.flatten().unwrap_or(group.max);
        let dimension = &mut self.dimensions[index];
        dimension.group = group;
        if let (Some(Some(min)), Some(Some(max))) = (min, max)
            && min > max
        {
            scope.faults.node(
                node,
                Check::FloorAboveCap,
                format!("`min` ({min}) no higher than `max` ({max})"),
            );
        }
        if let Some(Some(max)) = max {
            let reachable = self.dimensions[index].group.max;
            if max > reachable {
                scope.faults.push(
                    node.span,
                    Check::NeverMaximum,
                    format!("`max: {max}` over children that together reach {reachable}"),
                    "a maximum that can be earned",
                );
            }
        }
        id?;
        title?;
        Some((Child::Dimension(index), greatest, weight.map_or(Some(None), |w| w.map(Some))?))
    }

    fn parse_indicator(
        &mut self,
        node: &Node,
        scope: &mut Scope<'_>,
    ) -> Option<(Child, Points, Option<Share>)> {
        let mut f = Fields::open(node, "an indicator", &mut scope.faults)?;
        let id = f.need_text("id", &mut scope.faults);
        let title = f.need_text("title", &mut scope.faults);
        let source = Source::need(&mut f, &mut scope.faults);
        let weight = f.take("weight").map(|n| document::share(n, &mut scope.faults));
        let min = f.take("min").map(|n| document::points(n, &mut scope.faults));
        let max = f.take("max").map(|n| document::points(n, &mut scope.faults));
        let waived = f.take("monotone").and_then(|n| parse_waiver(n, &mut scope.faults));
        let rule_node = f.need("rule", &mut scope.faults);
        let reading = f.need("reading", &mut scope.faults).and_then(|n| Reading::parse(n, scope));
        let rule = match (&reading, rule_node) {
            (Some((reading, gives)), Some(n)) => Rule::parse(n, reading, gives, scope),
            _ => None,
        };
        let unknown = f.need("unknown", &mut scope.faults).and_then(|n| parse_unknown(n, scope));
        f.finish(&mut scope.faults);
        let ((reading, gives), rule) = (reading?, rule?);
        let (least, most) = rule.range();
        let min = min.map_or(Some(least), |m| m)?;
        let max = max.map_or(Some(most), |m| m)?;
        if max > most {
            scope.faults.push(
                node.span,
                Check::NeverMaximum,
                format!("`max: {max}` with a rule that gives at most {most}"),
                "a maximum the rule can reach",
            );
        }
        if min > max {
            scope.faults.node(
                node,
                Check::FloorAboveCap,
                format!("`min` ({min}) no higher than `max` ({max})"),
            );
        }
        let unknown = unknown?;
        if let WhenUnknown::Points(points) = unknown
            && (points < min || points > max)
        {
            let expected = format!("points when unknown from {min} to {max}, not {points}");
            scope.faults.node(node, Check::OutOfRange, expected);
        }
        if waived.is_none() {
            check_monotone(node, &reading, &rule, scope);
        }
        self.indicators.push(Indicator {
            id: id?.to_owned(),
            title: title?.to_owned(),
            source: source?,
            min,
            max,
            when_unknown: unknown,
            gives,
            monotone_waived: waived,
            reading,
            rule,
        });
        let weight = weight.map_or(Some(None), |w| w.map(Some))?;
        Some((Child::Indicator(self.indicators.len() - 1), max, weight))
    }
}

fn parse_waiver(node: &Node, faults: &mut Faults) -> Option<String> {
    let mut f = Fields::open(node, "a waiver", faults)?;
    let why = f.need_text("waived", faults).map(str::to_owned);
    f.finish(faults);
    why
}

fn parse_unknown(node: &Node, scope: &mut Scope<'_>) -> Option<WhenUnknown> {
    match node.text() {
        Some("exclude") => return Some(WhenUnknown::Exclude),
        Some("cannot_score") => return Some(WhenUnknown::CannotScore),
        Some(_) => {
            scope.faults.node(node, Check::UnknownName, "`{points: P}`, `exclude` or `cannot_score`");
            return None;
        }
        None => {}
    }
    let mut f = Fields::open(node, "what unknown means", &mut scope.faults)?;
    let points = f.need("points", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
    f.finish(&mut scope.faults);
    points.map(WhenUnknown::Points)
}

fn check_monotone(node: &Node, reading: &Reading, rule: &Rule, scope: &mut Scope<'_>) {
    let direction = rule.direction();
    let (wrong, found, expected) = match reading.rises_with(scope) {
        Some(Polarity::Adverse) => (
            matches!(direction, Direction::Rising | Direction::Mixed),
            "more adverse facts earning more points",
            "points that never rise with adverse facts, or `monotone: {waived: \"why\"}`",
        ),
        Some(Polarity::Favourable) => (
            matches!(direction, Direction::Falling | Direction::Mixed),
            "more favourable facts earning fewer points",
            "points that never fall with favourable facts, or `monotone: {waived: \"why\"}`",
        ),
        Some(Polarity::Neutral) | None => return,
    };
    if wrong {
        scope.faults.push(node.span, Check::NotMonotone, found, expected);
    }
}
