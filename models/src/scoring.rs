//! Scores of a history's rows by a model, a column at a time: what a bank runs on its own tables.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::history::{Batch, HistoryError, Label, Source, Value, refuse_infinities};
use crate::scaling::{Card, CardFeature};

/// What was met on the way that no learning row had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// The column.
    pub column: String,
    /// Rows with a category, or a text among numbers, that no learning row had.
    pub unseen: u64,
}

/// The scores of all rows of Parquet files, in ten-thousandths and in their order, and what was new in them. Only the card's
/// columns are read; the files may have any others.
///
/// # Errors
/// A file that cannot be read, a column that is not there.
pub fn score(
    files: &[PathBuf],
    card: &Card,
    threads: usize,
) -> Result<(Vec<i64>, Vec<Surprise>), HistoryError> {
    let source = Source::open(files)?;
    let next = AtomicUsize::new(0);
    let scores = Mutex::new(vec![card.base; source.rows()]);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, card.features.len().max(1)) {
            scope.spawn(|| {
                while let Some((place, feature)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    card.features.get(place).map(|feature| (place, feature))
                } {
                    let earned = earned(&source, feature);
                    let told = earned.map(|(points, unseen)| {
                        let mut scores = scores.lock().unwrap_or_else(PoisonError::into_inner);
                        // Integers: the order of the columns does not matter.
                        scores.iter_mut().zip(points).for_each(|(score, points)| *score += points);
                        unseen
                    });
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, told));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    let mut surprises = Vec::new();
    for (place, told) in done {
        let unseen = told?;
        if unseen > 0 {
            let column = card.features[place].binned.layout.column.clone();
            surprises.push(Surprise { column, unseen });
        }
    }
    Ok((scores.into_inner().unwrap_or_else(PoisonError::into_inner), surprises))
}

/// The points of a feature for every row, and how many rows have a value that is new.
fn earned(source: &Source, feature: &CardFeature) -> Result<(Vec<i64>, u64), HistoryError> {
    let layout = &feature.binned.layout;
    let new = layout.special.len() + 1;
    let special: Vec<f64> = layout.special.iter().filter_map(Label::number).collect();
    let mut points = Vec::with_capacity(source.rows());
    let mut unseen = 0;
    let mut earn = |value: Value<'_>| {
        let code = layout.code(value);
        unseen += u64::from(code == new);
        points.push(feature.points_of_code(code));
    };
    source.visit(&layout.column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                refuse_infinities(file, first, &layout.column, numbers, &special)?;
                for number in numbers {
                    earn(Value::Number(*number));
                }
            }
            Batch::Texts(texts) => {
                for text in texts {
                    earn(text.map_or(Value::Missing, Value::Text));
                }
            }
        }
        Ok(())
    })?;
    Ok((points, unseen))
}
