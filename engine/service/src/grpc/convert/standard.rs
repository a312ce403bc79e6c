//! Standards and their faults.

use hengxin_proto::v1;
use hengxin_standard::Edition;
use hengxin_standard::report::FaultyFile;

use super::{date, figure_status, points, source};
use crate::use_case::lines::{Kind, Line};

pub(in crate::grpc) fn standard(edition: &Edition) -> v1::Standard {
    let standard = &edition.standard;
    let grades = standard.grades.all.iter().map(|grade| v1::Grade {
        scheme: standard.grades.scheme.clone(),
        grade: grade.id.clone(),
        title: grade.title.clone().unwrap_or_default(),
    });
    let basis = standard.legal_basis.iter().map(|basis| v1::LegalBasis {
        document: basis.document.clone(),
        title: basis.title.clone().unwrap_or_default(),
        url: basis.url.clone().unwrap_or_default(),
    });
    v1::Standard {
        reference: Some(reference(edition)),
        authority: standard.authority.clone(),
        effective_from: date(standard.effective.0),
        effective_to: date(standard.effective.1),
        legal_basis: basis.collect(),
        note: standard.note.clone().unwrap_or_default(),
        subjects: standard.subjects.iter().map(|kind| kind.as_str().to_owned()).collect(),
        grades: grades.collect(),
        scored: standard.scale.is_some(),
        file_digest: edition.file_digest.clone(),
    }
}

pub(in crate::grpc) fn reference(edition: &Edition) -> v1::EditionReference {
    let standard = &edition.standard;
    v1::EditionReference {
        name: format!("standards/{}/editions/{}", standard.id, standard.edition),
        id: standard.id.clone(),
        edition: standard.edition.clone(),
        title: standard.title.clone(),
        digest: edition.digest.clone(),
        status: figure_status(standard.status),
    }
}

pub(in crate::grpc) fn outline_line(line: Line) -> v1::OutlineLine {
    let kind = match line.kind {
        Kind::Setting => v1::OutlineKind::Setting,
        Kind::Eligibility => v1::OutlineKind::Eligibility,
        Kind::Scale => v1::OutlineKind::Scale,
        Kind::Dimension => v1::OutlineKind::Dimension,
        Kind::Indicator => v1::OutlineKind::Indicator,
        Kind::Grade => v1::OutlineKind::Grade,
        Kind::Finding => v1::OutlineKind::Finding,
    };
    let detail = |(path, value)| v1::OutlineDetail { path, value };
    v1::OutlineLine {
        kind: kind.into(),
        depth: line.depth,
        id: line.id,
        title: line.title,
        weight_basis_points: line.weight.and_then(|share| u32::try_from(share.basis_points()).ok()),
        min: line.min.map(points),
        max: line.max.map(points),
        details: line.details.into_iter().map(detail).collect(),
        source: line.source.as_ref().map(source),
    }
}

pub(in crate::grpc) fn faults(file: &FaultyFile) -> Vec<v1::StandardFault> {
    let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    file.rows()
        .into_iter()
        .map(|row| v1::StandardFault {
            check: row.check.to_owned(),
            line: place(row.line),
            column: place(row.column),
            found: row.found.to_owned(),
            expected: row.expected.to_owned(),
            excerpt: file
                .text
                .lines()
                .nth(row.line.saturating_sub(1))
                .unwrap_or_default()
                .chars()
                .take(200)
                .collect(),
        })
        .collect()
}
