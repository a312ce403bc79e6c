//! Schedules: which fields are evaluated anew and when, and how far each has been dealt with.
//!
//! The store keeps cron expressions and time zones as texts; the service reads them.

use hengxin_core::date::{Date, Moment};

use super::book::{NewRun, RunBook};
use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::words;

words! {
    /// Which day a run speaks of that fires at an instant, by the day of the instant in the schedule's time zone.
    CutOff {
        /// That day.
        SameDay = "same-day",
        /// The day before.
        PreviousDay = "previous-day",
        /// The last day of the month before.
        PreviousMonthEnd = "previous-month-end",
        /// The last day of the quarter before.
        PreviousQuarterEnd = "previous-quarter-end",
        /// The last day of the year before.
        PreviousYearEnd = "previous-year-end",
    }
}

words! {
    /// What becomes of firings that passed while no service was running.
    Missed {
        /// One run, for the latest of them.
        RunOnce = "run-once",
        /// A run for each, in order.
        RunAll = "run-all",
        /// Nothing.
        Skip = "skip",
    }
}

/// What a schedule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Fields of supervision, in the order their runs are queued.
    pub fields: Vec<String>,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
    /// Which day its runs speak of.
    pub cut_off: CutOff,
    /// What becomes of missed firings.
    pub missed: Missed,
    /// Where the facts lie; `None`: in the ledger.
    pub dataset: Option<String>,
    /// Whether each run goes on from the last one of its field.
    pub incremental: bool,
}

/// A schedule on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// What it says.
    pub schedule: Schedule,
    /// Whether it fires.
    pub paused: bool,
    /// Firings up to this moment have been dealt with.
    pub handled_to: Moment,
    /// When it was made.
    pub created_at: Moment,
}

/// A firing to be turned into runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The instant.
    pub at: Moment,
    /// The day its runs speak of.
    pub as_of: Date,
}

const SCHEDULE: &str =
    "SELECT name, fields, cron, time_zone, cut_off, missed, dataset, incremental, paused, handled_to,
        created_at FROM schedules";

impl Snapshot {
    /// Schedules in the order of their names, after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn schedules(&self, after: &str, limit: usize) -> Result<Vec<ScheduleRecord>> {
        let mut statement = self
            .connection()
            .prepare_cached(&format!("{SCHEDULE} WHERE name > ?1 ORDER BY name LIMIT ?2"))?;
        let mut rows = statement.query((after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }
}

impl RunBook {
    /// Makes a schedule; its first firing is the first one after now. Making the very same one again changes nothing.
    ///
    /// # Errors
    /// [`Error::ScheduleExists`], and as [`RunBook::start`].
    pub fn create_schedule(&mut self, schedule: &Schedule) -> Result<ScheduleRecord> {
        self.transact(|book| {
            if let Some(found) = find(&book.connection, &schedule.name)? {
                let same = found.schedule == *schedule;
                return if same { Ok(found) } else { Err(Error::ScheduleExists { name: schedule.name.clone() }) };
            }
            let now = book.now().0;
            book.connection
                .prepare_cached(
                    "INSERT INTO schedules (name, fields, cron, time_zone, cut_off, missed, dataset, incremental, paused,
                                            handled_to, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?9)",
                )?
                .execute((
                    &schedule.name,
                    serde_json::Value::from(schedule.fields.clone()).to_string(),
                    &schedule.cron,
                    &schedule.time_zone,
                    schedule.cut_off.id(),
                    schedule.missed.id(),
                    &schedule.dataset,
                    schedule.incremental,
                    now,
                ))?;
            let body = serde_json::json!({
                "fields": schedule.fields, "cron": schedule.cron, "time_zone": schedule.time_zone,
                "cut_off": schedule.cut_off.id(), "missed": schedule.missed.id(), "dataset": schedule.dataset,
                "incremental": schedule.incremental,
            });
            book.schedule_event(&schedule.name, "created", &body.to_string())?;
            book.schedule(&schedule.name)
        })
    }

