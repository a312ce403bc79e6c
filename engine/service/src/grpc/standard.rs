//! `StandardService`.

use hengxin_proto::v1;
use hengxin_proto::v1::standard_service_server::StandardService;
use tonic::{Request, Response, Status};

use super::convert::evaluation::grade;
use super::convert::standard::{faults, outline_line, reference, standard};
use super::convert::{date, item_error, points, timestamp};
use super::gate::Gate;
use super::parse::{self, Future, Reader, StandardName};
use super::refusal::fitting;
use crate::engine::{Engine, Wanted};
use crate::hex::hex;
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::evaluate::Evaluated;
use crate::use_case::lines::lines;
use crate::use_case::standards::TEXT_MAX;
use crate::use_case::{compare, standards};
use sha2::{Digest as _, Sha256};

/// Most enterprises compared at once.
const COMPARED_MAX: usize = 1000;

/// See the module.
#[derive(Debug)]
pub(super) struct Standard {
    gate: Gate,
}

impl Standard {
    pub(super) fn new(gate: Gate) -> Standard {
        Standard { gate }
    }
}

#[tonic::async_trait]
impl StandardService for Standard {
    async fn list_standards(
        &self,
        request: Request<v1::ListStandardsRequest>,
    ) -> Result<Response<v1::ListStandardsResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request)).await.and_then(fitting)
    }

    async fn get_standard(
        &self,
        request: Request<v1::GetStandardRequest>,
    ) -> Result<Response<v1::GetStandardResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| get(engine, &request)).await.and_then(fitting)
    }

    async fn check_standard(
        &self,
        request: Request<v1::CheckStandardRequest>,
    ) -> Result<Response<v1::CheckStandardResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| check(engine, &request)).await.and_then(fitting)
    }

    async fn compare_standards(
        &self,
        request: Request<v1::CompareStandardsRequest>,
    ) -> Result<Response<v1::CompareStandardsResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| compare_two(engine, request)).await.and_then(fitting)
    }
}

fn list(engine: &Engine, request: &v1::ListStandardsRequest) -> Answer<v1::ListStandardsResponse> {
    let filter = Filter::of([request.standard.as_str(), &request.as_of]);
    let mut reader = Reader::new(engine);
    let id = match request.standard.as_str() {
        "" => Some(None),
        text => reader.standard("standard", text).map(|name| Some(name.id)),
    };
    let as_of = match request.as_of.as_str() {
        "" => Some(None),
        text => reader.date("as_of", text, Future::Allowed).map(Some),
    };
    let page = reader.page(request.page_size, &request.page_token, Listing::Standards, &filter);
    let read = (|| Some((id?, as_of?, page?)))();
    let (id, as_of, (size, after)) = reader.finish(read)?;
    let page = standards::list(engine, id.as_deref(), as_of, size, after.as_ref(), &filter)?;
    Ok(v1::ListStandardsResponse {
        standards: page.rows.into_iter().map(standard).collect(),
        next_page_token: page.next,
    })
}

fn get(engine: &Engine, request: &v1::GetStandardRequest) -> Answer<v1::GetStandardResponse> {
    let mut reader = Reader::new(engine);
    let name = reader.standard("name", &request.name);
    let as_of = reader.date("as_of", &request.as_of, Future::Allowed);
    let read = (|| Some((name?, as_of?)))();
    let (name, as_of) = reader.finish(read)?;
    let edition = standards::get(engine, &name.id, Wanted::of(&name.edition), as_of)?;
    Ok(v1::GetStandardResponse {
        standard: Some(standard(edition)),
        text: edition.text.clone(),
        outline: lines(&edition.text).into_iter().map(outline_line).collect(),
    })
}

fn check(engine: &Engine, request: &v1::CheckStandardRequest) -> Answer<v1::CheckStandardResponse> {
    if request.text.len() > TEXT_MAX {
        let found = request.text.len();
        return Err(Problem::invalid("text", format!("found {found} bytes, expected at most {TEXT_MAX}")));
    }
    let checked = standards::check(engine, &request.text);
    Ok(v1::CheckStandardResponse {
        acceptable: checked.faults.is_empty(),
        faults: faults(&checked),
        digest: hex(&Sha256::digest(request.text.as_bytes()).into()),
    })
}

