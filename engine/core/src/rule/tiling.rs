//! Rows that tile a range: no gap, no overlap, none empty. Shared by bands, amount tables and grades.

use crate::document::{Check, Faults, Fields, Node};
use crate::quantity::Unit;

/// The ends of a row; `None` is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

impl Bounds {
    pub fn take(fields: &mut Fields<'_>, unit: Unit, faults: &mut Faults) -> Option<Bounds> {
        let mut end = |key| match fields.take(key) {
            Some(node) => unit.literal(node, faults).map(Some),
            None => Some(None),
        };
        let (from, to) = (end("from"), end("to"));
        Some(Bounds { from: from?, to: to? })
    }
}

/// Checks that ascending rows tile [least, most) (`None`: without end): no gap, no overlap, no empty row.
pub(crate) fn check(
    node: &Node,
    rows: &[(&Node, Bounds)],
    least: Option<i64>,
    most: Option<i64>,
    show: impl Fn(i64) -> String,
    faults: &mut Faults,
) -> bool {
    let before = faults.len();
    for (item, bounds) in rows {
        let from = bounds.from.or(least);
        let empty = matches!((from, bounds.to), (Some(from), Some(to)) if from >= to)
            || matches!((bounds.to, least), (Some(to), Some(least)) if to <= least)
            || matches!((bounds.from, most), (Some(from), Some(most)) if from > most);
        if empty {
            faults.node(
                item,
                Check::BandsUnreachable,
                "a row that some value reaches: `from` below `to`, inside the range",
            );
        }
    }
    if faults.len() > before {
        return false;
    }
    for pair in rows.windows(2) {
        let (_, above) = (pair[0].1, pair[1].0);
        match (pair[0].1.to, pair[1].1.from) {
            (Some(to), Some(from)) if to == from => {}
            (Some(to), Some(from)) if to < from => faults.push(
                above.span,
                Check::BandsGap,
                format!("nothing for values from {} to {}", show(to), show(from)),
                "each row to begin where the one before ends",
            ),
            (to, from) => {
                let to = to.map_or("no end".to_owned(), &show);
                let from = from.map_or("no start".to_owned(), &show);
                faults.push(
                    above.span,
                    Check::BandsOverlap,
                    format!("a row with {to} followed by a row from {from}"),
                    "rows in ascending order, each beginning where the one before ends",
                );
            }
        }
    }
    if let (Some((first, bounds)), Some((last, end))) = (rows.first(), rows.last()) {
        if let Some(from) = bounds.from
            && least.is_none_or(|least| from > least)
        {
            let least = least.map_or("the least value".to_owned(), &show);
            faults.push(
                first.span,
                Check::BandsGap,
                format!("nothing for values below {}", show(from)),
                format!("the first row to begin at {least}, or without `from`"),
            );
        }
        if let Some(to) = end.to
            && most.is_none_or(|most| to <= most)
        {
            faults.push(
                last.span,
                Check::BandsGap,
                format!("nothing for values from {} on", show(to)),
                "the last row without `to`",
            );
        }
    } else {
        faults.node(node, Check::WrongShape, "at least one row");
    }
    faults.len() == before
}
