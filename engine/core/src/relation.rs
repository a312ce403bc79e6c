//! Relations between subjects, and whom they lead to: a parent by its code, companies that share a person by the person's
//! token.
//!
//! One *step* leads from a subject to a subject. A relation that names a subject leads to it, not back: that A has the
//! parent B says nothing of B's relations. A relation that names a person leads to every subject that names the same
//! person in a relation of the same kind, and back. A path holds on the days all its relations are in force.
//!
//! Where relations lie is for others to know: the ledger and a dataset of facts are walked alike.

use std::collections::HashMap;

use crate::date::Date;
use crate::uscc::Uscc;

/// More relations than this are not followed: the answer would not be about one subject any more.
pub const RELATIONS_MAX: usize = 5_000;

/// The most steps there are.
pub const STEPS_MAX: u8 = 3;

/// One relation that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<P> {
    /// Index of the value of the relation code's kind field.
    pub kind: u16,
    /// The other side.
    pub to: To<P>,
    /// First day it is in force.
    pub since: Date,
    /// Last day it is in force.
    pub until: Date,
}

/// The other side of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum To<P> {
    /// A subject.
    Subject(Uscc),
    /// A person, by a token that says no more than who is the same.
    Person(P),
}

/// Where relations are looked up.
pub trait Relations {
    /// What tells persons apart.
    type Person: Clone + Eq;
    /// What may go wrong.
    type Error;

    /// The relations of a subject.
    ///
    /// # Errors
    /// When they cannot be looked up.
    fn of(&mut self, subject: Uscc) -> Result<Vec<Relation<Self::Person>>, Self::Error>;

    /// Subjects that name or ever named a person in a relation of a kind, each once; of more than
    /// [`RELATIONS_MAX`] + 1 any so many will do.
    ///
    /// # Errors
    /// When they cannot be looked up.
    fn naming(&mut self, person: &Self::Person, kind: u16) -> Result<Vec<Uscc>, Self::Error>;
}

/// A way from one subject to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// Kind of its relations.
    pub kind: u16,
    /// Steps, from 1.
    pub steps: u8,
    /// Whom it leads to.
    pub to: Uscc,
    /// First day on which the whole path holds.
    pub since: Date,
    /// Last day on which the whole path holds.
    pub until: Date,
}

/// Why the paths of a subject are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPaths<E> {
    /// There are more than [`RELATIONS_MAX`] relations to follow.
    TooMany,
    /// Relations could not be looked up.
    Lookup(E),
}

/// The relations a standard follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Kinds, ascending.
    pub kinds: Vec<u16>,
    /// Most steps, up to [`STEPS_MAX`].
    pub depth: u8,
}

impl Reach {
    /// Also whatever `other` follows.
    pub fn widen(&mut self, other: &Reach) {
        self.kinds.extend(&other.kinds);
        self.kinds.sort_unstable();
        self.kinds.dedup();
        self.depth = self.depth.max(other.depth);
    }

    /// All paths from a subject, sorted. One subject may be reached by several paths of different length or validity; a
    /// path that adds nothing to another one is left out. None leads back to the subject itself.
    ///
    /// # Errors
    /// [`NoPaths`].
    pub fn paths<R: Relations>(&self, from: Uscc, relations: &mut R) -> Result<Vec<Path>, NoPaths<R::Error>> {
        let mut walk = Walk { relations, origin: from, followed: 0 };
        let mut paths = Vec::new();
        for kind in &self.kinds {
            walk.follow(*kind, self.depth.min(STEPS_MAX), &mut paths)?;
        }
        paths.sort_unstable();
        paths.dedup();
        Ok(paths)
    }
}

struct Walk<'r, R> {
    relations: &'r mut R,
    origin: Uscc,
    followed: usize,
}

impl<R: Relations> Walk<'_, R> {
    /// Adds every path worth keeping.
    fn follow(&mut self, kind: u16, depth: u8, found: &mut Vec<Path>) -> Result<(), NoPaths<R::Error>> {
        let mut kept: HashMap<Uscc, Vec<(u8, Date, Date)>> = HashMap::new();
        let mut edge = vec![(self.origin, Date::BEFORE_ALL, Date::FOREVER)];
        for steps in 1..=depth {
            let mut next = Vec::new();
            for (from, since, until) in edge {
                for (to, step_since, step_until) in self.steps(from, kind)? {
                    let (since, until) = (since.max(step_since), until.min(step_until));
                    if to == self.origin || since > until {
                        continue;
                    }
                    let paths = kept.entry(to).or_default();
                    // Shorter paths come first, so one that holds at least as long makes this one superfluous.
                    if paths.iter().any(|(_, a, b)| *a <= since && until <= *b) {
                        continue;
                    }
                    paths.push((steps, since, until));
                    next.push((to, since, until));
                }
            }
            edge = next;
        }
        for (to, paths) in kept {
            for (i, (steps, since, until)) in paths.iter().enumerate() {
                let wider = paths.iter().enumerate().any(|(j, (other, a, b))| {
                    j != i
                        && other <= steps
                        && a <= since
                        && until <= b
                        && (a, b, other) != (since, until, steps)
                });
                if !wider {
                    found.push(Path { kind, steps: *steps, to, since: *since, until: *until });
                }
            }
        }
        Ok(())
    }

    /// Subjects one step away.
    fn steps(&mut self, from: Uscc, kind: u16) -> Result<Vec<(Uscc, Date, Date)>, NoPaths<R::Error>> {
        let mut steps = Vec::new();
        for relation in self.of(from, kind)? {
            match &relation.to {
                To::Subject(code) => steps.push((*code, relation.since, relation.until)),
                To::Person(person) => {
                    let named = self.relations.naming(person, kind).map_err(NoPaths::Lookup)?;
                    // Said before each of them is looked up; the subject itself is one of them.
                    if named.len() > RELATIONS_MAX + 1 {
                        return Err(NoPaths::TooMany);
                    }
                    for other in named {
                        if other == from {
                            continue;
                        }
                        for back in self.of(other, kind)? {
                            if back.to == relation.to {
                                let since = relation.since.max(back.since);
                                steps.push((other, since, relation.until.min(back.until)));
                            }
                        }
                    }
                }
            }
            self.followed += steps.len().max(1);
            if self.followed > RELATIONS_MAX {
                return Err(NoPaths::TooMany);
            }
        }
        Ok(steps)
    }

    fn of(&mut self, subject: Uscc, kind: u16) -> Result<Vec<Relation<R::Person>>, NoPaths<R::Error>> {
        let mut relations = self.relations.of(subject).map_err(NoPaths::Lookup)?;
        relations.retain(|relation| relation.kind == kind);
        Ok(relations)
    }
}
