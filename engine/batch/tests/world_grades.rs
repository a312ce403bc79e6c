//! The synthetic world has something of every grade, so that what is built upon grades can be seen at work.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::manifest::Manifest;
use hengxin_batch::reader::{ClassBook, Wanted};
use hengxin_batch::world::{Options, REFERENCE, generate};
use hengxin_core::fact::{Deliveries, Dossier};
use hengxin_core::kernel::{Workbench, evaluate};
use hengxin_core::trace::Silent;
use hengxin_standard::Catalogue;

#[test]
fn every_grade_of_the_shipped_public_and_food_standards_occurs() {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    let catalogue = Catalogue::load(&standards).expect("the shipped standards");
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { enterprises: 6000, seed: 7, through: REFERENCE, threads: 2 };
    generate(&catalogue.vocabulary, &options, &folder.path().into(), &|_, _| {}).expect("a world");
    let dataset = Dataset::open(folder.path().into(), Arc::clone(&catalogue.vocabulary)).expect("a dataset");
    let known_at = dataset.manifest.known_at;
    let list = &dataset.manifest.deliveries;
    let deliveries = Manifest::deliveries_in(list, &catalogue.vocabulary, known_at).expect("registers");
    let deliveries = Deliveries::new(deliveries);
    for id in ["public-comprehensive", "food-producers"] {
        let edition = catalogue.standard(id, REFERENCE).expect("an edition");
        let mut bench = Workbench::new(catalogue.plan(edition, REFERENCE));
        let mut grades: BTreeMap<String, u32> = BTreeMap::new();
        for shard in &dataset.manifest.shards {
            let mut book = ClassBook::new(Arc::clone(&catalogue.vocabulary));
            let file = dataset.shard(shard).expect("a shard");
            file.subjects(&mut book, &deliveries, Wanted::ALL, None, known_at, &mut |book, subject| {
                let dossier = Dossier { file: subject.file, related: &[] };
                let done = evaluate(&mut bench, book.classes(), &dossier, &mut Silent);
                *grades.entry(format!("{:?}", done.outcome.grade())).or_default() += 1;
                Ok(())
            })
            .expect("readable");
        }
        println!("{id}: {grades:?}");
        assert_eq!(grades.keys().filter(|grade| *grade != "None").count(), 4, "{id}: {grades:?}");
    }
}
