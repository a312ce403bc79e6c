//! Observation points from a file: Parquet with its types, or text whose columns are what their cells are.

use std::path::Path;

use hengxin_batch::features::{Cells, Rejected, Sheet};
use hengxin_ingest::table;

use crate::failure::Failure;
use crate::rescore::batch;

/// The list in a file, and its rows that are none: with more or fewer cells than the header, or too long.
pub fn read(path: &Path) -> Result<(Sheet, Vec<Rejected>), Failure> {
    // Whoever names a file that is not there is at fault, not the system.
    std::fs::metadata(path).map_err(|e| crate::train::about(path, &e))?;
    if path.extension().is_some_and(|e| e == "parquet") {
        return Ok((Sheet::of_parquet(path).map_err(batch)?, Vec::new()));
    }
    let problem = |problem: table::FileError| {
        if problem.is_systems() {
            Failure::System(anyhow::Error::new(problem))
        } else {
            Failure::Input(problem.to_string())
        }
    };
    let table = table::open(path).map_err(problem)?;
    let mut columns: Vec<Vec<Option<String>>> = vec![Vec::new(); table.header.len()];
    let (mut lines, mut rejected) = (Vec::new(), Vec::new());
    for row in table.rows {
        let row = row.map_err(problem)?;
        if let Some(why) = row.problem {
            let of = |name: &str| {
                let place = table.header.iter().position(|column| column == name);
                place.and_then(|place| row.cells.get(place)).cloned().unwrap_or_default()
            };
            let why = why.strip_prefix(table::ROW_FAULT).unwrap_or(&why).to_owned();
            let (found, expected) =
                why.split_once(", expected ").unwrap_or((&why, "a row of the header's cells"));
            rejected.push(Rejected {
                line: row.line,
                point: hengxin_core::features::RESERVED.map(of),
                field: "row",
                found: found.strip_prefix("found ").unwrap_or(found).to_owned(),
                expected: expected.to_owned(),
            });
            continue;
        }
        lines.push(row.line);
        let mut cells = row.cells.into_iter();
        for column in &mut columns {
            let cell = cells.next().map(|cell| cell.trim().to_owned());
            column.push(cell.filter(|cell| !cell.is_empty()));
        }
    }
    let own = |name: &str| hengxin_core::features::RESERVED.contains(&name);
    let columns = table.header.into_iter().zip(columns).map(|(name, texts)| {
        let cells = if own(&name) { Cells::Text(texts) } else { Cells::of_texts(texts) };
        (name, cells)
    });
    Ok((Sheet { file: path.display().to_string(), columns: columns.collect(), lines }, rejected))
}
