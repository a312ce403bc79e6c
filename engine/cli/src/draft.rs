//! A draft tried on everyone: two runs from one reading of a dataset, by the editions in force and by the draft's.

use std::path::PathBuf;
use std::sync::Arc;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::moment::STILL;
use hengxin_batch::rescore::{Options, Order, rescore_together};
use hengxin_service::use_case::job::{Wanted, job};
use hengxin_standard::Catalogue;

use crate::data;
use crate::failure::Failure;
use crate::place::place;
use crate::progress::Progress;
use crate::question::problem;
use crate::rescore::{batch, cancelled_by_signal};

/// What a draft is tried on.
#[derive(clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// The edition to try, `ID@EDITION`: it takes the place of the one in force, also where another standard reads it. May
    /// be given several times.
    #[arg(long = "draft", value_name = "STANDARD", requires = "dataset", requires = "out")]
    drafts: Vec<String>,
    /// With --draft: the folder of the dataset, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "FOLDER", requires = "drafts")]
    dataset: Option<PathBuf>,
    /// With --draft: a field of supervision whose tiers are compared too. May be given several times.
    #[arg(long = "field", value_name = "FIELD", requires = "drafts")]
    fields: Vec<String>,
    /// With --draft: the day the results are for; today in China when absent.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "drafts")]
    as_of: Option<String>,
    /// With --draft: only what was known at this moment; all of it when absent.
    #[arg(long, value_name = "MOMENT", requires = "drafts")]
    known_at: Option<String>,
    /// With --draft: where the two runs are kept, as FOLDER/in-force and FOLDER/draft.
    #[arg(long, value_name = "FOLDER", requires = "drafts")]
    out: Option<PathBuf>,
    /// With --draft: threads; as many as the machine has processors when absent.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Makes both runs, or finds them finished, and says where they lie; `None` when no draft is to be tried.
pub fn tried(arguments: &Arguments, catalogue: &Catalogue) -> Result<Option<[PathBuf; 2]>, Failure> {
    let (Some(dataset), Some(out)) = (&arguments.dataset, &arguments.out) else { return Ok(None) };
    let as_of = data::as_of(arguments.as_of.as_deref())?;
    let known_at = data::known_at(arguments.known_at.as_deref())?.unwrap_or(STILL);
    let mut ids = Vec::new();
    for draft in &arguments.drafts {
        let (id, _) = draft.split_once('@').ok_or_else(|| {
            Failure::Input(format!(
                "--draft: found `{draft}`, expected ID@EDITION, such as public-comprehensive@2027.1"
            ))
        })?;
        ids.push(id.to_owned());
    }
    let by = |standards| {
        let wanted = Wanted { fields: arguments.fields.clone(), standards };
        job(catalogue, &wanted, as_of, known_at).map_err(problem)
    };
    let (in_force, draft) = (by(ids)?, by(arguments.drafts.clone())?);
    if in_force.rules_digest() == draft.rules_digest() {
        let drafts = arguments.drafts.join("`, `");
        return Err(Failure::Input(format!(
            "--draft: found `{drafts}`, in force on {as_of}; expected an edition that is not"
        )));
    }
    let dataset = Dataset::open(place(dataset)?, Arc::clone(&catalogue.vocabulary)).map_err(batch)?;
    let folders = [out.join("in-force"), out.join("draft")];
    let [kept_in_force, kept_draft] = [place(&folders[0])?, place(&folders[1])?];
    let bar = Progress::new("scoring by both".to_owned(), dataset.manifest.subjects);
    let options = Options {
        threads: arguments.threads,
        incremental: false,
        verify: true,
        cancelled: cancelled_by_signal()?,
        progress: &|progress| bar.at(progress.subjects),
    };
    let orders = [
        Order { job: &in_force, previous: None, out: &kept_in_force },
        Order { job: &draft, previous: None, out: &kept_draft },
    ];
    rescore_together(&dataset, &orders, &options).map_err(batch)?;
    Ok(Some(folders))
}
