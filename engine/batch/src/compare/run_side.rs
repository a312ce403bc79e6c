//! One of the two runs, described: what was evaluated, by which editions, and what their grades and tiers mean.
//!
//! Made from the run's manifest and from the standards themselves: results name grades and findings by id, and only a
//! standard says which grade is better and what a finding's clause is.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::grade::{Effect, Grades};
use hengxin_core::standard::{Standard, Status};
use hengxin_core::tier::TierPolicy;

use super::clause::{Clause, ClauseKind};
use super::workload::TierWorkload;

/// A run as it takes part in a comparison.
#[derive(Clone, Debug)]
pub struct RunSide {
    /// Id of the run.
    pub id: String,
    /// The day the results are for.
    pub as_of: Date,
    /// What was known by this moment counted.
    pub known_at: Moment,
    /// `dataset` or `ledger`, and where it is.
    pub source: (String, String),
    /// Digest of the source.
    pub source_digest: String,
    /// How many subjects the run says it has.
    pub subjects: u64,
    /// Its standards.
    pub standards: Vec<StandardSide>,
    /// Its fields of supervision.
    pub fields: Vec<FieldSide>,
    /// The sizes of enterprises its rows refer to.
    pub sizes: Vec<Named>,
}

/// An id with its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The id in documents.
    pub id: String,
    /// The title shown.
    pub title: String,
}

/// An edition of a standard.
#[derive(Clone, Debug)]
pub struct StandardSide {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// Digest of everything that decides a result besides the facts.
    pub digest: String,
    /// How sure its figures are.
    pub status: Status,
    /// Its scheme of grades. Letters of different schemes are never compared.
    pub scheme: String,
    /// Its grades, best first.
    pub grades: Vec<Named>,
    /// Its findings.
    pub findings: Vec<FindingSide>,
    /// The clause that says which score is which grade.
    pub bands: Arc<Clause>,
}

/// A finding of a standard.
#[derive(Clone, Debug)]
pub struct FindingSide {
    /// Its clause.
    pub clause: Arc<Clause>,
    /// Whether it can move a grade, or is reported only.
    pub moves: bool,
}

/// An edition of a tier policy.
#[derive(Clone, Debug)]
pub struct FieldSide {
    /// The field of supervision.
    pub field: String,
    /// Id of the policy.
    pub policy: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// Digest of the policy.
    pub digest: String,
    /// How sure its figures are.
    pub status: Status,
    /// Id of the public standard it looks at.
    pub public: String,
    /// Id of the industry standard it looks at; `None`: there is none.
    pub industry: Option<String>,
    /// Its tiers, from 1.
    pub tiers: Vec<TierSide>,
    /// The clause that says which results give which tier.
    pub method: Arc<Clause>,
}

/// A tier of a policy.
#[derive(Clone, Debug)]
pub struct TierSide {
    /// Its title.
    pub title: String,
    /// The inspections it asks for.
    pub workload: TierWorkload,
}

impl StandardSide {
    /// An edition with its digest.
    pub fn new(standard: &Standard, digest: String) -> StandardSide {
        let names = |grades: &Grades| {
            let named = |g: &hengxin_core::grade::GradeName| Named {
                id: g.id.clone(),
                title: g.title.clone().unwrap_or_else(|| g.id.clone()),
            };
            grades.all.iter().map(named).collect()
        };
        let findings = standard.findings.iter().map(|finding| FindingSide {
            clause: Arc::new(Clause {
                kind: ClauseKind::Finding,
                document: standard.id.clone(),
                id: finding.id.clone(),
                title: finding.title.clone(),
                source: finding.source.to_string(),
            }),
            moves: finding.effect != Effect::Note,
        });
        StandardSide {
            id: standard.id.clone(),
            edition: standard.edition.clone(),
            title: standard.title.clone(),
            digest,
            status: standard.status,
            scheme: standard.grades.scheme.clone(),
            grades: names(&standard.grades),
            findings: findings.collect(),
            bands: Arc::new(Clause {
                kind: ClauseKind::Bands,
                document: standard.id.clone(),
                id: "grades".to_owned(),
                title: "等级划分".to_owned(),
                source: standard.grades.source.to_string(),
            }),
        }
    }

    /// The clause of an indicator of the standard.
    pub fn indicator_clause(standard: &Standard, place: usize) -> Option<Arc<Clause>> {
        standard.indicators.get(place).map(|indicator| {
            Arc::new(Clause {
                kind: ClauseKind::Indicator,
                document: standard.id.clone(),
                id: indicator.id.clone(),
                title: indicator.title.clone(),
                source: indicator.source.to_string(),
            })
        })
    }
}

impl FieldSide {
    /// A policy with its digest.
    pub fn new(policy: &TierPolicy, digest: String) -> FieldSide {
        let tiers = policy
            .tiers
            .iter()
            .map(|tier| TierSide { title: tier.title.clone(), workload: TierWorkload::of(&tier.measures) });
        FieldSide {
            field: policy.field.clone(),
            policy: policy.id.clone(),
            edition: policy.edition.clone(),
            title: policy.title.clone(),
            digest,
            status: policy.status,
            public: policy.public.clone(),
            industry: policy.industry.clone(),
            tiers: tiers.collect(),
            method: Arc::new(Clause {
                kind: ClauseKind::Method,
                document: policy.id.clone(),
                id: policy.method_name().to_owned(),
                title: "分级方法".to_owned(),
                source: policy.authority.clone(),
            }),
        }
    }

    /// The clause of an override of the policy.
    pub fn override_clause(policy: &TierPolicy, place: usize) -> Option<Arc<Clause>> {
        policy.overrides.get(place).map(|rule| {
            Arc::new(Clause {
                kind: ClauseKind::Override,
                document: policy.id.clone(),
                id: rule.id.clone(),
                title: rule.id.clone(),
                source: rule.source.to_string(),
            })
        })
    }
}
