//! A sheet of the district as a workbook, with cells as an authority's clerk would type them: dates as dates, amounts
//! as numbers, everything else as text.

use std::path::Path;

use anyhow::Context as _;
use hengxin_core::date::Date;
use hengxin_core::draft::read_date;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook};

use crate::district::Sheet;

/// Writes `NAME.xlsx` into `folder`. The same sheet gives the same bytes.
///
/// # Errors
/// When it cannot be written.
pub fn write(sheet: &Sheet, folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(format!("{}.xlsx", sheet.name));
    let mut book = Workbook::new();
    // A workbook names the moment it was made; this one is always made at the same.
    let made = ExcelDateTime::from_ymd(2026, 11, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let days = Format::new().set_num_format("yyyy-mm-dd");
    let page = book.add_worksheet();
    for (column, title) in (0u16..).zip(&sheet.header) {
        page.write(0, column, *title)?;
    }
    for (row, cells) in (1u32..).zip(&sheet.rows) {
        for ((column, cell), title) in (0u16..).zip(cells).zip(&sheet.header) {
            // `2099/12/31` stays as it is typed in the templates: "long-term".
            match read_date(cell) {
                Ok(date) if date.year() < 2099 => {
                    page.write_with_format(row, column, &excel_date(date)?, &days)?;
                }
                Ok(_) | Err(_) => match cell.parse::<f64>() {
                    Ok(number) if is_amount(title) => page.write(row, column, number).map(|_| ())?,
                    Ok(_) | Err(_) => page.write(row, column, cell.as_str()).map(|_| ())?,
                },
            }
        }
    }
    let bytes = book.save_to_buffer()?;
    std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Other numbers (codes, years, document numbers) are names and not quantities.
fn is_amount(title: &str) -> bool {
    title == "CF_NR_FK" || title.ends_with("元)")
}

fn excel_date(date: Date) -> anyhow::Result<ExcelDateTime> {
    let part = |text: Option<&str>| text.and_then(|t| t.parse::<u8>().ok()).unwrap_or(1);
    let text = date.to_string();
    let mut parts = text.split('-').skip(1);
    let (month, day) = (part(parts.next()), part(parts.next()));
    Ok(ExcelDateTime::from_ymd(u16::try_from(date.year())?, month, day)?)
}
