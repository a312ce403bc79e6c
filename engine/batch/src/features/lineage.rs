//! Where a table of features comes from: a JSON document beside it, by which it is checked.

use std::collections::BTreeMap;

use hengxin_core::date::Moment;
use hengxin_core::features::FeatureSet;
use hengxin_core::quantity::Gives;
use hengxin_core::reading::{Measured, Unknown};
use serde::{Deserialize, Serialize};

use super::table::unit_name;
use super::values::Values;
use crate::moment;

const FORMAT: &str = "hengxin-features";
const VERSION: u32 = 1;

/// The lineage of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// `hengxin-features`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// The program, with its version.
    pub program: String,
    /// The features file.
    pub features: FeaturesFile,
    /// Edition of the vocabulary its readings are written in.
    pub vocabulary: String,
    /// The editions whose results may be read.
    pub standards: Vec<Edition>,
    /// Where the facts come from.
    pub source: Source,
    /// So many days after the as-of day what became known counts.
    pub delay_days: u32,
    /// Rows.
    pub rows: Rows,
    /// SHA-256 of the table.
    pub table: String,
    /// The features.
    pub columns: Vec<Column>,
    /// What the points carried along, as it came: nothing is known here of when anybody knew it.
    pub carried: Vec<Carried>,
}

/// A features file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesFile {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 over the file and every edition it may read.
    pub digest: String,
}

/// An edition of a standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Digest of the edition with those it reads.
    pub digest: String,
}

/// Where facts come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// A ledger or a dataset.
    pub kind: SourceKind,
    /// The last moment it knew of.
    #[serde(with = "moment::as_text")]
    pub known_at: Moment,
    /// Of a dataset: its digest. Of a ledger: SHA-256 over the digests of the files of all rows, in their order.
    pub digest: String,
}

/// Where facts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A ledger.
    Ledger,
    /// A dataset of facts.
    Dataset,
}

impl SourceKind {
    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Ledger => "ledger",
            SourceKind::Dataset => "dataset",
        }
    }
}

/// How many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// In the list of points.
    pub given: u64,
    /// In the table.
    pub written: u64,
    /// In the file of rejected rows.
    pub rejected: u64,
    /// In the table with the subject, day and moment of an earlier one.
    pub repeated: u64,
}

/// A feature as a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its source.
    pub source: String,
    /// Its reading, as written.
    pub reading: String,
    /// What its values are.
    pub unit: String,
    /// Of a category: every name there can be, whether or not it occurs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Rows with a value.
    pub known: u64,
    /// Rows without one, by reason.
    pub unknown: BTreeMap<String, u64>,
}

/// A column that is carried along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
}

impl Lineage {
    /// `hengxin-features`, version 1, by this program.
    pub fn head() -> (String, u32, String) {
        (FORMAT.to_owned(), VERSION, format!("hengxin {}", env!("CARGO_PKG_VERSION")))
    }

    /// Reads a lineage.
    ///
    /// # Errors
    /// What is none, or one of another version.
    pub fn read(bytes: &[u8]) -> std::result::Result<Lineage, String> {
        let lineage: Lineage = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        if lineage.format != FORMAT || lineage.version != VERSION {
            let Lineage { format, version, .. } = lineage;
            return Err(format!("found `{format}` version {version}, expected `{FORMAT}` version {VERSION}"));
        }
        Ok(lineage)
    }

    /// Its file's content.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .unwrap_or_else(|e| unreachable!("a document of texts and numbers is JSON: {e}"));
        bytes.push(b'\n');
        bytes
    }
}

/// The columns of a table of the rows in `kept`.
pub fn columns(set: &FeatureSet, values: &Values, kept: &[usize]) -> Vec<Column> {
    let column = |(i, feature): (usize, &hengxin_core::features::Feature)| {
        let mut known = 0;
        let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
        for row in kept {
            match values.get(*row, i) {
                Measured::Known(_) => known += 1,
                Measured::Unknown(why) => *unknown.entry(Unknown::id(why).to_owned()).or_default() += 1,
            }
        }
        Column {
            id: feature.id.clone(),
            title: feature.title.clone(),
            source: feature.source.to_string(),
            reading: feature.words.clone(),
            unit: unit_name(&feature.gives).to_owned(),
            names: match &feature.gives {
                Gives::Category(names) => names.clone(),
                Gives::Quantity(_) | Gives::Events => Vec::new(),
            },
            known,
            unknown,
        }
    };
    set.features.iter().enumerate().map(column).collect()
}
