//! A clause: the place in a standard or policy that a change is laid to.

use serde::Serialize;

/// What part of a document a clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClauseKind {
    /// An indicator gave other points.
    Indicator,
    /// A finding came or went.
    Finding,
    /// An override of a tier policy came or went.
    Override,
    /// The bands of an edition: the same score is another grade.
    Bands,
    /// Base, weights or limits of the scale: the score moved against its indicators.
    Scale,
    /// The method of a tier policy: the same results are another tier.
    Method,
    /// Who is evaluated.
    Eligibility,
    /// How much must be known.
    Coverage,
    /// The score moved and nobody told by which indicator.
    Score,
    /// Nothing that was told differs.
    Unexplained,
}

impl ClauseKind {
    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            ClauseKind::Indicator => "indicator",
            ClauseKind::Finding => "finding",
            ClauseKind::Override => "override",
            ClauseKind::Bands => "bands",
            ClauseKind::Scale => "scale",
            ClauseKind::Method => "method",
            ClauseKind::Eligibility => "eligibility",
            ClauseKind::Coverage => "coverage",
            ClauseKind::Score => "score",
            ClauseKind::Unexplained => "unexplained",
        }
    }

    /// The word for Chinese readers.
    pub const fn title(self) -> &'static str {
        match self {
            ClauseKind::Indicator => "指标",
            ClauseKind::Finding => "评价情形",
            ClauseKind::Override => "调整条款",
            ClauseKind::Bands => "等级划分",
            ClauseKind::Scale => "计分方法",
            ClauseKind::Method => "分级方法",
            ClauseKind::Eligibility => "参评范围",
            ClauseKind::Coverage => "数据完整度",
            ClauseKind::Score => "得分",
            ClauseKind::Unexplained => "未说明",
        }
    }
}

/// A clause. Two clauses of different editions are the same one when kind, document and id are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What it is.
    pub kind: ClauseKind,
    /// Id of the standard or policy.
    pub document: String,
    /// Its id there.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The legal source, in words.
    pub source: String,
}

impl Clause {
    /// A clause that no document writes down, such as "how much must be known".
    pub(crate) fn of_document(kind: ClauseKind, document: &str) -> Clause {
        Clause {
            kind,
            document: document.to_owned(),
            id: kind.name().to_owned(),
            title: kind.title().to_owned(),
            source: String::new(),
        }
    }

    /// What makes it the same clause in two editions.
    pub(crate) fn key(&self) -> (ClauseKind, &str, &str) {
        (self.kind, &self.document, &self.id)
    }
}
