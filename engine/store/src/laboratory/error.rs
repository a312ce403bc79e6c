//! What a laboratory refuses.

/// Why a laboratory refuses what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaboratoryError {
    /// No history has this name.
    #[error("no history `{name}` is registered")]
    UnknownHistory {
        /// The name asked for.
        name: String,
    },
    /// A history of this name is there already, and says something else.
    #[error("history `{name}` is registered already with other files or rules, expected a free name")]
    HistoryExists {
        /// The name.
        name: String,
    },
    /// A history whose outcomes are not known was to be learned from.
    #[error(
        "the outcomes of history `{name}` are not known, expected a history with a target: it only serves to watch models"
    )]
    NoOutcomes {
        /// The history.
        name: String,
    },
    /// No study has this number.
    #[error("no study {found}")]
    UnknownStudy {
        /// The number asked for.
        found: u64,
    },
    /// A study was asked for its numbers that has none.
    #[error("study {study} is {state}, expected one that has succeeded")]
    NoFigures {
        /// The study.
        study: u64,
        /// Where it stands.
        state: &'static str,
    },
    /// The study is carried out by somebody else now.
    #[error("study {study} is no longer held by this process: somebody else took it over")]
    NotHeld {
        /// The study.
        study: u64,
    },
    /// No model has this name.
    #[error("no model `{name}`")]
    UnknownModel {
        /// `{model}/editions/{edition}`.
        name: String,
    },
    /// A training would make an edition that exists.
    #[error("model `{name}` exists already, expected a free edition: what a model says never changes")]
    ModelExists {
        /// `{model}/editions/{edition}`.
        name: String,
    },
    /// The model is not in the state the act needs.
    #[error("model `{name}` is {found}, expected {expected}")]
    State {
        /// `{model}/editions/{edition}`.
        name: String,
        /// Its state.
        found: &'static str,
        /// What would do.
        expected: &'static str,
    },
    /// The person has had a part already that another must have.
    #[error(
        "`{person}` {part} model `{name}`, expected somebody else: it is approved by two people who did not train it"
    )]
    SamePerson {
        /// The person.
        person: String,
        /// What they did.
        part: &'static str,
        /// `{model}/editions/{edition}`.
        name: String,
    },
    /// A model was to be compared on rows it learned from.
    #[error(
        "`{model}` was trained on history `{history}`, expected a history that neither model learned from"
    )]
    LearnedFrom {
        /// The model.
        model: String,
        /// The history.
        history: String,
    },
    /// The study has no such column.
    #[error("study {study} has no number on column `{column}`")]
    UnknownColumn {
        /// The study.
        study: u64,
        /// The column asked for.
        column: String,
    },
    /// A bin of a model rests on so few rows that what it earns must not leave.
    #[error(
        "bin `{name}` of study {study} rests on too few rows, or on too few of either class: what it earns may not leave; \
         train with larger bins"
    )]
    SmallBin {
        /// The training.
        study: u64,
        /// Feature and bin.
        name: String,
    },
    /// So many studies have told of the column that no further one may.
    #[error(
        "{spent} studies have told of {} of history `{history}`, expected fewer than its budget of {budget}; nothing is released",
        named(.column)
    )]
    BudgetSpent {
        /// The history.
        history: String,
        /// The column; empty for the numbers of all columns together.
        column: String,
        /// How many studies have told of it.
        spent: u64,
        /// How many may.
        budget: u64,
    },
}

fn named(column: &str) -> String {
    if column.is_empty() { "all columns together".to_owned() } else { format!("column `{column}`") }
}
