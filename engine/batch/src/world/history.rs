//! What happened to one enterprise, as the rows a ledger would have of it.
//!
//! Each year is drawn by itself, with everything that will ever be recorded about what happened in it; what is recorded
//! after the world's last day is then left out. So a world that goes on longer holds the shorter one, row for row, but
//! for the moments until which rows were known.

use hengxin_core::date::Date;
use hengxin_core::fact::{ClassId, NO_NUMBER};
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::CodeId;

use super::dice::Dice;
use super::recipe::{Day, End, Number, Recipe, Recipes, Reference};
use super::subject::{Sector, Subject, code, places};
use super::{BEGIN, Options, moment};
use crate::moment::STILL;
use crate::row::{Registered, Row};

/// Places of values of the registration's status.
const ACTIVE: usize = 0;
const SUSPENDED: usize = 5;

/// Writes down the histories of one enterprise after another.
pub(super) struct Historian<'a> {
    options: &'a Options,
    recipes: &'a Recipes,
    places: u64,
    rows: Vec<Row>,
    /// Records of which there is one a day.
    seen: Vec<(CodeId, Date, ClassId)>,
}

/// What became known about a record later.
#[derive(Clone, Copy, Debug)]
enum Change {
    Number(i64),
    Class(ClassId),
    OccurredOn(Date),
    EndsOn(Date),
    RepairedOn(Date),
    ObjectedFrom(Date),
    ObjectionClosed(Date),
    Withdrawn,
    Restored,
}

