//! The bins of one feature: pieces made of its fine bins, put together by the search, and what each bin weighs.

use super::optimum::{Limits, Pieces, Solution, UNIT, optimum, value};
use super::rules::{Absent, CheckedRules, Cuts, Rules, Trend, Unseen};
use crate::history::{Fine, Layout, Place};
use crate::mass::{Count, Mass};
use crate::woe::weight_of_evidence;

/// The bins of a feature.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    /// What the codes of the feature stand for.
    pub layout: Layout,
    /// Known values first, by value or, for categories, by event rate; then one bin for each special value, one for
    /// missing, one for unseen.
    pub bins: Vec<Bin>,
    /// The bin of each code.
    pub bin_of: Vec<u16>,
    /// The trend found: never automatic.
    pub trend: Trend,
    /// The maximised information value of the bins of known values.
    pub objective: f64,
    /// What the objective is.
    pub search: Search,
    /// Goods and bads of all learning rows.
    pub total: Count,
}

/// What came of the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// The objective is the greatest that the rules allow.
    Optimal,
    /// The cuts were given, nothing was searched.
    Given,
    /// No bins keep to the rules, so there are only those that stated cuts make, or one.
    Infeasible,
}

/// A bin.
#[derive(Clone, Debug, PartialEq)]
pub struct Bin {
    /// The values in it.
    pub what: What,
    /// Its learning rows.
    pub count: Count,
    /// `ln((g/G) / (b/B))` after shrinkage: above zero is safer than average.
    pub woe: f64,
    /// Where the weight of evidence is from.
    pub basis: Basis,
}

/// The values of a bin.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// `from ≤ x < to`; `None` is without end.
    Range {
        /// Lower end, inside.
        from: Option<f64>,
        /// Upper end, outside.
        to: Option<f64>,
    },
    /// These categories.
    Categories(Vec<String>),
    /// The special value of this number.
    Special(usize),
    /// No value.
    Missing,
    /// A category that no learning row had.
    Unseen,
}

/// Where a weight of evidence is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The rows of the bin.
    Rows,
    /// No learning row is in the bin: it is neutral.
    NoRows,
    /// A rule of the binning.
    Rule,
}

impl Binned {
    /// The weight of evidence of each code; as long as the layout.
    pub fn woe_by_code(&self) -> Vec<f64> {
        self.bin_of.iter().map(|bin| self.bins[usize::from(*bin)].woe).collect()
    }

    /// Information value of all bins that hold rows, special and missing ones too.
    pub fn information_value(&self) -> f64 {
        let units: i64 = self.bins.iter().map(|bin| value(bin.count, self.total)).sum();
        units as f64 * UNIT
    }

    /// The number of bins of known values.
    pub fn known(&self) -> usize {
        self.bins.iter().filter(|bin| matches!(bin.what, What::Range { .. } | What::Categories(_))).count()
    }

    /// Where bins of a numeric feature begin.
    pub fn cuts(&self) -> Vec<f64> {
        let from = |bin: &Bin| match &bin.what {
            What::Range { from, .. } => *from,
            What::Categories(_) | What::Special(_) | What::Missing | What::Unseen => None,
        };
        self.bins.iter().filter_map(from).collect()
    }
}

/// Fine bins in the order of the search, and which of them are joined before it.
struct Order {
    /// Each piece: its fine bins.
    pieces: Vec<Vec<usize>>,
    obliged: Vec<bool>,
}

/// Bins a feature by its learning rows, counted by code.
///
/// `counts` is as long as the layout. The result depends on nothing else.
pub fn bin(layout: &Layout, counts: &[Count], rules: &CheckedRules) -> Binned {
    let rules = &rules.0;
    debug_assert_eq!(counts.len(), layout.len(), "a count for each code");
    let total: Count = counts.iter().copied().sum();
    let fine = &counts[layout.fine_from()..];
    let order = match &layout.fine {
        Fine::Numeric { edges } => numeric_order(edges, fine, rules),
        Fine::Categorical { .. } => categorical_order(fine, total, rules),
    };
    let piece_counts: Vec<Count> =
        order.pieces.iter().map(|piece| piece.iter().map(|f| fine[*f]).sum()).collect();
    let pieces = Pieces::new(&piece_counts, order.obliged.clone(), total);
    let numeric = matches!(layout.fine, Fine::Numeric { .. });
    let (starts, trend, search) = solve(&pieces, rules, numeric);
    let mut bins = Vec::new();
    let mut bin_of = vec![0u16; layout.len()];
    let ends = starts.iter().skip(1).copied().chain([pieces.len()]);
    let mut objective = 0;
    for (start, end) in starts.iter().copied().zip(ends) {
        let members: Vec<usize> = order.pieces[start..end].iter().flatten().copied().collect();
        for member in &members {
            bin_of[layout.fine_from() + member] = narrow(bins.len());
        }
        let count = pieces.count(start, end);
        objective += value(count, total);
        bins.push(known_bin(&layout.fine, &members, count, total, rules));
    }
    let worst = bins.iter().map(|bin| bin.woe).fold(0.0, f64::min);
    for code in 0..layout.fine_from() {
        let place = layout.place(code);
        bin_of[code] = narrow(bins.len());
        bins.push(absent_bin(place, counts[code], total, worst, rules));
    }
    // Unseen takes the weight of missing where the rules say so; both stand now.
    let missing = usize::from(bin_of[0]);
    if rules.unseen == Unseen::Missing
        && let Some(woe) = bins.get(missing).map(|bin| bin.woe)
        && let Some(unseen) = bins.iter_mut().find(|bin| bin.what == What::Unseen)
    {
        unseen.woe = woe;
    }
    let objective = objective as f64 * UNIT;
    Binned { layout: layout.clone(), bins, bin_of, trend, objective, search, total }
}

