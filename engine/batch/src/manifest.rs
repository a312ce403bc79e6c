//! A dataset's manifest, `dataset.json`: what its shards hold, by digest. Written last: without it there is no dataset.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use serde::{Deserialize, Serialize};

use crate::digest::sha256_of;
use crate::error::{Error, Result};
use crate::moment;
use crate::place::Place;
use crate::schema;

/// Its name in the dataset's folder.
pub const NAME: &str = "dataset.json";
const FORMAT: &str = "hengxin-facts";

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// `hengxin-facts`.
    pub format: String,
    /// [`schema::VERSION`].
    pub version: u32,
    /// Edition of the vocabulary whose ids its classes use.
    pub vocabulary: String,
    /// Where it comes from, in words.
    pub origin: String,
    /// Subjects of all shards.
    pub subjects: u64,
    /// Rows of all shards.
    pub rows: u64,
    /// Everything recorded up to this moment is in it.
    #[serde(with = "moment::as_text")]
    pub known_at: Moment,
    /// Which registers are complete, for which region, through which day.
    pub deliveries: Vec<Delivered>,
    /// SHA-256 over the vocabulary, the deliveries and the shards' digests.
    pub digest: String,
    /// The shards, in the order of their subjects.
    pub shards: Vec<Shard>,
}

/// A delivery of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    /// Id of the register.
    pub register: String,
    /// Six digits; `000000` for the whole country.
    pub region: String,
    /// The last day it is complete through.
    #[serde(with = "moment::date_as_text")]
    pub through: Date,
    /// When that became known.
    #[serde(with = "moment::as_text")]
    pub recorded_at: Moment,
}

/// One shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its file in the dataset's folder.
    pub file: String,
    /// Its first subject.
    pub first: String,
    /// Its last subject.
    pub last: String,
    /// How many subjects it holds.
    pub subjects: u64,
    /// How many rows.
    pub rows: u64,
    /// The last moment at which anything in it changed.
    #[serde(with = "moment::as_text")]
    pub changed_at: Moment,
    /// Whether every row is known from the beginning to the end: no row needs to be cut at an earlier moment than
    /// `changed_at`.
    pub superseded_rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

impl Manifest {
    /// A manifest over shards, its totals and digest computed.
    pub fn new(
        vocabulary: &Vocabulary,
        origin: String,
        known_at: Moment,
        deliveries: Vec<Delivered>,
        shards: Vec<Shard>,
    ) -> Manifest {
        let mut manifest = Manifest {
            format: FORMAT.to_owned(),
            version: schema::VERSION,
            vocabulary: vocabulary.edition.clone(),
            origin,
            subjects: shards.iter().map(|s| s.subjects).sum(),
            rows: shards.iter().map(|s| s.rows).sum(),
            known_at,
            deliveries,
            digest: String::new(),
            shards,
        };
        manifest.digest = manifest.computed_digest();
        manifest
    }

    fn computed_digest(&self) -> String {
        let deliveries: Vec<String> = self
            .deliveries
            .iter()
            .map(|d| format!("{} {} {} {}", d.register, d.region, d.through, moment::to_text(d.recorded_at)))
            .collect();
        let mut parts = vec!["hengxin dataset 1", &self.vocabulary];
        parts.extend(deliveries.iter().map(String::as_str));
        parts.extend(self.shards.iter().map(|s| s.sha256.as_str()));
        sha256_of(&parts)
    }

    /// Reads and checks the manifest of a place.
    ///
    /// # Errors
    /// When there is none, or it contradicts itself.
    pub fn read(place: &Place) -> Result<Manifest> {
        let manifest = Manifest::parse(place)?;
        match manifest.faults().into_iter().next() {
            None => Ok(manifest),
            Some((found, expected)) => Err(Error::content(place.name_of(NAME), found, expected)),
        }
    }

