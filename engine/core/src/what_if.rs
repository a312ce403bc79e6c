//! What would change a result: which facts count, which are alike, and the fewest repairs that reach something better.
//!
//! Pure, like the kernel. What a set of repairs gives is the caller's to evaluate; here it is decided which sets have to
//! be tried. Nothing is assumed of what a repair does: with one fact fewer a ratio may get worse, so that no set can be
//! left out because of a smaller one. What is left out are sets that differ only in facts the kernel cannot tell apart.

use std::collections::BTreeMap;

use crate::date::Date;
use crate::fact::Facts;
use crate::kernel::Workbench;
use crate::picker::Standing;
use crate::reading::Input;
use crate::scope::Slot;
use crate::standard::Standard;
use crate::vocabulary::CodeId;

/// The facts of the subject's own file that counted in the last evaluation of `bench`, or in one it reads, by place in
/// the file: some selection picked them.
///
/// This set only changes on days that a horizon tells of, because every window, end, repair and objection lowers it.
pub fn counting(bench: &Workbench) -> Vec<usize> {
    let mut places = Vec::new();
    for bench in with_inner(bench) {
        let picker = bench.picked();
        let hits = picker.touched.iter().flat_map(|slot| &picker.hits[usize::from(*slot)]);
        places.extend(hits.map(|i| *i as usize));
    }
    sorted(places)
}

/// The facts that count, or would if others did not: `last` passes over those that stand in the window of a selection
/// before the last so many.
pub fn within_reach(bench: &Workbench, facts: &Facts<'_>) -> Vec<usize> {
    let mut places = Vec::new();
    for bench in with_inner(bench) {
        let plan = bench.plan();
        let known = facts.occurred_on.partition_point(|day| *day <= plan.as_of);
        places.extend((0..known).filter(|i| {
            let mut due = Date::FOREVER;
            plan.standard.lifecycle.standing(facts, *i, plan.as_of, &mut due) == Standing::Counts
                && slots_of(bench, facts, *i).next().is_some()
        }));
    }
    sorted(places)
}

/// Whether a selection of `bench`, or of one it reads, may pick facts of `code`.
pub fn reads(bench: &Workbench, code: CodeId) -> bool {
    with_inner(bench)
        .iter()
        .any(|bench| bench.plan().standard.selections.iter().any(|s| s.codes.contains(&code)))
}

/// Groups of `among` that every evaluation by `benches` sees alike: whichever of a group stop counting, only how many
/// matters. `among` are places in `facts`, ascending, all of them within reach, and with everything else that is.
///
/// Alike are facts of one class in the same windows whose numbers, references and days are the same, as far as a part
/// of the standards that reads the windows looks at them. Where days or the order matter, they also follow one another.
pub fn alike(benches: &[&Workbench], facts: &Facts<'_>, among: &[usize]) -> Vec<Vec<usize>> {
    let benches: Vec<&Workbench> = benches.iter().flat_map(|bench| with_inner(bench)).collect();
    let looks: Vec<Vec<Looks>> = benches.iter().map(|bench| looks(&bench.plan().standard)).collect();
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    let mut run = 0;
    for (n, i) in among.iter().copied().enumerate() {
        let same = |before: usize| {
            facts.class[before] == facts.class[i]
                && facts.occurred_on[before] == facts.occurred_on[i]
                && facts.number[before] == facts.number[i]
                && facts.reference[before] == facts.reference[i]
                && facts.ends_on[before] == facts.ends_on[i]
        };
        if !n.checked_sub(1).and_then(|n| among.get(n)).is_some_and(|before| same(*before)) {
            run = i;
        }
        let mut key = Key { class: facts.class[i], ..Key::default() };
        for (place, (bench, looks)) in benches.iter().zip(&looks).enumerate() {
            for slot in slots_of(bench, facts, i) {
                key.slots.push((place, slot));
                key.number = key.number.or(looks[slot].number.then_some(facts.number[i]));
                key.reference = key.reference.or(looks[slot].reference.then_some(facts.reference[i]));
                key.run = key.run.or(looks[slot].day.then_some(run));
            }
        }
        groups.entry(key).or_default().push(i);
    }
    groups.into_values().collect()
}

/// All that an evaluation can see of a fact that counts; `None`: not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    class: u32,
    slots: Vec<(usize, Slot)>,
    number: Option<i64>,
    reference: Option<u32>,
    run: Option<usize>,
}

/// What is looked at of the facts of a selection.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    number: bool,
    reference: bool,
    day: bool,
}

