//! `hengxin dataset export`: the ledger as a dataset, all its moments with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::manifest::{Delivered, Manifest, NAME, Shard};
use hengxin_batch::moment::STILL;
use hengxin_batch::row::{Registered, Row};
use hengxin_batch::sharding;
use hengxin_batch::writer::{ShardWriter, shard_file};
use hengxin_core::date::Moment;
use hengxin_core::fact::{Classes, NO_NUMBER};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_store::{Ledger, RecordVersion, Snapshot};

use crate::data::{self, Place};
use crate::dataset::{failure, told};
use crate::failure::Failure;
use crate::place::place as place_of;
use crate::progress::Progress;

/// Subjects listed at a time.
const PAGE: usize = 4096;

/// Exports the ledger of `place` into `out`, a folder or the prefix of a bucket.
pub fn export(place: &Place, out: &Path, known_at: Option<Moment>, json: bool) -> Result<(), Failure> {
    let begun = Instant::now();
    let into = place_of(out)?;
    let catalogue = place.catalogue()?;
    let vocabulary = &catalogue.vocabulary;
    let ledger = place.open(&catalogue)?;
    let snapshot = ledger.snapshot(known_at).map_err(data::store)?;
    let progress = Progress::none();
    progress.endless("exporting".to_owned());
    let manifest = write(&snapshot, vocabulary, &into)?;
    drop(progress);
    told(&manifest, &into, begun.elapsed(), json);
    Ok(())
}

/// The ledger as a dataset at `into`, exported only when it is not there: a run that was killed goes on with the facts it
/// began with.
pub fn once(
    ledger: &Ledger,
    known_at: Option<Moment>,
    vocabulary: &Arc<Vocabulary>,
    into: &hengxin_batch::place::Place,
) -> Result<Dataset, Failure> {
    if into.read(NAME).map_err(failure)?.is_none() {
        let snapshot = ledger.snapshot(known_at).map_err(data::store)?;
        let progress = Progress::none();
        progress.endless("exporting".to_owned());
        write(&snapshot, vocabulary, into)?;
    }
    let dataset = Dataset::open(into.clone(), Arc::clone(vocabulary)).map_err(failure)?;
    let exported = dataset.manifest.known_at;
    if known_at.is_some_and(|known_at| known_at != exported) {
        return Err(Failure::Input(format!(
            "{}: found the ledger as it was known at {}, expected another moment; choose another folder",
            into.address(),
            data::moment(exported)
        )));
    }
    Ok(dataset)
}

/// Writes everything known in `snapshot` as a dataset.
pub fn write(
    snapshot: &Snapshot,
    vocabulary: &Vocabulary,
    into: &hengxin_batch::place::Place,
) -> Result<Manifest, Failure> {
    let _lock = into.lock().map_err(failure)?;
    Manifest::none_yet(into).map_err(failure)?;
    let shards = shards(snapshot, vocabulary, into)?;
    let deliveries = snapshot.delivery_history().map_err(data::store)?;
    let deliveries = deliveries.into_iter().map(|(delivery, recorded_at)| Delivered {
        register: vocabulary.register(delivery.register).id.clone(),
        region: if delivery.region.is_national() { "000000".to_owned() } else { delivery.region.to_string() },
        through: delivery.through,
        recorded_at,
    });
    let origin = format!("ledger, known at {}", hengxin_batch::moment::to_text(snapshot.known_at()));
    let manifest = Manifest::new(vocabulary, origin, snapshot.known_at(), deliveries.collect(), shards);
    manifest.write(into).map_err(failure)?;
    Ok(manifest)
}

fn shards(
    snapshot: &Snapshot,
    vocabulary: &Vocabulary,
    into: &hengxin_batch::place::Place,
) -> Result<Vec<Shard>, Failure> {
    let mut shards = Vec::new();
    let mut writer: Option<ShardWriter> = None;
    let mut classes = Arc::new(Classes::default());
    let close = |writer: Option<ShardWriter>, classes: &Classes, shards: &mut Vec<Shard>| {
        let Some(writer) = writer else { return Ok(()) };
        let shard = writer.finish(vocabulary, classes, into, shard_file(shards.len())).map_err(failure)?;
        shards.extend(shard);
        Ok::<(), Failure>(())
    };
    let mut after = None;
    loop {
        let page = snapshot.subjects(after, PAGE).map_err(data::store)?;
        let Some(last) = page.last() else { break };
        after = Some(last.code);
        for entry in page {
            let Some(history) = snapshot.history(entry.code).map_err(data::store)? else { continue };
            classes = history.classes;
            if writer.is_none() || sharding::opens(entry.code) {
                close(writer.take(), &classes, &mut shards)?;
                writer = Some(ShardWriter::new().map_err(failure)?);
            }
            let Some(writer) = &mut writer else { continue };
            for version in history.versions {
                writer.push(row(entry.code, version), vocabulary, &classes).map_err(failure)?;
            }
        }
    }
    close(writer, &classes, &mut shards)?;
    Ok(shards)
}

/// A version of a record as a row.
pub fn row(subject: Uscc, version: RecordVersion) -> Row {
    // The first bytes of the key sort as the key does: facts of one day stay in the order of their records.
    let mut fact = [0; 8];
    fact.copy_from_slice(&version.key[..8]);
    let mut row =
        Row::new(subject, u64::from_be_bytes(fact), version.class, version.occurred_on, version.known_from);
    row.ends_on = version.ends_on;
    row.publicity_until = version.publicity_until;
    row.repaired_on = version.repaired_on;
    row.objections = version.objections;
    row.number = version.number.unwrap_or(NO_NUMBER);
    row.reference = version.reference;
    row.related = version.related;
    row.known_until = version.known_until.unwrap_or(STILL);
    if let Some(registration) = version.registration {
        row.number = registration.capital.unwrap_or(NO_NUMBER);
        row.registration = Some(Registered {
            established_on: registration.established_on,
            region: registration.region,
            industry: registration.industry,
        });
    }
    row
}