    /// Reads the manifest of a place, whether or not it contradicts itself.
    pub(crate) fn parse(place: &Place) -> Result<Manifest> {
        let file = place.name_of(NAME);
        let Some(bytes) = place.read(NAME)? else {
            return Err(Error::content(
                file,
                "no such file",
                "the manifest of a dataset (`hengxin generate --as dataset`, `hengxin dataset export` and `hengxin \
                 dataset sort` make one)",
            ));
        };
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::content(&file, e.to_string(), "the manifest of a dataset"))
    }

    /// Refuses a place that holds a dataset already.
    ///
    /// # Errors
    /// When it does.
    pub fn none_yet(place: &Place) -> Result<()> {
        match place.open(NAME)? {
            None => Ok(()),
            Some(_) => Err(Error::content(
                place.name_of(NAME),
                "a dataset",
                "a folder without one; choose another folder, or remove it first",
            )),
        }
    }

    /// Writes the manifest into a place: last of all, when every shard is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, place: &Place) -> Result<()> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .unwrap_or_else(|e| unreachable!("texts and numbers are always written: {e}"));
        bytes.push(b'\n');
        place.publish(NAME, bytes)
    }

    /// Where it contradicts itself: what was found, and what was expected.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        if self.format != FORMAT {
            faults.push((format!("format `{}`", self.format), format!("format `{FORMAT}`")));
        }
        if self.version != schema::VERSION {
            let expected = format!("version {}, the only one this program knows", schema::VERSION);
            faults.push((format!("version {}", self.version), expected));
        }
        // Counts of a manifest somebody else wrote may be of any size, and so is their sum.
        let sum = |of: fn(&Shard) -> u64| self.shards.iter().map(|s| u128::from(of(s))).sum::<u128>();
        for (what, found, expected) in
            [("subjects", self.subjects, sum(|s| s.subjects)), ("rows", self.rows, sum(|s| s.rows))]
        {
            if u128::from(found) != expected {
                faults.push((format!("{found} {what}"), format!("{expected} {what}, the sum of its shards")));
            }
        }
        if self.digest != self.computed_digest() {
            faults.push((
                format!("digest {}", self.digest),
                format!("{}, that of its shards and deliveries", self.computed_digest()),
            ));
        }
        let mut before: Option<&str> = None;
        for shard in &self.shards {
            for code in [&shard.first, &shard.last] {
                if let Err(e) = code.parse::<Uscc>() {
                    faults.push((format!("`{code}` as key of {}: {e}", shard.file), "a valid code".into()));
                }
            }
            if before.is_some_and(|last| last >= shard.first.as_str()) || shard.first > shard.last {
                faults.push((
                    format!("{} from {} after {}", shard.file, shard.first, before.unwrap_or_default()),
                    "shards in ascending order whose subjects do not overlap: no subject in two of them"
                        .into(),
                ));
            }
            before = Some(&shard.last);
        }
        faults
    }

    /// The deliveries known at a moment.
    ///
    /// # Errors
    /// A register or region nobody declared.
    pub fn known_deliveries(&self, vocabulary: &Vocabulary, known_at: Moment) -> Result<Vec<Delivery>> {
        Manifest::deliveries_in(&self.deliveries, vocabulary, known_at)
    }

    /// Those of a list that are known at a moment, in the kernel's terms.
    ///
    /// # Errors
    /// A register or region nobody declared.
    pub fn deliveries_in(
        list: &[Delivered],
        vocabulary: &Vocabulary,
        known_at: Moment,
    ) -> Result<Vec<Delivery>> {
        let known = list.iter().filter(|d| d.recorded_at <= known_at);
        let read = known.map(|d| {
            let register = vocabulary.register_id(&d.register).ok_or_else(|| {
                Error::content(
                    NAME,
                    format!("deliveries of register `{}`", d.register),
                    format!("a register of vocabulary {}", vocabulary.edition),
                )
            })?;
            let digits = d.region.parse::<u32>().ok().filter(|_| d.region.len() == 6);
            let region = digits.and_then(|digits| RegionCode::from_digits(digits).ok()).ok_or_else(|| {
                Error::content(NAME, format!("region `{}`", d.region), "a region of six digits")
            })?;
            Ok(Delivery { register, region, through: d.through })
        });
        read.collect()
    }
}