impl<'a> Historian<'a> {
    pub(super) fn new(options: &'a Options, recipes: &'a Recipes) -> Historian<'a> {
        Historian { options, recipes, places: places(options), rows: Vec::new(), seen: Vec::new() }
    }

    /// All rows of a place, in order; none when nobody is there yet.
    pub(super) fn rows(&mut self, place: u64) -> &mut Vec<Row> {
        self.rows.clear();
        self.seen.clear();
        let through = self.options.through;
        if Subject::recorded_on(self.options, place) > through {
            return &mut self.rows;
        }
        let subject = Subject::of(self.options, place, self.places);
        let mut registered = self.founding(&subject);
        for year in BEGIN.year()..=through.year() {
            let first = day(year, 1, 1).max(BEGIN);
            let days = day(year + 1, 1, 1).days() - first.days();
            let tag = u64::try_from(year).unwrap_or(0) * 4;
            let mut d = Dice::new(self.options.seed, place, tag);
            self.registration_changes(&subject, &mut registered, first, days, &mut d);
            let mut d = Dice::new(self.options.seed, place, tag + 1);
            if registered.closed.is_none_or(|closed| closed > first) {
                self.yearly(&subject, &registered, year, &mut d);
                let expected = subject.rate * u64::try_from(days).unwrap_or(0) / 365;
                let events = expected / 1000 + u64::from(d.below(1000) < expected % 1000);
                for _ in 0..events {
                    let on = first.plus_days(d.between(0, days - 1));
                    let code = self.recipes.code(&mut d, subject.sector, subject.troubled);
                    // The dice of each event are its own: one event more does not change the next.
                    let mut own = Dice::new(d.next(), place, tag + 2);
                    if on >= subject.established && registered.closed.is_none_or(|closed| on < closed) {
                        self.event(&subject, code, on, &mut own);
                    }
                }
            }
        }
        self.rows.sort_unstable_by_key(Row::order);
        &mut self.rows
    }

    fn founding(&mut self, subject: &Subject) -> Standing {
        let standing = Standing {
            region: subject.region,
            choices: [subject.form, subject.size, ACTIVE],
            capital: subject.capital,
            closed: None,
        };
        let mut d = Dice::new(self.options.seed, subject.number, 2);
        self.registration(subject, &standing, subject.established, subject.recorded, &mut d);
        standing
    }

    fn registration(
        &mut self,
        subject: &Subject,
        standing: &Standing,
        on: Date,
        recorded: Date,
        d: &mut Dice,
    ) {
        let recipe = self.recipes.recipe(self.recipes.registration);
        let class = recipe.class_of(&standing.choices);
        let mut row = Row::new(subject.code, d.next(), class, on, moment(recorded));
        row.number = standing.capital;
        row.registration = Some(Registered {
            established_on: Some(subject.established),
            region: Some(standing.region),
            industry: Some(subject.industry),
        });
        let mut changes = Vec::new();
        if d.permille(15) {
            changes
                .push((recorded.plus_days(d.between(3, 200)), Change::Number(standing.capital + 1_000_000)));
        }
        self.emit(row, recorded, &mut changes);
    }

    fn registration_changes(
        &mut self,
        subject: &Subject,
        standing: &mut Standing,
        first: Date,
        days: i32,
        d: &mut Dice,
    ) {
        let on = first.plus_days(d.between(0, days - 1));
        let (what, own) = (d.below(1000), d.next());
        let recorded = on.plus_days(lag(d));
        if on <= subject.recorded || standing.closed.is_some_and(|_| standing.choices[2] != SUSPENDED) {
            return;
        }
        match what {
            0..12 => {
                let recipe = self.recipes.recipe(self.recipes.registration);
                standing.choices[2] = recipe.choice(d, 2);
                standing.closed = (standing.choices[2] != ACTIVE).then_some(on);
            }
            // Those that stopped for a while mostly begin again.
            12..600 if standing.closed.is_some() => {
                standing.choices[2] = ACTIVE;
                standing.closed = None;
            }
            12..35 => standing.choices[1] = d.pick(&[0, 1, 1, 2, 2, 3, 3]),
            35..50 => standing.region = code(d.below(self.places), self.places).registering_region(),
            50..70 => standing.capital *= 2,
            70..75 => standing.choices[0] = d.pick(&[0, 1]),
            _ => return,
        }
        let mut own = Dice::new(own, subject.number, 3);
        self.registration(subject, standing, on, recorded, &mut own);
    }

    /// What comes once a year.
    fn yearly(&mut self, subject: &Subject, standing: &Standing, year: i32, d: &mut Dice) {
        let recipes = self.recipes;
        let open = |on: Date| {
            on >= subject.established.max(BEGIN) && standing.closed.is_none_or(|closed| on < closed)
        };
        let (files, late) = if subject.troubled { (450, 300) } else { (620, 100) };
        let (filed, late) = (d.permille(files), d.permille(late));
        let on = if late {
            day(year, 7, 1).plus_days(d.between(0, 180))
        } else {
            day(year, 1, 1).plus_days(d.between(0, 180))
        };
        let recorded = on.plus_days(d.between(1, 20));
        let choice = if late { 1 } else { d.pick(&[0; 30]) + usize::from(d.permille(15)) * 2 };
        let fact = d.next();
        if let Some(code) = recipes.annual_report
            && filed
            && open(on)
            && subject.established.year() < year
        {
            let mut row =
                Row::new(subject.code, fact, recipes.recipe(code).class_of(&[choice]), on, moment(recorded));
            row.reference = Some((year - 1).to_string().into());
            self.emit(row, recorded, &mut []);
        }
        if subject.sector == Sector::Food {
            for (code, share) in [(recipes.food_static, 550), (recipes.food_dynamic, 750)] {
                let on = day(year, 1, 1).plus_days(d.between(0, 364));
                let (happens, own) = (d.permille(share), d.next());
                if let Some(code) = code
                    && happens
                    && open(on)
                {
                    self.event(subject, code, on, &mut Dice::new(own, subject.number, 4));
                }
            }
        }
    }

    /// One record, with all that is ever said about it.
    fn event(&mut self, subject: &Subject, code: CodeId, on: Date, d: &mut Dice) {
        let recipe = self.recipes.recipe(code);
        let class = recipe.class(d, subject.troubled);
        let (_, month, day_of_month) = on.ymd();
        let occurred_on = match recipe.day {
            Day::Itself => on,
            Day::MonthEnd => on.plus_days(-i32::try_from(day_of_month).unwrap_or(0)),
            Day::YearEnd => day(on.year() - 1, 12, 31),
        };
        if recipe.once_a_day {
            // A key of the day and an enumeration: the same day would be the same record.
            let same = (code, occurred_on, class);
            if self.seen.contains(&same)
                || (recipe.day != Day::Itself && self.seen.iter().any(|s| (s.0, s.1) == (code, occurred_on)))
            {
                return;
            }
            self.seen.push(same);
        }
        let recorded = on.plus_days(lag(d));
        let mut row = Row::new(subject.code, d.next(), class, occurred_on, moment(recorded));
        let mut changes = Vec::new();
        row.number = number(recipe, subject.troubled, d);
        row.reference = reference(recipe, subject, on, d);
        if recipe.publicity {
            row.publicity_until = occurred_on.months_elapsed_on(d.pick(&[12, 12, 36]));
        }
        let ends = occurred_on.plus_days(d.between(60, 1400));
        match recipe.end {
            End::Stated if d.permille(150) => {}
            End::Stated => row.ends_on = ends,
            End::Later if d.permille(700) => {
                let ends = occurred_on.plus_days(d.between(30, 700));
                changes.push((recorded.max(ends).plus_days(lag(d)), Change::EndsOn(ends)));
            }
            // Of those that end later, some still go on.
            End::Later | End::Never => {}
        }
        if recipe.relation {
            row.related = Some(self.other_side(month, d));
        }
        if d.permille(25) {
            let when = recorded.plus_days(d.between(5, 300));
            changes.push((
                when,
                match d.below(4) {
                    0 if recipe.day == Day::Itself => {
                        Change::OccurredOn(occurred_on.plus_days(-d.between(1, 40)))
                    }
                    1 if !recipe.relation => Change::Class(recipe.class(d, subject.troubled)),
                    _ if row.number != NO_NUMBER => Change::Number(row.number / 10 * 9),
                    _ => Change::Class(class),
                },
            ));
        }
        if recipe.repairable {
            self.marks(subject, recipe, occurred_on, recorded, &mut changes, d);
        }
        if d.permille(6) {
            self.withdrawal(subject, recorded, &mut changes, d);
        }
        self.emit(row, recorded, &mut changes);
    }

    /// Repairs and objections, which are records too.
    fn marks(
        &mut self,
        subject: &Subject,
        recipe: &Recipe,
        occurred_on: Date,
        recorded: Date,
        changes: &mut Vec<(Date, Change)>,
        d: &mut Dice,
    ) {
        let recipes = self.recipes;
        if let Some(code) = recipes.repair
            && d.permille(if recipe.publicity { 250 } else { 80 })
        {
            let on = occurred_on.plus_days(d.between(90, 420));
            let known = on.max(recorded).plus_days(lag(d));
            self.emit(self.mark(subject, code, on, known, d), known, &mut []);
            changes.push((known, Change::RepairedOn(on)));
        }
        if let Some(code) = recipes.objection
            && d.permille(30)
        {
            let on = recorded.plus_days(d.between(1, 60));
            let known = on.plus_days(d.between(1, 5));
            let mark = self.mark(subject, code, on, known, d);
            changes.push((known, Change::ObjectedFrom(on)));
            let mut closing = Vec::new();
            if d.permille(850) {
                let last = on.plus_days(d.between(10, 60));
                let closed = last.max(known).plus_days(d.between(1, 10));
                closing.push((closed, Change::EndsOn(last)));
                changes.push((closed, Change::ObjectionClosed(last.plus_days(1))));
            }
            self.emit(mark, known, &mut closing);
        }
    }

    fn withdrawal(
        &mut self,
        subject: &Subject,
        recorded: Date,
        changes: &mut Vec<(Date, Change)>,
        d: &mut Dice,
    ) {
        let Some(code) = self.recipes.withdrawal else { return };
        let on = recorded.plus_days(d.between(10, 400));
        let known = on.plus_days(d.between(1, 10));
        let mark = self.mark(subject, code, on, known, d);
        changes.push((known, Change::Withdrawn));
        let mut undone = Vec::new();
        // A withdrawal may be withdrawn: the record stands again.
        if d.permille(120) {
            let again = on.plus_days(d.between(20, 100));
            let known = again.plus_days(d.between(1, 10));
            self.emit(self.mark(subject, code, again, known, d), known, &mut []);
            undone.push((known, Change::Withdrawn));
            changes.push((known, Change::Restored));
        }
        self.emit(mark, known, &mut undone);
    }

    fn mark(&self, subject: &Subject, code: CodeId, on: Date, known: Date, d: &mut Dice) -> Row {
        Row::new(subject.code, d.next(), self.recipes.recipe(code).class_of(&[]), on, moment(known))
    }

    fn other_side(&self, month: u32, d: &mut Dice) -> Box<str> {
        if month.is_multiple_of(2) {
            code(d.below(self.places), self.places).as_str().into()
        } else {
            // Few enough that some answer for several enterprises.
            format!("{:032x}", d.below(self.places / 4 + 1)).into()
        }
    }

    /// Writes the versions of a record that were known up to the last day.
    fn emit(&mut self, mut row: Row, recorded: Date, changes: &mut [(Date, Change)]) {
        let through = self.options.through;
        if recorded > through {
            return;
        }
        // Those of one day in the order they were thought of, which is the same on every machine.
        changes.sort_by_key(|(day, _)| *day);
        let mut stands = true;
        for (day, change) in changes.iter().filter(|(day, _)| *day <= through) {
            let at = moment(*day);
            if stands && row.known_from < at {
                let mut closed = row.clone();
                closed.known_until = at;
                self.rows.push(closed);
            }
            row.known_from = at;
            match *change {
                Change::Number(number) => row.number = number,
                Change::Class(class) => row.class = class,
                Change::OccurredOn(day) => row.occurred_on = day,
                Change::EndsOn(day) => row.ends_on = day,
                Change::RepairedOn(day) => row.repaired_on = day,
                Change::ObjectedFrom(day) => row.objections.push((day, Date::FOREVER)),
                Change::ObjectionClosed(after) => {
                    if let Some(last) = row.objections.last_mut() {
                        last.1 = after;
                    }
                }
                Change::Withdrawn => stands = false,
                Change::Restored => stands = true,
            }
        }
        if stands {
            row.known_until = STILL;
            self.rows.push(row);
        }
    }
}