fn narrow(bin: usize) -> u16 {
    u16::try_from(bin).expect("no more bins than codes")
}

fn solve(pieces: &Pieces, rules: &Rules, numeric: bool) -> (Vec<usize>, Trend, Search) {
    let stated: Vec<usize> = (0..pieces.len()).filter(|i| *i == 0 || pieces.is_obliged(*i)).collect();
    if matches!(rules.cuts, Cuts::Only(_)) && numeric {
        return (stated, Trend::Free, Search::Given);
    }
    let share = rules.share_min * pieces.total().total().units() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a mass below 2^53"
    )]
    let limits = Limits {
        bins_max: rules.bins_max,
        mass_min: Mass::from_units(share.ceil() as u64),
        bads_min: at_least(rules.events_min),
        goods_min: at_least(rules.nonevents_min),
        gap_min: rules.rate_gap_min,
    };
    let of = |trend: Trend| optimum(pieces, &limits, trend).map(|solution| (trend, solution));
    let better = |a: Option<(Trend, Solution)>, b: Option<(Trend, Solution)>| match (a, b) {
        (Some(a), Some(b)) => Some(if b.1.value > a.1.value { b } else { a }),
        (a, b) => a.or(b),
    };
    let found = match rules.trend {
        // Categories are sorted by event rate, so along them it can only rise.
        _ if !numeric => of(Trend::Ascending),
        Trend::Automatic => {
            let straight = better(of(Trend::Ascending), of(Trend::Descending));
            let bent = better(of(Trend::Peak), of(Trend::Valley));
            match (straight, bent) {
                (Some(straight), Some(bent)) => {
                    let (flat, curved) = (straight.1.value as f64, bent.1.value as f64);
                    Some(if curved > flat * (1.0 + rules.bend) { bent } else { straight })
                }
                (straight, bent) => straight.or(bent),
            }
        }
        trend => of(trend),
    };
    match found {
        Some((trend, solution)) => (solution.starts, trend, Search::Optimal),
        None => (stated, Trend::Free, Search::Infeasible),
    }
}

/// A stated least weight; more than nothing in any case.
fn at_least(weight: f64) -> Mass {
    Mass::from_weight(weight.min(Mass::WEIGHT_MAX)).unwrap_or(Mass::ONE).max(Mass::from_units(1))
}

fn numeric_order(edges: &[f64], fine: &[Count], rules: &Rules) -> Order {
    let stated = rules.cuts.numbers();
    let obliged: Vec<bool> = (0..fine.len()).map(|i| i > 0 && stated.contains(&edges[i - 1])).collect();
    join(fine, (0..fine.len()).map(|i| vec![i]).collect(), &obliged, rules.pieces_max)
}

/// Categories by event rate. Rare ones stand together, in the place that their common rate gives them; each rate is
/// drawn to the average by the prior, so that one row does not put a category first.
fn categorical_order(fine: &[Count], total: Count, rules: &Rules) -> Order {
    let rare_below = Mass::from_weight(rules.rare.min(Mass::WEIGHT_MAX)).unwrap_or_default();
    let (rare, mut pieces): (Vec<usize>, Vec<usize>) =
        (0..fine.len()).partition(|category| fine[*category].total() < rare_below);
    let shrunk = |members: &[usize]| {
        let count: Count = members.iter().map(|m| fine[*m]).sum();
        (count.bads.value() + rules.prior * total.rate()) / (count.total().value() + rules.prior)
    };
    pieces.sort_by(|a, b| shrunk(&[*a]).total_cmp(&shrunk(&[*b])).then(a.cmp(b)));
    let mut pieces: Vec<Vec<usize>> = pieces.into_iter().map(|category| vec![category]).collect();
    if !rare.is_empty() {
        let rate = shrunk(&rare);
        let at = pieces.partition_point(|piece| shrunk(piece) <= rate);
        pieces.insert(at, rare);
    }
    if pieces.is_empty() {
        pieces.push(Vec::new());
    }
    let obliged = vec![false; pieces.len()];
    join(fine, pieces, &obliged, rules.pieces_max)
}