fn compare_two(
    engine: &Engine,
    request: v1::CompareStandardsRequest,
) -> Answer<v1::CompareStandardsResponse> {
    let mut reader = Reader::new(engine);
    let mut edition = |field: &str, text: &str| {
        let name: StandardName = reader.standard(field, text)?;
        if name.edition.is_empty() {
            reader.refuse(field, "found no edition, expected `standards/{id}/editions/{edition}`");
            return None;
        }
        Some(name)
    };
    let base = edition("base", &request.base);
    let other = edition("other", &request.other);
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    if request.enterprises.len() > COMPARED_MAX {
        reader.refuse(
            "enterprises",
            format!("found {}, expected at most {COMPARED_MAX}", request.enterprises.len()),
        );
    }
    let read = (|| Some((base?, other?, as_of?, known_at?)))();
    let (base, other, as_of, known_at) = reader.finish(read)?;
    let first = standards::get(engine, &base.id, Wanted::Pinned(&base.edition), as_of)?;
    let second = standards::get(engine, &other.id, Wanted::Pinned(&other.edition), as_of)?;
    let differences = compare::differences(&first.text, &second.text);
    let mut response = v1::CompareStandardsResponse {
        base: Some(reference(first)),
        other: Some(reference(second)),
        differences: differences
            .into_iter()
            .map(|d| v1::Difference {
                path: d.path,
                before: d.before.unwrap_or_default(),
                after: d.after.unwrap_or_default(),
            })
            .collect(),
        ..v1::CompareStandardsResponse::default()
    };
    if request.enterprises.is_empty() {
        return Ok(response);
    }
    let parsed: Vec<_> = request.enterprises.iter().map(|text| parse::enterprise(text)).collect();
    let subjects: Vec<_> = parsed.iter().map(|code| code.as_ref().ok().copied()).collect();
    let names = ((base.id.as_str(), base.edition.as_str()), (other.id.as_str(), other.edition.as_str()));
    let (moment, pairs) = compare::evaluate_both(engine, names.0, names.1, &subjects, as_of, known_at)?;
    // Grades best first, then none: the order in which a table of moves is read.
    let mut moves: Vec<((usize, usize), u64)> = Vec::new();
    for ((enterprise, code), pair) in request.enterprises.into_iter().zip(parsed).zip(pairs) {
        let mut row = v1::Comparison { enterprise: parse::echo(enterprise), ..v1::Comparison::default() };
        match (pair, code) {
            (Some(Ok((one, two))), _) => {
                let place = (rank(&one), rank(&two));
                match moves.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, count)) => *count += 1,
                    None => moves.push((place, 1)),
                }
                (row.base_score, row.base_grade) = outcome(&one);
                (row.other_score, row.other_grade) = outcome(&two);
            }
            (Some(Err(problem)), _) => row.error = Some(item_error(&problem)),
            (None, code) => {
                let description = code.err().unwrap_or_default();
                row.error = Some(item_error(&Problem::invalid("enterprises", description)));
            }
        }
        response.comparisons.push(row);
    }
    moves.sort_unstable();
    let name = |edition: &hengxin_standard::Edition, place: usize| {
        edition.standard.grades.all.get(place).map_or_else(|| "none".to_owned(), |grade| grade.id.clone())
    };
    response.migrations = moves
        .into_iter()
        .map(|((from, to), count)| v1::Migration { from: name(first, from), to: name(second, to), count })
        .collect();
    response.basis = Some(v1::Basis { as_of: date(as_of), known_at: Some(timestamp(moment)) });
    Ok(response)
}

/// Place of the grade, best first; without one, after all of them.
fn rank(evaluated: &Evaluated) -> usize {
    let assessed = &evaluated.assessed;
    let grades = assessed.prepared.standard.grades.all.len();
    assessed.evaluation.outcome.grade().map_or(grades, usize::from)
}

fn outcome(evaluated: &Evaluated) -> (Option<v1::Points>, Option<v1::Grade>) {
    let outcome = evaluated.assessed.evaluation.outcome;
    let standard = &evaluated.assessed.prepared.standard;
    (outcome.score().map(points), outcome.grade().map(|g| grade(standard, g)))
}
