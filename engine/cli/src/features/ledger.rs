//! Features of points from the ledger: a view a moment, a dossier a subject.

use std::collections::BTreeMap;

use hengxin_batch::features::crew::in_parallel;
use hengxin_batch::features::cut_away::Whole;
use hengxin_batch::features::dataset::Options;
use hengxin_batch::features::{Benches, Plans, Point, Refusal, Values};
use hengxin_batch::row::Row;
use hengxin_core::date::Moment;
use hengxin_core::fact::Classes;
use hengxin_core::reading::Measured;
use hengxin_core::relation::Reach;
use hengxin_core::uscc::Uscc;
use hengxin_store::{Error, Ledger, OwnedDossier, Snapshot};

use crate::export;

/// Points in a unit of work.
const CHUNK: usize = 256;

/// The digest of what a row was computed from; zero of one that was not.
pub type Print = [u8; 32];

type Given = (usize, Result<(Vec<Measured>, Print), Refusal>);

/// The features of `points`, with the digests of their files.
pub fn values(
    ledger: &Ledger,
    plans: &Plans,
    width: usize,
    points: &[Point],
    options: &Options<'_>,
) -> Result<(Values, Vec<Print>), Error> {
    let mut by_moment: BTreeMap<Moment, Vec<usize>> = BTreeMap::new();
    for (place, point) in points.iter().enumerate() {
        by_moment.entry(point.known_at).or_default().push(place);
    }
    let units: Vec<(Moment, &[usize])> =
        by_moment.iter().flat_map(|(at, places)| places.chunks(CHUNK).map(|chunk| (*at, chunk))).collect();
    let mut values = Values::new(points.len(), width);
    let mut prints = vec![[0; 32]; points.len()];
    let mut count = 0;
    let done = |given: Vec<Given>| {
        count += given.len() as u64;
        for (place, given) in given {
            match given {
                Ok((measured, print)) => {
                    values.put(place, Ok(&measured));
                    if let Some(room) = prints.get_mut(place) {
                        *room = print;
                    }
                }
                Err(refusal) => values.put(place, Err(refusal)),
            }
        }
        (options.progress)(count);
    };
    let one = |benches: &mut Benches<'_>, unit: usize| {
        let Some((known_at, places)) = units.get(unit) else { return Ok(Vec::new()) };
        unit_of(ledger, plans, points, *known_at, places, benches)
    };
    in_parallel(units.len(), options.threads, || Benches::new(plans), one, done)?;
    Ok((values, prints))
}

fn unit_of(
    ledger: &Ledger,
    plans: &Plans,
    points: &[Point],
    known_at: Moment,
    places: &[usize],
    benches: &mut Benches<'_>,
) -> Result<Vec<Given>, Error> {
    let snapshot = ledger.snapshot(Some(known_at))?;
    let nothing = Reach::default();
    let mut given = Vec::with_capacity(places.len());
    // One subject's points follow one another; what is read of it is mostly the same.
    let mut last: Option<(Uscc, Reach, Result<OwnedDossier, Refusal>)> = None;
    for place in places {
        let Some(Point { subject, as_of, .. }) = points.get(*place).copied() else { continue };
        let reach = plans.reach(as_of).unwrap_or(&nothing);
        let known = last.take().filter(|(of, within, _)| *of == subject && within == reach);
        let (_, _, dossier) = match known {
            Some(known) => last.insert(known),
            None => last.insert((subject, reach.clone(), dossier(&snapshot, subject, reach)?)),
        };
        given.push((
            *place,
            dossier.as_ref().map_err(|refusal| *refusal).map(|dossier| {
                let measured = dossier.with(|input| benches.measure(as_of, classes(dossier), input).to_vec());
                (measured, dossier.digest())
            }),
        ));
    }
    Ok(given)
}

fn dossier(
    snapshot: &Snapshot,
    subject: Uscc,
    reach: &Reach,
) -> Result<Result<OwnedDossier, Refusal>, Error> {
    match snapshot.dossier(subject, &reach.kinds, reach.depth) {
        Ok(found) => Ok(found.ok_or(Refusal::NobodyKnown)),
        Err(Error::TooManyRelated { .. }) => Ok(Err(Refusal::TooMany)),
        Err(problem) => Err(problem),
    }
}

/// Classes only ever grow, so that the longest dictionary among the files knows all of them.
fn classes(dossier: &OwnedDossier) -> &Classes {
    let files = dossier.files.iter().map(|file| &*file.classes);
    files
        .chain([&*dossier.file.classes])
        .max_by_key(|classes| classes.as_slice().len())
        .unwrap_or(&dossier.file.classes)
}

/// What features give of `points`, sorted by subject, when everything later is taken away.
pub fn cut_away(
    ledger: &Ledger,
    plans: &Plans,
    points: &[Point],
    threads: usize,
) -> Result<Vec<Vec<Measured>>, Error> {
    let chunks: Vec<&[Point]> = points.chunk_by(|a, b| a.subject == b.subject).collect();
    let mut starts = Vec::with_capacity(chunks.len());
    let mut next = 0;
    for chunk in &chunks {
        starts.push(next);
        next += chunk.len();
    }
    let mut all: Vec<Vec<Measured>> = vec![Vec::new(); points.len()];
    let deliveries = ledger.snapshot(None)?.delivery_history()?;
    let one = |benches: &mut Benches<'_>, unit: usize| {
        let (Some(chunk), Some(start)) = (chunks.get(unit), starts.get(unit)) else { return Ok(Vec::new()) };
        let Some(subject) = chunk.first().map(|point| point.subject) else { return Ok(Vec::new()) };
        let Some(history) = ledger.snapshot(None)?.history(subject)? else { return Ok(Vec::new()) };
        let rows: Vec<Row> =
            history.versions.into_iter().map(|version| export::row(subject, version)).collect();
        let whole = Whole {
            rows: &rows,
            classes: &history.classes,
            vocabulary: ledger.vocabulary(),
            deliveries: &deliveries,
        };
        let measured =
            chunk.iter().zip(*start..).map(|(point, place)| (place, whole.measure(*point, benches)));
        Ok::<_, Error>(measured.collect::<Vec<_>>())
    };
    let done = |given: Vec<(usize, Vec<Measured>)>| {
        for (place, measured) in given {
            if let Some(room) = all.get_mut(place) {
                *room = measured;
            }
        }
    };
    in_parallel(chunks.len(), threads, || Benches::new(plans), one, done)?;
    Ok(all)
}