/// Joins neighbouring pieces until there are at most `most`, about equally heavy ones.
fn join(fine: &[Count], pieces: Vec<Vec<usize>>, obliged: &[bool], most: usize) -> Order {
    if pieces.len() <= most {
        return Order { pieces, obliged: obliged.to_vec() };
    }
    let mass = |piece: &[usize]| piece.iter().map(|f| u128::from(fine[*f].total().units())).sum::<u128>();
    let whole: u128 = pieces.iter().map(|piece| mass(piece)).sum::<u128>().max(1);
    let mut joined = Order { pieces: Vec::new(), obliged: Vec::new() };
    let (mut before, mut last) = (0, None);
    for (piece, obliged) in pieces.into_iter().zip(obliged) {
        let weight = mass(&piece);
        let slot = (2 * before + weight) * most as u128 / (2 * whole);
        before += weight;
        match joined.pieces.last_mut() {
            Some(members) if last == Some(slot) && !obliged => members.extend(piece),
            _ => {
                joined.pieces.push(piece);
                joined.obliged.push(*obliged);
            }
        }
        last = Some(slot);
    }
    joined
}

fn known_bin(fine: &Fine, members: &[usize], count: Count, total: Count, rules: &Rules) -> Bin {
    let what = match fine {
        Fine::Numeric { edges } => What::Range {
            from: members.first().filter(|first| **first > 0).map(|first| edges[first - 1]),
            to: members.last().and_then(|last| edges.get(*last).copied()),
        },
        Fine::Categorical { labels } => {
            let mut names: Vec<String> = members.iter().map(|m| labels[*m].clone()).collect();
            names.sort();
            What::Categories(names)
        }
    };
    let basis = if count.total() == Mass::ZERO { Basis::NoRows } else { Basis::Rows };
    Bin { what, count, woe: weight_of_evidence(count, total, rules.prior), basis }
}

