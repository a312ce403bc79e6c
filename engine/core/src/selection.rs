//! Which facts a reading looks at: codes, attribute filters, a window of dates (`docs/standard-format.md` §4).
//!
//! A filter is decided once per class of facts, when a plan meets the class, never per fact.

use crate::date::Date;
use crate::document::{self, Check, Fields, Node, Value};
use crate::fact::Class;
use crate::scope::Scope;
use crate::vocabulary::{Code, CodeId, FieldKind, RegisterId};

/// A selection of facts of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The codes, ascending.
    pub(crate) codes: Vec<CodeId>,
    /// All must hold.
    filters: Vec<Filter>,
    /// None may hold.
    except: Vec<Filter>,
    /// Which dates.
    pub(crate) window: Window,
    /// Only the last so many.
    pub(crate) last: Option<usize>,
    /// Only facts in force on the as-of date.
    pub(crate) in_force: bool,
    /// Registers of the codes.
    pub(crate) registers: Vec<RegisterId>,
}

/// "This attribute has one of these values", per code because each code numbers its own values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    wanted: Vec<(CodeId, usize, Wanted)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    OneOf(Vec<u64>),
    AnyBit(u64),
}

impl Filter {
    fn matches(&self, class: &Class) -> bool {
        self.wanted.iter().any(|(code, position, wanted)| {
            let value = class.values.get(*position).copied().unwrap_or(0);
            *code == class.code
                && match wanted {
                    Wanted::OneOf(values) => values.contains(&value),
                    Wanted::AnyBit(bits) => value & bits != 0,
                }
        })
    }
}

/// A window of dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Everything up to the as-of date.
    All,
    /// The last so many days.
    Days(i32),
    /// The last so many months.
    Months(i32),
    /// A calendar year relative to that of the as-of date (0 or negative).
    CalendarYear(i32),
    /// From a date on.
    Since(Date),
}

impl Window {
    /// (from, to]: `from` exclusive, `to` inclusive.
    pub fn resolve(self, as_of: Date) -> (Date, Date) {
        match self {
            Window::All => (Date::BEFORE_ALL, as_of),
            Window::Days(n) => (as_of.plus_days(-n), as_of),
            Window::Months(n) => (as_of.minus_months(n), as_of),
            Window::CalendarYear(k) => {
                let end = as_of.start_of_year(k + 1).plus_days(-1);
                (as_of.start_of_year(k).plus_days(-1), end.min(as_of))
            }
            Window::Since(date) => (date.plus_days(-1), as_of),
        }
    }

    /// The first date on which a fact of `earliest`, now inside, is outside, or another comes in by itself.
    pub(crate) fn due(self, as_of: Date, earliest: Date) -> Date {
        match self {
            Window::All | Window::Since(_) => Date::FOREVER,
            Window::Days(n) => earliest.plus_days(n),
            Window::Months(n) => earliest.months_elapsed_on(n),
            Window::CalendarYear(_) => as_of.start_of_year(1),
        }
    }

    fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<Window> {
        let faults = &mut scope.faults;
        let mut fields = Fields::open(node, "a window", faults)?;
        let (kind, value) =
            fields.one_of(&["days", "months", "years", "calendar_year", "since"], "a window", faults)?;
        fields.finish(faults);
        // The limits keep every date inside the calendar.
        let small = |n: i64| i32::try_from(n).unwrap_or(0);
        Some(match kind {
            0 => Window::Days(small(document::whole(value, 1, 36_600, faults)?)),
            1 => Window::Months(small(document::whole(value, 1, 1200, faults)?)),
            2 => Window::Months(12 * small(document::whole(value, 1, 100, faults)?)),
            3 => Window::CalendarYear(small(document::whole(value, -100, 0, faults)?)),
            _ => Window::Since(document::date(value, faults)?),
        })
    }
}

impl Selection {
    /// Whether facts of `class` can be selected.
    pub(crate) fn admits(&self, class: &Class) -> bool {
        self.codes.contains(&class.code)
            && self.filters.iter().all(|f| f.matches(class))
            && !self.except.iter().any(|f| f.matches(class))
    }

    /// Takes `where`, `except`, `window` and `last` from beside the codes in `fields`.
    pub(crate) fn parse(codes: &Node, fields: &mut Fields<'_>, scope: &mut Scope<'_>) -> Option<Selection> {
        let ids = codes_of(codes, scope)?;
        let filters = fields.take("where").map(|n| parse_filters(n, &ids, scope)).unwrap_or_default();
        let except = fields.take("except").map(|n| parse_filters(n, &ids, scope)).unwrap_or_default();
        let window = match fields.take("window") {
            Some(node) => Window::parse(node, scope),
            None => Some(Window::All),
        };
        let last = fields.take("last").and_then(|n| document::whole(n, 1, 100_000, &mut scope.faults));
        let mut registers: Vec<RegisterId> =
            ids.iter().map(|id| scope.vocabulary.code(*id).register).collect();
        registers.sort_unstable();
        registers.dedup();
        Some(Selection {
            codes: ids,
            filters,
            except,
            window: window?,
            last: last.and_then(|n| usize::try_from(n).ok()),
            in_force: false,
            registers,
        })
    }