    /// Stops a schedule from firing, or lets it fire again. Firings while it is paused never count as missed.
    ///
    /// # Errors
    /// [`Error::UnknownSchedule`], and as [`RunBook::start`].
    pub fn pause_schedule(&mut self, name: &str, paused: bool) -> Result<ScheduleRecord> {
        self.transact(|book| {
            if book.schedule(name)?.paused != paused {
                let now = book.now().0;
                book.connection
                    .prepare_cached(
                        "UPDATE schedules SET paused = ?2,
                             handled_to = CASE WHEN handled_to < ?3 THEN ?3 ELSE handled_to END WHERE name = ?1",
                    )?
                    .execute((name, paused, now))?;
                book.schedule_event(name, if paused { "paused" } else { "resumed" }, "")?;
            }
            book.schedule(name)
        })
    }

    /// Removes a schedule. Its runs stay.
    ///
    /// # Errors
    /// As [`RunBook::pause_schedule`].
    pub fn delete_schedule(&mut self, name: &str) -> Result<()> {
        self.transact(|book| {
            book.schedule(name)?;
            book.connection.prepare_cached("DELETE FROM schedules WHERE name = ?1")?.execute([name])?;
            book.schedule_event(name, "deleted", "")
        })
    }

    /// Queues the runs of firings, for each every field in order, and notes that the schedule is dealt with up to
    /// `until`. Does nothing when somebody else has dealt with it since `seen` was read. Gives the numbers of the runs.
    ///
    /// # Errors
    /// As [`RunBook::start`].
    pub fn fire(
        &mut self,
        seen: &ScheduleRecord,
        firings: &[Firing],
        known_at: Moment,
        until: Moment,
    ) -> Result<Vec<u64>> {
        self.transact(|book| {
            let name = &seen.schedule.name;
            if find(&book.connection, name)?.as_ref() != Some(seen) {
                return Ok(Vec::new());
            }
            let mut runs = Vec::new();
            for firing in firings {
                for field in &seen.schedule.fields {
                    // A schedule deleted and made again under its name may come to a firing for the second time.
                    let known = book
                        .connection
                        .prepare_cached(
                            "SELECT 1 FROM runs WHERE schedule = ?1 AND fired_at = ?2 AND field = ?3",
                        )?
                        .exists((name, firing.at.0, field))?;
                    if known {
                        continue;
                    }
                    let new = NewRun {
                        field: field.clone(),
                        as_of: firing.as_of,
                        known_at,
                        dataset: seen.schedule.dataset.clone(),
                        incremental: seen.schedule.incremental,
                        previous: None,
                    };
                    runs.push(book.insert(&new, Some((name, firing.at)), None)?);
                }
            }
            book.connection
                .prepare_cached("UPDATE schedules SET handled_to = ?2 WHERE name = ?1 AND handled_to < ?2")?
                .execute((name, until.0))?;
            Ok(runs)
        })
    }

    fn schedule(&self, name: &str) -> Result<ScheduleRecord> {
        find(&self.connection, name)?.ok_or_else(|| Error::UnknownSchedule { name: name.to_owned() })
    }

    fn schedule_event(&self, name: &str, kind: &str, body: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT INTO schedule_events (schedule, kind, at, body) VALUES (?1, ?2, ?3, ?4)")?
            .execute((name, kind, self.now().0, body))?;
        Ok(())
    }
}

fn find(connection: &Connection, name: &str) -> Result<Option<ScheduleRecord>> {
    let mut statement = connection.prepare_cached(&format!("{SCHEDULE} WHERE name = ?1"))?;
    statement.query_row([name], |row| Ok(read(row))).optional()?.transpose()
}

fn read(row: Row<'_>) -> Result<ScheduleRecord> {
    let text = |column: usize| row.get::<String>(column);
    let (fields, cut_off, missed) = (text(1)?, text(4)?, text(5)?);
    let wrong = |what: &str, found: &str| Error::corrupt(format!("{what} of a schedule `{found}`"));
    Ok(ScheduleRecord {
        schedule: Schedule {
            name: text(0)?,
            fields: serde_json::from_str(&fields).map_err(|_| wrong("fields", &fields))?,
            cron: text(2)?,
            time_zone: text(3)?,
            cut_off: CutOff::of(&cut_off).ok_or_else(|| wrong("cut-off", &cut_off))?,
            missed: Missed::of(&missed).ok_or_else(|| wrong("missed policy", &missed))?,
            dataset: row.get(6)?,
            incremental: row.get(7)?,
        },
        paused: row.get(8)?,
        handled_to: Moment(row.get(9)?),
        created_at: Moment(row.get(10)?),
    })
}