fn absent_bin(place: Place, count: Count, total: Count, worst: f64, rules: &Rules) -> Bin {
    let own = || {
        let basis = if count.total() == Mass::ZERO { Basis::NoRows } else { Basis::Rows };
        (weight_of_evidence(count, total, rules.prior), basis)
    };
    let absent = |rule: Absent| match rule {
        Absent::Own => own(),
        Absent::Worst => (worst, Basis::Rule),
        Absent::Neutral => (0.0, Basis::Rule),
    };
    let (what, (woe, basis)) = match place {
        Place::Missing => (What::Missing, absent(rules.missing)),
        Place::Special(at) => (What::Special(at), absent(rules.special)),
        Place::Unseen => {
            let woe = if rules.unseen == Unseen::Worst { worst } else { 0.0 };
            (What::Unseen, (woe, Basis::Rule))
        }
        Place::Fine(_) => unreachable!("fine bins are known"),
    };
    Bin { what, count, woe, basis }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Label;

    fn rules(change: impl FnOnce(&mut Rules)) -> CheckedRules {
        let mut rules = Rules { share_min: 0.0, bend: 0.1, prior: 1.0, ..Rules::default() };
        change(&mut rules);
        rules.check().expect("rules in range")
    }

    fn numeric(edges: &[f64], special: Vec<Label>) -> Layout {
        Layout { column: "x".into(), special, fine: Fine::Numeric { edges: edges.to_vec() } }
    }

    /// Rates 10 %, 20 %, 40 %, 20 %; missing 50 %; one special row; nothing unseen.
    fn example() -> (Layout, Vec<Count>) {
        let counts = [(5, 5), (1, 0), (0, 0), (90, 10), (80, 20), (60, 40), (80, 20)];
        let counts = counts.map(|(goods, bads)| Count::rows(goods, bads)).to_vec();
        (numeric(&[1.0, 2.0, 3.0], vec![Label::Number(-1.0)]), counts)
    }

    #[track_caller]
    fn check(rules: CheckedRules, cuts: &[f64], trend: Trend, search: Search) {
        let (layout, counts) = example();
        let binned = bin(&layout, &counts, &rules);
        assert_eq!((binned.cuts().as_slice(), binned.trend, binned.search), (cuts, trend, search));
        assert!(binned.bins.iter().all(|bin| bin.woe.is_finite()));
        let all: Count = binned.bins.iter().map(|bin| bin.count).sum();
        assert_eq!(all, binned.total);
    }

    #[test]
    fn the_trend_decides_where_bins_end() {
        let of = |trend| rules(|r| r.trend = trend);
        check(of(Trend::Ascending), &[1.0, 2.0], Trend::Ascending, Search::Optimal);
        check(of(Trend::Peak), &[1.0, 2.0, 3.0], Trend::Peak, Search::Optimal);
        check(of(Trend::Descending), &[3.0], Trend::Descending, Search::Optimal);
        check(of(Trend::Free), &[1.0, 2.0, 3.0], Trend::Free, Search::Optimal);
        check(rules(|r| r.bend = 0.0), &[1.0, 2.0, 3.0], Trend::Peak, Search::Optimal);
        check(rules(|r| r.bend = 9.0), &[1.0, 2.0], Trend::Ascending, Search::Optimal);
    }

    #[test]
    fn cuts_stand_as_stated() {
        let of = |cuts| {
            rules(|r| {
                r.cuts = cuts;
                r.trend = Trend::Ascending;
            })
        };
        check(of(Cuts::Only(vec![2.0])), &[2.0], Trend::Free, Search::Given);
        check(of(Cuts::With(vec![2.0])), &[1.0, 2.0], Trend::Ascending, Search::Optimal);
        // From the bin of 3 on the rate falls, so no ascending bins begin there.
        check(of(Cuts::With(vec![3.0])), &[3.0], Trend::Free, Search::Infeasible);
    }

    #[test]
    fn limits_that_nothing_keeps_leave_one_bin() {
        check(rules(|r| r.events_min = 1000.0), &[], Trend::Free, Search::Infeasible);
        check(
            rules(|r| {
                r.bins_max = 2;
                r.bend = 9.0;
            }),
            &[1.0],
            Trend::Ascending,
            Search::Optimal,
        );
        check(
            rules(|r| {
                r.rate_gap_min = 0.15;
                r.bend = 9.0;
            }),
            &[1.0],
            Trend::Ascending,
            Search::Optimal,
        );
    }

    #[test]
    fn absent_values_follow_their_rule() {
        let (layout, counts) = example();
        let woe = |rules: CheckedRules| {
            let binned = bin(&layout, &counts, &rules);
            let of = |what: What| binned.bins.iter().find(|b| b.what == what).map(|b| (b.woe, b.basis));
            (
                of(What::Missing).expect("missing"),
                of(What::Special(0)).expect("special"),
                of(What::Unseen).expect("unseen"),
            )
        };
        let worst =
            bin(&layout, &counts, &rules(|_| ())).bins.iter().take(4).map(|b| b.woe).fold(0.0, f64::min);
        let (missing, special, unseen) = woe(rules(|_| ()));
        assert!(missing.0 < -1.0 && missing.1 == Basis::Rows && special.0 > 0.0);
        assert_eq!(unseen, (0.0, Basis::Rule));
        let (missing, special, unseen) = woe(rules(|r| {
            r.missing = Absent::Worst;
            r.special = Absent::Neutral;
            r.unseen = Unseen::Missing;
        }));
        assert_eq!(missing, (worst, Basis::Rule));
        assert_eq!(special, (0.0, Basis::Rule));
        assert_eq!(unseen.0.to_bits(), worst.to_bits());
    }

    #[test]
    fn categories_stand_by_event_rate_and_rare_ones_together() {
        let labels = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
        let layout = Layout { column: "k".into(), special: vec![], fine: Fine::Categorical { labels } };
        // Missing, unseen, then a to e; b and e are rare.
        let counts = [(0, 0), (0, 0), (50, 50), (1, 4), (90, 10), (88, 12), (5, 0)];
        let counts = counts.map(|(goods, bads)| Count::rows(goods, bads)).to_vec();
        let binned = bin(&layout, &counts, &rules(|r| r.bins_max = 3));
        let names: Vec<_> = binned.bins.iter().map(|b| b.what.clone()).collect();
        let group = |names: &[&str]| What::Categories(names.iter().map(ToString::to_string).collect());
        assert_eq!(
            names,
            [group(&["c", "d"]), group(&["b", "e"]), group(&["a"]), What::Missing, What::Unseen]
        );
        assert_eq!(binned.bin_of, [3, 4, 2, 1, 0, 0, 1]);
    }

    #[test]
    fn a_feature_without_values_has_one_empty_bin() {
        let labels =
            Layout { column: "k".into(), special: vec![], fine: Fine::Categorical { labels: vec![] } };
        let binned = bin(&labels, &[Count::rows(5, 5), Count::default()], &rules(|_| ()));
        assert_eq!((binned.known(), binned.search), (1, Search::Infeasible));
        assert!(binned.bins.iter().all(|bin| bin.woe.abs() < 1e-12));
    }
}