/// Per selection: what any part that reads it looks at.
fn looks(standard: &Standard) -> Vec<Looks> {
    let last = standard.selections.iter().map(|s| Looks { day: s.last.is_some(), ..Looks::default() });
    let mut looks: Vec<Looks> = last.collect();
    let mut note = |slots: Vec<Slot>, inputs: Vec<Input>| {
        for slot in slots {
            for input in &inputs {
                match input {
                    Input::Number => looks[slot].number = true,
                    Input::Reference => looks[slot].reference = true,
                    Input::Day => looks[slot].day = true,
                    Input::Registration | Input::Related | Input::Result => {}
                }
            }
        }
    };
    for indicator in &standard.indicators {
        let (mut slots, mut inputs) = (Vec::new(), Vec::new());
        indicator.reading.slots(&mut |slot| slots.push(slot));
        indicator.reading.inputs(&mut |input| inputs.push(input));
        indicator.rule.inputs(&mut |input| inputs.push(input));
        note(slots, inputs);
    }
    let rules = standard.eligibility.iter().map(|rule| &rule.exclude_when);
    let cases = standard.scale.iter().flat_map(|scale| scale.base.cases.iter().map(|(when, _)| when));
    for condition in rules.chain(cases).chain(standard.findings.iter().map(|finding| &finding.when)) {
        let (mut slots, mut inputs) = (Vec::new(), Vec::new());
        condition.slots(&mut |slot| slots.push(slot));
        condition.inputs(&mut |input| inputs.push(input));
        note(slots, inputs);
    }
    looks
}

fn with_inner(bench: &Workbench) -> Vec<&Workbench> {
    let mut all = vec![bench];
    for inner in bench.inner() {
        all.extend(with_inner(inner));
    }
    all
}

/// The selections whose window holds fact `i`.
fn slots_of<'b>(bench: &'b Workbench, facts: &Facts<'b>, i: usize) -> impl Iterator<Item = Slot> + use<'b> {
    let (class, occurred_on, ends_on) = (facts.class[i], facts.occurred_on[i], facts.ends_on[i]);
    let picker = bench.picked();
    picker.slots_of(class).filter(move |slot| picker.in_window(*slot, occurred_on, ends_on))
}

fn sorted(mut places: Vec<usize>) -> Vec<usize> {
    places.sort_unstable();
    places.dedup();
    places
}

/// How a search for the fewest repairs ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<V> {
    /// A set was found; no smaller one does.
    Found {
        /// The repairs, ascending.
        repairs: Vec<usize>,
        /// What they give.
        value: V,
    },
    /// Every set was tried.
    Impossible,
    /// Larger sets are too many to try.
    TooMany,
}

/// The fewest repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fewest<V> {
    /// How the search ended.
    pub end: End<V>,
    /// All sets of up to so many repairs were tried.
    pub tried_through: usize,
}

/// Searches the fewest repairs for which `reached` gives a value: all sets of one repair, of two, and so on.
///
/// `groups` are repairs of which only how many of each group are made matters; repairs are numbers, the earlier the
/// smaller, each in one group. Of several sets of the least size the one with the greatest value is found, of those the one
/// with the earliest repairs, compared one by one. A size is begun only when `budget` evaluations are enough for the whole
/// of it, so that what is said of it holds of every set.
pub fn fewest<V: Ord>(
    groups: &[Vec<usize>],
    budget: u64,
    mut reached: impl FnMut(&[usize]) -> Option<V>,
) -> Fewest<V> {
    let groups: Vec<Vec<usize>> = groups.iter().map(|group| sorted(group.clone())).collect();
    let ways = ways(&groups);
    let mut spent = 0u64;
    for (size, ways) in ways.iter().enumerate().skip(1) {
        spent = spent.saturating_add(*ways);
        if spent > budget {
            return Fewest { end: End::TooMany, tried_through: size - 1 };
        }
        let mut best: Option<(V, Vec<usize>)> = None;
        each_set(&groups, size, &mut Vec::new(), &mut |repairs| {
            let repairs = sorted(repairs.to_vec());
            let Some(value) = reached(&repairs) else { return };
            let better = best.as_ref().is_none_or(|(known, of)| {
                value.cmp(known).then_with(|| of.cmp(&repairs)) == std::cmp::Ordering::Greater
            });
            if better {
                best = Some((value, repairs));
            }
        });
        if let Some((value, repairs)) = best {
            return Fewest { end: End::Found { repairs, value }, tried_through: size };
        }
    }
    Fewest { end: End::Impossible, tried_through: ways.len() - 1 }
}

/// Per size: how many sets differ, `1 + …` for the empty one first; saturating.
fn ways(groups: &[Vec<usize>]) -> Vec<u64> {
    groups.iter().fold(vec![1], |before, group| {
        let mut after = vec![0u64; before.len() + group.len()];
        for (n, ways) in before.iter().enumerate() {
            for sum in &mut after[n..=n + group.len()] {
                *sum = sum.saturating_add(*ways);
            }
        }
        after
    })
}

