//! A feature as small integers, one a row.

use std::collections::HashMap;

use super::description::Label;

/// What the codes of a feature stand for: 0 missing, then the special values, then unseen, then the fine bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Name of the column.
    pub column: String,
    /// The values that stand for something else than their size, in the order of the description.
    pub special: Vec<Label>,
    /// All other values.
    pub fine: Fine,
}

/// The fine bins of a feature.
#[derive(Clone, Debug, PartialEq)]
pub enum Fine {
    /// Bin `i` holds `edges[i-1] ≤ x < edges[i]`; the first has no lower end, the last no upper.
    Numeric {
        /// Ascending.
        edges: Vec<f64>,
    },
    /// Bin `i` is the category `labels[i]`.
    Categorical {
        /// Ascending by bytes.
        labels: Vec<String>,
    },
}

/// A value to be coded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing, or not-a-number.
    Missing,
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

/// The group of codes that one code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing is known.
    Missing,
    /// The special value of this number.
    Special(usize),
    /// A category that no learning row had, or a text among numbers.
    Unseen,
    /// The fine bin of this number.
    Fine(usize),
}

impl Layout {
    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.fine_from() + self.fine_len()
    }

    /// Never: missing and unseen have a code always.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The first code of a fine bin.
    pub fn fine_from(&self) -> usize {
        self.special.len() + 2
    }

    /// How many fine bins there are.
    pub fn fine_len(&self) -> usize {
        match &self.fine {
            Fine::Numeric { edges } => edges.len() + 1,
            Fine::Categorical { labels } => labels.len(),
        }
    }

    /// What a code stands for.
    pub fn place(&self, code: usize) -> Place {
        let unseen = self.special.len() + 1;
        match code {
            0 => Place::Missing,
            _ if code < unseen => Place::Special(code - 1),
            _ if code == unseen => Place::Unseen,
            _ => Place::Fine(code - unseen - 1),
        }
    }

    /// The code of a value, for the scoring of single rows.
    pub fn code(&self, value: Value<'_>) -> usize {
        let unseen = self.special.len() + 1;
        if let Some(special) = self.special.iter().position(|label| self.is_special(label, value)) {
            return special + 1;
        }
        match (&self.fine, value) {
            (_, Value::Missing) => 0,
            (_, Value::Number(number)) if number.is_nan() => 0,
            (Fine::Numeric { edges }, Value::Number(number)) => {
                unseen + 1 + edges.partition_point(|edge| *edge <= number)
            }
            (Fine::Numeric { .. }, Value::Text(_)) => unseen,
            (Fine::Categorical { labels }, Value::Number(number)) => {
                find(labels, &number.to_string(), unseen)
            }
            (Fine::Categorical { labels }, Value::Text(text)) => find(labels, text, unseen),
        }
    }
}

impl Layout {
    /// Whether a value is a special one. Where names count, a special value is a name too, however it is written in the plan.
    fn is_special(&self, label: &Label, value: Value<'_>) -> bool {
        match (&self.fine, value) {
            (_, Value::Missing) => false,
            (Fine::Numeric { .. }, Value::Number(number)) => label.number() == Some(number),
            (Fine::Numeric { .. }, Value::Text(text)) => matches!(label, Label::Text(label) if label == text),
            (Fine::Categorical { .. }, Value::Number(number)) => label.to_string() == number.to_string(),
            (Fine::Categorical { .. }, Value::Text(text)) => label.to_string() == text,
        }
    }
}

fn find(labels: &[String], text: &str, unseen: usize) -> usize {
    labels.binary_search_by(|label| label.as_str().cmp(text)).map_or(unseen, |at| unseen + 1 + at)
}

/// The codes of many values of a layout: in training and in service the same way from a value to its code.
pub(crate) struct Coder<'a> {
    layout: &'a Layout,
    edges: &'a [f64],
    /// Special values of a numeric feature.
    special: Vec<f64>,
    /// Categories and special ones among them; in a numeric feature special texts.
    names: HashMap<String, u16>,
    from: u16,
    unseen: u16,
}

impl<'a> Coder<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Coder<'a> {
        let (from, unseen) = (layout.fine_from(), narrow(layout.special.len() + 1));
        let mut names = HashMap::new();
        let mut edges: &[f64] = &[];
        match &layout.fine {
            Fine::Numeric { edges: at } => edges = at,
            Fine::Categorical { labels } => {
                names.extend(labels.iter().enumerate().map(|(i, label)| (label.clone(), narrow(from + i))));
            }
        }
        // From the last, so that of two alike the first counts, and in any case before the category of its name.
        for (at, label) in layout.special.iter().enumerate().rev() {
            if matches!(layout.fine, Fine::Categorical { .. }) || matches!(label, Label::Text(_)) {
                names.insert(label.to_string(), narrow(at + 1));
            }
        }
        let special = layout.special.iter().filter_map(Label::number).collect();
        Coder { layout, edges, special, names, from: narrow(from), unseen }
    }

    /// The code of a number.
    #[inline]
    pub(crate) fn number(&self, number: f64) -> u16 {
        if number.is_nan() {
            0
        } else if matches!(self.layout.fine, Fine::Categorical { .. }) {
            self.name(Some(&number.to_string()))
        } else if !self.special.is_empty() && self.special.contains(&number) {
            narrow(self.layout.code(Value::Number(number)))
        } else {
            self.from + narrow(self.edges.partition_point(|edge| *edge <= number))
        }
    }

    /// The code of a text; `None` is a missing value.
    #[inline]
    pub(crate) fn name(&self, name: Option<&str>) -> u16 {
        name.map_or(0, |name| self.names.get(name).copied().unwrap_or(self.unseen))
    }

    /// The code of a value that no learning row had.
    pub(crate) fn unseen(&self) -> u16 {
        self.unseen
    }
}

