//! All relations of a dataset that can be followed.

use std::convert::Infallible;

use arrow_array::Array as _;
use arrow_array::StringArray;
use arrow_array::cast::AsArray as _;
use hengxin_core::date::Date;
use hengxin_core::relation::{Relation, Relations, To};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use sha2::{Digest, Sha256};

use super::Sight;
use crate::class_text;
use crate::columns::{self, Coded};
use crate::error::Result;
use crate::reader::{ShardFile, for_each_subject};

/// A person: the first half of the SHA-256 of the token.
type Person = [u8; 16];

/// A relation of a subject.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    from: Uscc,
    kind: u16,
    to: To<Person>,
    since: Date,
    until: Date,
    /// Whether it still stands at the moment; otherwise it did so earlier.
    stands: bool,
}

/// Relations, by whose they are and by the person they name.
#[derive(Debug)]
pub(super) struct Graph {
    edges: Vec<Edge>,
    named: Vec<(Person, u16, Uscc)>,
}

impl Graph {
    pub(super) fn new(mut edges: Vec<Edge>) -> Graph {
        edges.sort_by(|a, b| (a.from, a.kind, &a.to, a.since).cmp(&(b.from, b.kind, &b.to, b.since)));
        let mut named: Vec<(Person, u16, Uscc)> = edges
            .iter()
            .filter_map(|edge| match edge.to {
                To::Person(person) => Some((person, edge.kind, edge.from)),
                To::Subject(_) => None,
            })
            .collect();
        named.sort_unstable();
        named.dedup();
        Graph { edges, named }
    }

    fn of(&self, subject: Uscc) -> &[Edge] {
        let start = self.edges.partition_point(|edge| edge.from < subject);
        let here = self.edges[start..].partition_point(|edge| edge.from == subject);
        &self.edges[start..start + here]
    }

    pub(super) fn has(&self, subject: Uscc, kinds: &[u16]) -> bool {
        self.of(subject).iter().any(|edge| kinds.contains(&edge.kind))
    }

    /// Everyone a relation leads to, ascending.
    pub(super) fn others(&self) -> Vec<Uscc> {
        let direct = self.edges.iter().filter_map(|edge| match edge.to {
            To::Subject(subject) => Some(subject),
            To::Person(_) => None,
        });
        let alike = |pair: &[(Person, u16, Uscc)]| matches!(pair, [a, b] if (a.0, a.1) == (b.0, b.1));
        let shared =
            self.named.windows(2).filter(|pair| alike(pair)).flatten().map(|(_, _, subject)| *subject);
        let mut others: Vec<Uscc> = direct.chain(shared).collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}

/// A graph as it is walked.
pub(super) struct View<'g> {
    graph: &'g Graph,
    /// Relations that stand, on their days; otherwise all there ever were, on all days.
    standing: bool,
}

impl<'g> View<'g> {
    pub(super) fn standing(graph: &'g Graph) -> View<'g> {
        View { graph, standing: true }
    }

    pub(super) fn ever(graph: &'g Graph) -> View<'g> {
        View { graph, standing: false }
    }
}

impl Relations for View<'_> {
    type Person = Person;
    type Error = Infallible;

    fn of(&mut self, subject: Uscc) -> std::result::Result<Vec<Relation<Person>>, Infallible> {
        let edges = self.graph.of(subject).iter().filter(|edge| edge.stands || !self.standing);
        let days = |edge: &Edge| {
            if self.standing { (edge.since, edge.until) } else { (Date::BEFORE_ALL, Date::FOREVER) }
        };
        let relation = |edge: &Edge| {
            let (since, until) = days(edge);
            Relation { kind: edge.kind, to: edge.to.clone(), since, until }
        };
        Ok(edges.map(relation).collect())
    }

    fn naming(&mut self, person: &Person, kind: u16) -> std::result::Result<Vec<Uscc>, Infallible> {
        let named = &self.graph.named;
        let start = named.partition_point(|(p, k, _)| (p, *k) < (person, kind));
        let here = named[start..].iter().take_while(|(p, k, _)| (p, *k) == (person, kind));
        Ok(here.map(|(_, _, subject)| *subject).collect())
    }
}

/// The relations of a shard that are followed and were known at the moment or before it.
pub(super) fn edges(file: &ShardFile, vocabulary: &Vocabulary, sight: &Sight) -> Result<Vec<Edge>> {
    let names = ["subject", "class", "occurred_on", "ends_on", "related", "known_from", "known_until"];
    let mut edges = Vec::new();
    let (mut since, mut until) = (Vec::new(), Vec::new());
    let (mut from, mut over) = (Vec::new(), Vec::new());
    file.batches(&names, None, |batch, first| {
        let Some(related) = batch.column_by_name("related").filter(|c| c.null_count() < c.len()) else {
            return Ok(());
        };
        let others: &StringArray = related.as_string::<i32>();
        let refused = |name: &'static str, expected: &'static str| {
            move |(row, found): (usize, String)| file.row_error(first + row as u64, name, found, expected)
        };
        for (name, none, out) in
            [("occurred_on", Date::BEFORE_ALL, &mut since), ("ends_on", Date::FOREVER, &mut until)]
        {
            out.clear();
            match batch.column_by_name(name) {
                Some(column) => columns::dates(column, none, out).map_err(refused(name, "a day"))?,
                None => out.resize(batch.num_rows(), none),
            }
        }
        for (name, out) in [("known_from", &mut from), ("known_until", &mut over)] {
            out.clear();
            match batch.column_by_name(name) {
                Some(column) => {
                    columns::instants(column, i64::MAX, out).map_err(refused(name, "a moment"))?;
                }
                None => out.resize(batch.num_rows(), i64::MAX),
            }
        }
        let Some(class) = batch.column_by_name("class") else { return Ok(()) };
        let class = Coded::of(class);
        let kinds: Vec<Option<u16>> = class
            .values
            .as_string::<i32>()
            .iter()
            .map(|text| kind(vocabulary, text?).filter(|kind| sight.reach.kinds.contains(kind)))
            .collect();
        for_each_subject(file, batch, first, |subject, rows| {
            for row in rows.filter(|row| others.is_valid(*row)) {
                let key = usize::try_from(class.keys.value(row)).unwrap_or(0);
                let Some(kind) = kinds.get(key).copied().flatten() else { continue };
                if from[row] > sight.known_at.0 {
                    continue;
                }
                edges.push(Edge {
                    from: subject,
                    kind,
                    to: other_side(others.value(row)),
                    since: since[row],
                    until: until[row],
                    stands: over[row] > sight.known_at.0,
                });
            }
            Ok(())
        })
    })?;
    Ok(edges)
}

/// The kind of relation of a class; `None` of other classes.
fn kind(vocabulary: &Vocabulary, text: &str) -> Option<u16> {
    let class = class_text::from_text(vocabulary, text).ok()?;
    let code = vocabulary.code(class.code);
    let field = code.fields.get(code.relation?.0)?;
    let value = class.values.get(code.class_position(&field.id)?)?;
    u16::try_from(value.checked_sub(1)?).ok()
}

/// A code of a subject, or else the token of a person.
fn other_side(text: &str) -> To<Person> {
    if let Ok(subject) = text.parse() {
        return To::Subject(subject);
    }
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut person = [0; 16];
    person.copy_from_slice(&digest[..16]);
    To::Person(person)
}
