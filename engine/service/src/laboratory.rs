//! Who trains and measures: a seam between the service, which keeps the book of a laboratory, and what reads histories. The
//! composition root plugs the latter in, so that nothing that serves scores links a trainer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hengxin_core::date::Date;
use hengxin_store::{Finished, HistoryRecord, ModelRecord, StudyRecord};

/// A plan that can be carried out on a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPlan {
    /// Id of the model it makes.
    pub model: String,
    /// Edition of it.
    pub edition: String,
    /// The whole plan, JSON.
    pub text: String,
}

/// What is to be carried out. Equal orders give equal results: a study that was cut off is ordered again with the same number
/// and folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyOrder {
    /// The study.
    pub study: StudyRecord,
    /// The rows, and the rules for what may leave of them.
    pub history: HistoryRecord,
    /// The model that is validated or watched, or the champion.
    pub model: Option<ModelRecord>,
    /// The challenger.
    pub challenger: Option<ModelRecord>,
    /// The folder of what the study writes.
    pub folder: PathBuf,
}

/// Trains and measures. Called on threads that may block for minutes.
pub trait Modeller: Send + Sync {
    /// Checks a plan and completes it by the description of a history.
    ///
    /// # Errors
    /// What is wrong with it: all faults, found and expected.
    fn plan(&self, plan: &str, description: &str) -> Result<CheckedPlan, String>;

    /// Carries a study out, telling `stage` in a few words what it does. Figures that must not leave have no value.
    ///
    /// # Errors
    /// Why there is no result. What stays in the folder then is never read.
    fn carry_out(&self, order: &StudyOrder, stage: &(dyn Fn(&str) + Sync)) -> Result<Finished, String>;

    /// A model as a folder of standards in force from a day: path within it and bytes.
    ///
    /// # Errors
    /// A model whose file is not what it was, or that cannot be written as a standard.
    fn standard(&self, model: &ModelRecord, from: Date) -> Result<Vec<(String, Vec<u8>)>, String>;
}

/// How studies are carried out.
#[derive(Clone)]
pub struct LaboratorySetup {
    /// Who carries them out.
    pub modeller: Arc<dyn Modeller>,
    /// Folder below which every study has one of its own, `study-{number}`.
    pub folder: PathBuf,
    /// How long a study must stand still before its holder counts as dead. Default 30 s.
    pub patience: Duration,
}

impl LaboratorySetup {
    /// With the usual patience.
    pub fn new(modeller: Arc<dyn Modeller>, folder: PathBuf) -> LaboratorySetup {
        LaboratorySetup { modeller, folder, patience: Duration::from_secs(30) }
    }
}

impl std::fmt::Debug for LaboratorySetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaboratorySetup")
            .field("folder", &self.folder)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