/// The registration as it now stands.
struct Standing {
    region: RegionCode,
    /// Form, size, status.
    choices: [usize; 3],
    capital: i64,
    /// Since when it is not active.
    closed: Option<Date>,
}

/// Days until something is recorded: mostly soon, sometimes months late.
fn lag(d: &mut Dice) -> i32 {
    match d.below(100) {
        0..82 => d.between(1, 15),
        82..94 => d.between(16, 90),
        _ => d.between(91, 420),
    }
}

fn day(year: i32, month: u32, day: u32) -> Date {
    Date::from_ymd(year, month, day).unwrap_or(Date::FOREVER)
}

fn number(recipe: &Recipe, troubled: bool, d: &mut Dice) -> i64 {
    let whole = |n: u64| i64::try_from(n).unwrap_or(0);
    match recipe.number {
        Number::None => NO_NUMBER,
        // Some records come without their amount.
        Number::Fen if d.permille(60) => NO_NUMBER,
        Number::Fen => whole(100 + d.below(900)) * 100 * d.pick(&[1, 10, 10, 10, 100, 100, 1000]),
        Number::Count => whole(d.below(100)),
        Number::Score => whole(45 + d.below(40) + if troubled { 0 } else { 15 }) * 10_000,
        Number::Risk => {
            let low = d.below(21) + d.below(11);
            whole(if troubled { (low + 15).min(40) } else { low }) * 10_000
        }
        Number::Volume => whole(10 + d.below(390)) * 1000 * 10_000,
        Number::Points => whole(1 + d.below(20)) * 5000,
    }
}

fn reference(recipe: &Recipe, subject: &Subject, on: Date, d: &mut Dice) -> Option<Box<str>> {
    let own = d.next();
    Some(match recipe.reference {
        Reference::None => return None,
        Reference::Year => (on.year() - 1).to_string().into(),
        Reference::Shared => {
            let few = 1 + subject.rate / 20_000;
            format!("HT{:08}-{}", subject.number, own % few).into()
        }
        Reference::Own => format!("CN{own:016x}").into(),
    })
}