/// The codes of all rows, in as few bytes as they take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// At most 256 codes.
    Narrow(Vec<u8>),
    /// At most 65,536 codes.
    Wide(Vec<u16>),
}

impl Codes {
    /// Room for `rows` codes below `codes`.
    pub(crate) fn with_capacity(codes: usize, rows: usize) -> Codes {
        if codes <= 256 {
            Codes::Narrow(Vec::with_capacity(rows))
        } else {
            Codes::Wide(Vec::with_capacity(rows))
        }
    }

    /// Appends a code below the number given to [`Codes::with_capacity`].
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "narrow only when codes fit")]
    pub(crate) fn push(&mut self, code: u16) {
        match self {
            Codes::Narrow(codes) => codes.push(code as u8),
            Codes::Wide(codes) => codes.push(code),
        }
    }

    /// From a list of codes below `bound`.
    pub fn from_list(bound: usize, list: &[u16]) -> Codes {
        let mut codes = Codes::with_capacity(bound, list.len());
        for code in list {
            codes.push(*code);
        }
        codes
    }

    /// The code of a row.
    #[inline]
    pub fn at(&self, row: usize) -> usize {
        match self {
            Codes::Narrow(codes) => usize::from(codes[row]),
            Codes::Wide(codes) => usize::from(codes[row]),
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Codes::Narrow(codes) => codes.len(),
            Codes::Wide(codes) => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub(super) fn narrow(code: usize) -> u16 {
    u16::try_from(code).expect("a layout has at most 65,536 codes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_code() {
        let numeric = Layout {
            column: "a".into(),
            special: vec![Label::Number(-999.0), Label::Number(f64::INFINITY)],
            fine: Fine::Numeric { edges: vec![1.0, 2.5] },
        };
        let check =
            |layout: &Layout, value, place| assert_eq!(layout.place(layout.code(value)), place, "{value:?}");
        check(&numeric, Value::Missing, Place::Missing);
        check(&numeric, Value::Number(f64::NAN), Place::Missing);
        check(&numeric, Value::Number(-999.0), Place::Special(0));
        check(&numeric, Value::Number(f64::INFINITY), Place::Special(1));
        check(&numeric, Value::Number(f64::NEG_INFINITY), Place::Fine(0));
        check(&numeric, Value::Number(0.9), Place::Fine(0));
        check(&numeric, Value::Number(1.0), Place::Fine(1));
        check(&numeric, Value::Number(2.5), Place::Fine(2));
        check(&numeric, Value::Text("x"), Place::Unseen);
        let names = Layout {
            column: "b".into(),
            special: vec![],
            fine: Fine::Categorical { labels: vec!["1".into(), "east".into()] },
        };
        check(&names, Value::Text("east"), Place::Fine(1));
        check(&names, Value::Number(1.0), Place::Fine(0));
        check(&names, Value::Text("west"), Place::Unseen);
        check(&names, Value::Missing, Place::Missing);
        assert_eq!((numeric.len(), names.len()), (7, 4));
        let odd = Layout {
            column: "c".into(),
            special: vec![Label::Number(-999.0), Label::Truth(true), Label::Text("east".into())],
            fine: Fine::Categorical { labels: vec!["1".into(), "east".into(), "west".into()] },
        };
        // However a special value is written in the plan, in a column of names it is a name.
        check(&odd, Value::Text("-999"), Place::Special(0));
        check(&odd, Value::Number(-999.0), Place::Special(0));
        check(&odd, Value::Text("true"), Place::Special(1));
        check(&odd, Value::Number(1.0), Place::Fine(0));
        check(&odd, Value::Text("east"), Place::Special(2));
        let numbers = [-999.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.9, 1.0, 2.4, 2.5, 3.0];
        let texts = ["-999", "true", "1", "east", "west", "n/a", ""];
        for layout in [&numeric, &names, &odd] {
            let coder = Coder::new(layout);
            for number in numbers {
                let one = usize::from(coder.number(number));
                assert_eq!(one, layout.code(Value::Number(number)), "{}: {number}", layout.column);
            }
            for text in texts {
                let one = usize::from(coder.name(Some(text)));
                assert_eq!(one, layout.code(Value::Text(text)), "{}: {text}", layout.column);
            }
            assert_eq!(usize::from(coder.name(None)), layout.code(Value::Missing));
        }
    }
}