    /// The declarations of the selected codes.
    pub(crate) fn declarations<'v>(&self, scope: &Scope<'v>) -> Vec<(CodeId, &'v Code)> {
        self.codes.iter().map(|id| (*id, scope.vocabulary.code(*id))).collect()
    }
}

fn codes_of(node: &Node, scope: &mut Scope<'_>) -> Option<Vec<CodeId>> {
    let names: Vec<&str> = scope.vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
    let before = scope.faults.len();
    let mut ids: Vec<CodeId> = node
        .items()
        .iter()
        .filter_map(|n| document::name(n, "a fact code", &names, &mut scope.faults))
        .filter_map(|i| u16::try_from(i).ok().map(CodeId))
        .collect();
    if ids.contains(&scope.vocabulary.registration()) {
        scope.faults.node(
            node,
            Check::UnitMismatch,
            "a fact code other than the registration; read it by `attribute`",
        );
    }
    ids.sort_unstable();
    ids.dedup();
    (!ids.is_empty() && scope.faults.len() == before).then_some(ids)
}

fn parse_filters(node: &Node, codes: &[CodeId], scope: &mut Scope<'_>) -> Vec<Filter> {
    let Value::Map(entries) = &node.value else {
        scope.faults.node(node, Check::WrongShape, "a map of attributes to values");
        return Vec::new();
    };
    // Opening the map as fields reports duplicate keys.
    Fields::open(node, "filters", &mut scope.faults);
    let mut filters = Vec::new();
    for (key, values) in entries {
        let mut wanted = Vec::new();
        for id in codes {
            let code = scope.vocabulary.code(*id);
            let Some(position) = code.class_position(&key.text) else {
                let names: Vec<&str> =
                    code.class_fields.iter().map(|i| code.fields[*i].id.as_str()).collect();
                scope.faults.push(
                    key.span,
                    Check::UnknownName,
                    format!("`{}`", key.text),
                    match document::nearest(&key.text, &names) {
                        Some(near) => {
                            format!("an enumerated attribute of `{}`; did you mean `{near}`?", code.id)
                        }
                        None => format!(
                            "an enumerated attribute of `{}`, one of `{}`",
                            code.id,
                            names.join("`, `")
                        ),
                    },
                );
                continue;
            };
            let field = &code.fields[code.class_fields[position]];
            let names: Vec<&str> = field.values().iter().map(|v| v.id.as_str()).collect();
            let what = format!("a value of `{}.{}`", code.id, field.id);
            let indices: Vec<usize> = values
                .items()
                .iter()
                .filter_map(|n| document::name(n, &what, &names, &mut scope.faults))
                .collect();
            wanted.push((
                *id,
                position,
                match field.kind {
                    FieldKind::Set(_) => Wanted::AnyBit(indices.iter().fold(0, |bits, i| bits | 1u64 << i)),
                    _ => Wanted::OneOf(indices.iter().map(|i| *i as u64 + 1).collect()),
                },
            ));
        }
        filters.push(Filter { wanted });
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn windows_are_open_below_and_closed_above() {
        let as_of = date("2026-05-31");
        for (window, from, to) in [
            (Window::Days(30), "2026-05-01", "2026-05-31"),
            (Window::Months(3), "2026-02-28", "2026-05-31"),
            (Window::CalendarYear(0), "2025-12-31", "2026-05-31"),
            (Window::CalendarYear(-1), "2024-12-31", "2025-12-31"),
            (Window::Since(date("2026-01-01")), "2025-12-31", "2026-05-31"),
        ] {
            assert_eq!(window.resolve(as_of), (date(from), date(to)), "{window:?}");
        }
    }

    #[test]
    fn a_fact_leaves_its_window_exactly_on_the_due_date() {
        for window in [Window::Days(30), Window::Months(1), Window::Months(12)] {
            for start in ["2024-01-31", "2024-02-29", "2026-03-15"] {
                let fact = date(start);
                let due = window.due(fact, fact);
                assert!(window.resolve(due).0 >= fact, "outside on the due date");
                assert!(window.resolve(due.plus_days(-1)).0 < fact, "inside the day before");
            }
        }
    }
}
