//! Bulk exports on record.

use hengxin_core::date::Moment;
use hengxin_store::{Command, Export, ExportEnd, ExportEnding, Job, Ledger, Writer};

use crate::support::fresh;

fn export(number: &str, caller: &str, at: i64) -> Export {
    Export {
        begun_at: Moment(at),
        number: number.to_owned(),
        caller: caller.to_owned(),
        department: "环保局".to_owned(),
        purpose: "supervision".to_owned(),
        basis: "statutory-duty".to_owned(),
        what: "environment region=330100".to_owned(),
    }
}

fn end(rows: u64, ending: ExportEnding) -> ExportEnd {
    ExportEnd { rows, ending, detail: String::new() }
}

fn write(ledger: &Ledger, commands: Vec<Command>) -> hengxin_store::Result<()> {
    let writer = Writer::start(ledger)?;
    let written = commands.into_iter().try_for_each(|command| {
        writer.call(Job { request: None, command, respond: Box::new(|_| Vec::new()) }).map(drop)
    });
    writer.stop();
    written
}

/// An export on record, with its end.
pub(crate) fn one(ledger: &Ledger) {
    let begun = Command::BeginExport(export("HE-0", "somebody", 5));
    write(ledger, vec![begun, Command::EndExport("HE-0".to_owned(), end(3, ExportEnding::Complete))])
        .expect("recorded");
}

#[test]
fn an_export_is_found_by_its_number_with_its_end_and_counts_for_its_caller_and_day() {
    let (_folder, ledger) = fresh();
    let watermark = ledger.watermark().expect("readable");
    let ended = |number: &str, rows, ending| Command::EndExport(number.to_owned(), end(rows, ending));
    let commands = vec![
        Command::BeginExport(export("HE-1", "li", 10)),
        ended("HE-1", 500, ExportEnding::Complete),
        Command::BeginExport(export("HE-2", "li", 20)),
        Command::BeginExport(export("HE-3", "li", 21)),
        ended("HE-2", 40, ExportEnding::Cancelled),
        Command::BeginExport(export("HE-4", "wang", 22)),
        ended("HE-4", 7, ExportEnding::CutOff),
    ];
    write(&ledger, commands).expect("recorded");
    assert_eq!(ledger.watermark().expect("readable"), watermark, "an export is not a fact");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let found = snapshot.export("HE-2").expect("readable").expect("there");
    assert_eq!((found.id, found.export), (2, export("HE-2", "li", 20)));
    assert_eq!(found.end.expect("ended").1, end(40, ExportEnding::Cancelled));
    assert_eq!(snapshot.export("HE-3").expect("readable").expect("there").end, None);
    assert_eq!(snapshot.export("HE-9").expect("readable"), None);
    let listed = |caller, limit| {
        let list = snapshot.exports(caller, limit).expect("readable");
        list.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!((listed(None, 9), listed(Some("li"), 2)), (vec![4, 3, 2, 1], vec![3, 2]));
    let rows = |caller, since| snapshot.exported_rows(caller, Moment(since)).expect("readable");
    assert_eq!((rows("li", 10), rows("li", 11), rows("li", 21)), (540, 40, 0));
    assert_eq!((rows("wang", 0), rows("nobody", 0)), (7, 0));
    snapshot.verify().expect("both are in the log");
}

#[test]
fn an_export_ends_once_and_no_number_is_given_twice() {
    let (_folder, ledger) = fresh();
    one(&ledger);
    write(&ledger, vec![Command::BeginExport(export("HE-0", "li", 9))]).expect_err("a number twice");
    write(&ledger, vec![Command::EndExport("HE-0".to_owned(), end(4, ExportEnding::CutOff))])
        .expect_err("an end twice");
    write(&ledger, vec![Command::EndExport("HE-7".to_owned(), end(4, ExportEnding::CutOff))])
        .expect_err("an end of nothing");
    assert_eq!(ledger.snapshot(None).expect("a snapshot").exports(None, 9).expect("readable").len(), 1);
}