/// Calls `visit` with one set of `size` for every way to take some of each group, the earliest of it.
fn each_set(groups: &[Vec<usize>], size: usize, taken: &mut Vec<usize>, visit: &mut dyn FnMut(&[usize])) {
    let Some((group, rest)) = groups.split_first() else {
        if size == 0 {
            visit(taken);
        }
        return;
    };
    let left: usize = rest.iter().map(Vec::len).sum();
    for n in size.saturating_sub(left)..=size.min(group.len()) {
        let before = taken.len();
        taken.extend(&group[..n]);
        each_set(rest, size - n, taken, visit);
        taken.truncate(before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that follow from the seed alone.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % n
        }

        fn place(&mut self, n: u64) -> usize {
            usize::try_from(self.below(n)).expect("small")
        }
    }

    /// Tries every set there is, without groups.
    fn brute(n: usize, reached: impl Fn(&[usize]) -> Option<u64>) -> Option<(Vec<usize>, u64)> {
        let mut best: Option<(Vec<usize>, u64)> = None;
        for bits in 1u32..1 << n {
            let set: Vec<usize> = (0..n).filter(|i| bits >> i & 1 == 1).collect();
            let Some(value) = reached(&set) else { continue };
            let better = best.as_ref().is_none_or(|(known, of)| {
                (set.len(), u64::MAX - value, &set) < (known.len(), u64::MAX - *of, known)
            });
            if better {
                best = Some((set, value));
            }
        }
        best
    }

    /// Groups drawn at random; what a set gives depends on how many of each group are in it, and goes up and down.
    #[test]
    fn the_fewest_are_those_found_by_trying_every_set() {
        for seed in 0..400 {
            let mut dice = Dice(seed);
            let n = dice.place(9);
            let of: Vec<usize> = (0..n).map(|_| dice.place(4)).collect();
            let groups: Vec<Vec<usize>> = (0..4)
                .map(|g| (0..n).filter(|i| of[*i] == g).collect())
                .filter(|g: &Vec<_>| !g.is_empty())
                .collect();
            let (threshold, salt) = (dice.below(90), dice.below(1 << 30));
            let reached = |set: &[usize]| {
                let mut counts = [0u64; 4];
                for i in set {
                    counts[of[*i]] += 1;
                }
                let mut worth = Dice(counts.iter().fold(salt, |sum, n| sum * 11 + n));
                worth.below(5);
                let worth = worth.below(100);
                // Few values, so that there are ties.
                (worth >= threshold && threshold > 20).then_some(worth / 30)
            };
            let found = fewest(&groups, u64::MAX, reached);
            match brute(n, reached) {
                Some((repairs, value)) => {
                    assert_eq!(found.tried_through, repairs.len(), "seed {seed}");
                    assert_eq!(found.end, End::Found { repairs, value }, "seed {seed}");
                }
                None => {
                    assert_eq!(found, Fewest { end: End::Impossible, tried_through: n }, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn a_repair_that_makes_it_worse_alone_is_tried_with_others() {
        let reached = |set: &[usize]| (set == [0, 1, 2]).then_some(0);
        let found = fewest(&[vec![0], vec![1], vec![2]], 100, reached);
        assert_eq!(found.end, End::Found { repairs: vec![0, 1, 2], value: 0 });
    }

    #[test]
    fn a_size_that_the_budget_does_not_cover_is_not_begun() {
        let apart: Vec<Vec<usize>> = (0..5).map(|i| vec![i]).collect();
        // Five sets of one and ten of two.
        for (budget, tried_through) in [(4, 0), (5, 1), (14, 1), (15, 2), (30, 4), (31, 5)] {
            let mut tried = 0;
            let found = fewest(&apart, budget, |_| {
                tried += 1;
                None::<()>
            });
            let end = if tried_through == 5 { End::Impossible } else { End::TooMany };
            assert_eq!(found, Fewest { end, tried_through }, "{budget}");
            assert!(tried <= budget);
        }
    }

    #[test]
    fn of_a_thousand_that_are_alike_only_the_number_is_tried() {
        let mut tried = 0;
        let found = fewest(&[(0..1000).collect()], 1000, |set| {
            tried += 1;
            (set.len() == 700).then_some(0)
        });
        assert_eq!((found.tried_through, tried), (700, 700));
        assert_eq!(found.end, End::Found { repairs: (0..700).collect(), value: 0 });
    }

    #[test]
    fn with_nothing_to_repair_every_set_was_tried() {
        assert_eq!(fewest(&[], 0, |_| Some(0)), Fewest { end: End::Impossible, tried_through: 0 });
    }
}
