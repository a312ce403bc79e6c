//! What `score`, `explain` and `tier` share: which enterprise, when, and an engine to ask.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::FactId;
use hengxin_core::uscc::Uscc;
use hengxin_service::typesetter::SettingError;
use hengxin_service::use_case::facts;
use hengxin_service::{Answer, Engine, EngineOptions, Problem};

use crate::data::{self, Place};
use crate::failure::Failure;

/// Which enterprise, and when.
#[derive(clap::Args)]
pub struct Question {
    /// Unified social credit code.
    code: String,
    /// The day the result is for; today in China when absent.
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<String>,
    /// Only what was recorded by this moment, such as 2026-11-01T00:00:00+08:00; all of it when absent.
    #[arg(long, value_name = "MOMENT")]
    known_at: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    place: Place,
}

/// A question that was understood, and an engine over the ledger to answer it.
pub struct Asked {
    /// Reads only.
    pub engine: Arc<Engine>,
    /// Whom it is about.
    pub subject: Uscc,
    /// The day.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
}

impl Question {
    /// A question asked by the program itself.
    pub fn about(code: &str, as_of: Date, data: &Path) -> Question {
        Question {
            code: code.to_owned(),
            as_of: Some(as_of.to_string()),
            known_at: None,
            json: false,
            place: Place::at(data),
        }
    }

    /// Reads the question and opens the ledger.
    pub fn open(&self) -> Result<Asked, Failure> {
        let subject: Uscc = self.code.parse().map_err(|problem| {
            let near: Vec<String> = Uscc::suggest(&self.code).iter().map(ToString::to_string).collect();
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(" or "))
            };
            Failure::Input(format!("`{}`: {problem}{hint}", self.code))
        })?;
        let as_of = data::as_of(self.as_of.as_deref())?;
        let known_at = data::known_at(self.known_at.as_deref())?;
        let catalogue = Arc::new(self.place.catalogue()?);
        let ledger = self.place.open(&catalogue)?;
        let engine = Engine::read_only(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
        Ok(Asked { engine, subject, as_of, known_at })
    }
}

impl Asked {
    /// The records of the enterprise as people know them: kind and document number, or whatever else tells one from
    /// the next.
    pub fn records(&self, known_at: Moment) -> Result<HashMap<FactId, String>, Failure> {
        let vocabulary = self.engine.ledger().vocabulary();
        let name = || -> Answer<HashMap<FactId, String>> {
            let snapshot = self.engine.snapshot(Some(known_at))?;
            let records = facts::standing(&snapshot, self.subject)?;
            Ok(records
                .into_iter()
                .map(|record| {
                    let code = vocabulary.code(record.code);
                    let key = code.key.iter().filter_map(|place| {
                        let field = &code.fields.get(*place)?.id;
                        record.fields.iter().find(|(id, _)| id == field).map(|(_, text)| text.as_str())
                    });
                    let key: Vec<&str> = key.collect();
                    (record.id, format!("{} {}", code.title, key.join(" ")))
                })
                .collect())
        };
        name().map_err(problem)
    }
}

/// A refused question, with the exit code of whoever caused it.
pub fn problem(problem: Problem) -> Failure {
    match problem {
        Problem::Ledger(error) => data::store(error),
        Problem::Invalid(..)
        | Problem::UnknownEnterprise { .. }
        | Problem::NoLoadedRun { .. }
        | Problem::RunReplaced { .. }
        | Problem::NotInRun { .. }
        | Problem::NoRunner
        | Problem::NoLaboratory
        | Problem::NotHandedOver { .. }
        | Problem::UnknownEvaluation { .. }
        | Problem::UnknownReport { .. }
        | Problem::ReportShowsMore { .. }
        | Problem::ReportTooLarge { .. }
        | Problem::NotSet(SettingError::None | SettingError::Refused(_))
        | Problem::NoEdition(_) => Failure::Input(problem.to_string()),
        Problem::Damaged { .. } | Problem::NotSet(_) | Problem::Overloaded { .. } | Problem::Defect => {
            Failure::System(anyhow::Error::new(problem))
        }
    }
}
