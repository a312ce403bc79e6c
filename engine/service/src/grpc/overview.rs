//! `SupervisionService.SummarizeTiers`: how many are in which tier.

use hengxin_core::grade::GradeName;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_proto::v1;

use super::convert::run::run_reference;
use super::parse::Reader;
use super::supervision::basis;
use crate::engine::Engine;
use crate::problem::Answer;
use crate::use_case::overview::{From, Overview, Question, Shares, overview};

pub(super) fn summarize(
    engine: &Engine,
    request: &v1::SummarizeTiersRequest,
) -> Answer<v1::SummarizeTiersResponse> {
    let mut reader = Reader::new(engine);
    let field = reader.required("field", &request.field, "a field of supervision");
    let region = reader.region(&request.region);
    let industry = reader.industry(&request.industry);
    basis(&mut reader, request.basis);
    let from = if request.basis() == v1::TierBasis::Run { From::Run } else { From::Decisions };
    let read = (|| Some(Question { field: field?, region: region?, industry: industry?, from }))();
    let found = overview(engine, &reader.finish(read)?)?;
    Ok(message(&found))
}

fn message(found: &Overview) -> v1::SummarizeTiersResponse {
    let group = |code: String, title: Option<&str>, tiers: &Shares| v1::GroupCount {
        code,
        title: title.unwrap_or_default().to_owned(),
        tiers: shares(found, tiers),
    };
    v1::SummarizeTiersResponse {
        tiers: shares(found, &found.tiers),
        regions: found
            .regions
            .iter()
            .map(|(region, tiers)| {
                let code = region.map(|region| region.to_string()).unwrap_or_default();
                group(code, region.and_then(RegionCode::name), tiers)
            })
            .collect(),
        industries: found
            .industries
            .iter()
            .map(|(industry, tiers)| {
                let code = industry.map(|industry| industry.to_string()).unwrap_or_default();
                group(code, industry.and_then(IndustryCode::name), tiers)
            })
            .collect(),
        public_grades: grades(&found.public_grades),
        industry_grades: grades(&found.industry_grades),
        migrations: found
            .moves
            .iter()
            .map(|((from, to), count)| v1::TierMigration {
                from: from.map(u32::from).unwrap_or_default(),
                to: to.map(u32::from).unwrap_or_default(),
                count: *count,
            })
            .collect(),
        run: found.run.as_ref().map(run_reference),
    }
}

fn shares(found: &Overview, tiers: &Shares) -> Vec<v1::TierShare> {
    let title = |tier: Option<u16>| {
        let place = usize::from(tier?).checked_sub(1)?;
        Some(found.policy.as_ref()?.policy.tiers.get(place)?.title.clone())
    };
    let share = |&(tier, count): &(Option<u16>, u64)| v1::TierShare {
        tier: tier.map(u32::from).unwrap_or_default(),
        title: title(tier).unwrap_or_default(),
        count,
    };
    tiers.iter().map(share).collect()
}

fn grades(grades: &[(Option<GradeName>, u64)]) -> Vec<v1::GradeCount> {
    let count = |(grade, count): &(Option<GradeName>, u64)| v1::GradeCount {
        grade: grade.as_ref().map(|grade| grade.id.clone()).unwrap_or_default(),
        title: grade.as_ref().and_then(|grade| grade.title.clone()).unwrap_or_default(),
        count: *count,
    };
    grades.iter().map(count).collect()
}
