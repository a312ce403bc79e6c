//! Scores of a history's rows by a model, a column at a time: what a bank runs on its own tables.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::history::{Batch, Coder, Codes, HistoryError, Label, Layout, Source, refuse_infinities};
use crate::scaling::Card;

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
/// A file that cannot be read, a column that is not there, an infinity.
pub fn score(
    files: &[PathBuf],
    card: &Card,
    threads: usize,
) -> Result<(Vec<i64>, Vec<Surprise>), HistoryError> {
    let (codes, surprises) = encode(files, card, threads)?;
    Ok((card.score_all(&codes.iter().collect::<Vec<_>>()), surprises))
}

/// The rows of Parquet files in the codes of a card: a list for each of its features, in their order and layouts.
///
/// # Errors
/// As [`score`].
pub fn encode(
    files: &[PathBuf],
    card: &Card,
    threads: usize,
) -> Result<(Vec<Codes>, Vec<Surprise>), HistoryError> {
    let source = Source::open(files)?;
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, card.features.len().max(1)) {
            scope.spawn(|| {
                while let Some((place, feature)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    card.features.get(place).map(|feature| (place, feature))
                } {
                    let coded = coded(&source, &feature.binned.layout);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, coded));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    let (mut codes, mut surprises) = (Vec::new(), Vec::new());
    for (feature, (_, coded)) in card.features.iter().zip(done) {
        let (column, unseen) = coded?;
        codes.push(column);
        if unseen > 0 {
            surprises.push(Surprise { column: feature.binned.layout.column.clone(), unseen });
        }
    }
    Ok((codes, surprises))
}

/// A column in the codes of a layout, and how many rows have a value that is new.
fn coded(source: &Source, layout: &Layout) -> Result<(Codes, u64), HistoryError> {
    let coder = Coder::new(layout);
    let special: Vec<f64> = layout.special.iter().filter_map(Label::number).collect();
    let mut codes = Codes::with_capacity(layout.len(), source.rows());
    let mut unseen = 0;
    let mut add = |code: u16| {
        unseen += u64::from(code == coder.unseen());
        codes.push(code);
    };
    source.visit(&layout.column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                refuse_infinities(file, first, &layout.column, numbers, &special)?;
                for number in numbers {
                    add(coder.number(*number));
                }
            }
            Batch::Texts(texts) => {
                for text in texts {
                    add(coder.name(*text));
                }
            }
        }
        Ok(())
    })?;
    Ok((codes, unseen))
}
