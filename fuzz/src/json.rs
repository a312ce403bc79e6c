//! Documents of programs: manifests of datasets and runs, training plans, descriptions of histories, models and records.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hengxin_batch::manifest::{self, Manifest};
use hengxin_batch::place::{Objects, Place};
use hengxin_batch::run::{self, Run};
use hengxin_models::history::Description;
use hengxin_models::model::Model;
use hengxin_models::plan::Plan;
use hengxin_models::training::Record;
use hengxin_models::validation::Request;

use super::SHIPPED;

/// A place with nothing but a manifest, of a dataset or of a run.
#[derive(Debug)]
struct Only(Bytes);

impl Objects for Only {
    fn get(&self, name: &str) -> io::Result<Option<Bytes>> {
        Ok([manifest::NAME, run::NAME].contains(&name).then(|| self.0.clone()))
    }

    fn put(&self, _: &str, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn create(&self, _: &str, _: Bytes) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn address(&self) -> &'static str {
        "memory:"
    }
}

pub(crate) fn manifests(input: &[u8]) -> bool {
    let place = Place::Objects(Arc::new(Only(Bytes::copy_from_slice(input))));
    let run = Run::read(&place).is_ok();
    match Manifest::read(&place) {
        Ok(manifest) => {
            let written = serde_json::to_vec(&manifest).expect("texts and numbers");
            assert_eq!(serde_json::from_slice::<Manifest>(&written).ok().as_ref(), Some(&manifest));
            let known = manifest.known_deliveries(&SHIPPED.vocabulary, manifest.known_at);
            known.is_ok_and(|known| known.len() <= manifest.deliveries.len())
        }
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            run
        }
    }
}

pub(crate) fn plans(input: &[u8]) -> bool {
    let Ok(plan) = serde_json::from_slice::<Plan>(input) else { return false };
    let faults = plan.faults();
    assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
    faults.is_empty()
}

/// A description of a history, and what is asked of a validation on it.
pub(crate) fn histories(input: &[u8]) -> bool {
    let request = serde_json::from_slice::<Request>(input).is_ok();
    let Ok(description) = serde_json::from_slice::<Description>(input) else { return request };
    let written = serde_json::to_vec(&description).expect("texts and numbers");
    assert_eq!(serde_json::from_slice::<Description>(&written).ok(), Some(description));
    true
}

/// A model, or the record of a training.
pub(crate) fn models(input: &[u8]) -> bool {
    let record = Record::read(input).is_ok();
    let Ok(model) = Model::read(input) else { return record };
    assert!(model.card().is_ok(), "a model that was read scores");
    let again = Model::read(model.to_json().as_bytes()).expect("what is written is read");
    assert_eq!(again.to_json(), model.to_json());
    true
}
