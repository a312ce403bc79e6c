//! What characters 1 and 2 of a code say: the registering department and the type of entity it registers.
//!
//! The table is that of GB 32100-2015 with its amendment of 2016, as compiled in `nsrsbhToType.php`, which cites
//! the county government of Miyi (`www.scmiyi.gov.cn`). First characters G, J, M and Q appear there too, but only
//! as unverified local extensions, and are refused.

use std::fmt;
use std::str::FromStr;

/// The department that registers the subject (character 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Department {
    /// `1`, staffing authority.
    Staffing,
    /// `2`, foreign affairs.
    ForeignAffairs,
    /// `3`, justice.
    Justice,
    /// `4`, culture.
    Culture,
    /// `5`, civil affairs.
    CivilAffairs,
    /// `6`, tourism.
    Tourism,
    /// `7`, religious affairs.
    Religion,
    /// `8`, trade unions.
    TradeUnions,
    /// `9`, industry and commerce, now market regulation.
    MarketRegulation,
    /// `A`, the Central Military Commission's office for reform and staffing.
    Military,
    /// `N`, agriculture.
    Agriculture,
    /// `Y`, all others.
    Other,
}

/// What kind of subject a code was given to, for the rules that apply to one kind only.
///
/// Types that no rule tells apart share a kind; [`Uscc::entity_type`](super::Uscc::entity_type) has the exact one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// 企业.
    Enterprise,
    /// 个体工商户.
    IndividualBusiness,
    /// 农民专业合作社.
    Cooperative,
    /// 机关.
    GovernmentOrgan,
    /// 事业单位.
    PublicInstitution,
    /// 群众团体 whose staffing the central staffing office manages.
    MassOrganisation,
    /// 社会团体.
    SocialOrganisation,
    /// 民办非企业单位.
    PrivateNonEnterprise,
    /// 基金会.
    Foundation,
    /// 律师执业机构.
    LawFirm,
    /// Notary offices, grassroots legal services, forensic institutions and arbitration commissions.
    LegalService,
    /// 基层工会.
    TradeUnion,
    /// 宗教活动场所 and 宗教院校.
    Religious,
    /// Collective economic organisations of a group, village or township.
    RuralCollective,
    /// 军队事业单位.
    Military,
    /// Resident news, cultural and tourism offices from abroad, Hong Kong and Macao.
    OverseasOffice,
    /// The type `其他` of any department, and everything registered under `Y`.
    Other,
}

/// A name that is no subject kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown subject kind `{found}`; expected one of {}", SubjectKind::list())]
pub struct UnknownSubjectKind {
    /// The name found, cut after 40 characters.
    pub found: String,
}

impl Department {
    /// All departments in the order of their characters.
    pub const ALL: [Self; 12] = [
        Self::Staffing,
        Self::ForeignAffairs,
        Self::Justice,
        Self::Culture,
        Self::CivilAffairs,
        Self::Tourism,
        Self::Religion,
        Self::TradeUnions,
        Self::MarketRegulation,
        Self::Military,
        Self::Agriculture,
        Self::Other,
    ];

    /// Character 1 of the codes of this department.
    pub const fn code(self) -> char {
        self.row().0 as char
    }

    /// The Chinese name.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// The department of a character 1, if there is one.
    pub fn from_code(code: char) -> Option<Self> {
        Self::ALL.into_iter().find(|department| department.code() == code)
    }

    /// The types of entity this department registers: character 2, Chinese name, kind.
    pub const fn entity_types(self) -> &'static [(char, &'static str, SubjectKind)] {
        self.row().2
    }

    /// The characters 2 of this department, for messages: `1, 2 or 3`.
    pub(super) fn entity_type_list(self) -> String {
        let mut list = String::new();
        let types = self.entity_types();
        for (index, (code, _, _)) in types.iter().enumerate() {
            list.push_str(match index {
                0 => "",
                _ if index + 1 == types.len() => " or ",
                _ => ", ",
            });
            list.push(*code);
        }
        list
    }

    const fn row(self) -> Row {
        use SubjectKind as Kind;
        match self {
            Self::Staffing => (
                b'1',
                "机构编制",
                &[
                    ('1', "机关", Kind::GovernmentOrgan),
                    ('2', "事业单位", Kind::PublicInstitution),
                    ('3', "中央编办直接管理机构编制的群众团体", Kind::MassOrganisation),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::ForeignAffairs => {
                (b'2', "外交", &[('1', "外国常驻新闻机构", Kind::OverseasOffice), ('9', "其他", Kind::Other)])
            }
            Self::Justice => (
                b'3',
                "司法行政",
                &[
                    ('1', "律师执业机构", Kind::LawFirm),
                    ('2', "公证处", Kind::LegalService),
                    ('3', "基层法律服务所", Kind::LegalService),
                    ('4', "司法鉴定机构", Kind::LegalService),
                    ('5', "仲裁委员会", Kind::LegalService),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::Culture => {
                (b'4', "文化", &[('1', "外国在华文化中心", Kind::OverseasOffice), ('9', "其他", Kind::Other)])
            }
            Self::CivilAffairs => (
                b'5',
                "民政",
                &[
                    ('1', "社会团体", Kind::SocialOrganisation),
                    ('2', "民办非企业单位", Kind::PrivateNonEnterprise),
                    ('3', "基金会", Kind::Foundation),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::Tourism => (
                b'6',
                "旅游",
                &[
                    ('1', "外国旅游部门常驻代表机构", Kind::OverseasOffice),
                    ('2', "港澳台旅游部门常驻内地代表机构", Kind::OverseasOffice),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::Religion => (
                b'7',
                "宗教",
                &[
                    ('1', "宗教活动场所", Kind::Religious),
                    ('2', "宗教院校", Kind::Religious),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::TradeUnions => {
                (b'8', "工会", &[('1', "基层工会", Kind::TradeUnion), ('9', "其他", Kind::Other)])
            }
            Self::MarketRegulation => (
                b'9',
                "工商",
                &[
                    ('1', "企业", Kind::Enterprise),
                    ('2', "个体工商户", Kind::IndividualBusiness),
                    ('3', "农民专业合作社", Kind::Cooperative),
                ],
            ),
            Self::Military => (
                b'A',
                "中央军委改革和编制办公室",
                &[('1', "军队事业单位", Kind::Military), ('9', "其他", Kind::Other)],
            ),
            Self::Agriculture => (
                b'N',
                "农业",
                &[
                    ('1', "组级集体经济组织", Kind::RuralCollective),
                    ('2', "村级集体经济组织", Kind::RuralCollective),
                    ('3', "乡镇级集体经济组织", Kind::RuralCollective),
                    ('9', "其他", Kind::Other),
                ],
            ),
            Self::Other => (b'Y', "其他", &[('1', "其他", Kind::Other)]),
        }
    }
}

/// Character 1, Chinese name, types of entity.
type Row = (u8, &'static str, &'static [(char, &'static str, SubjectKind)]);

/// For each character 1, the set of characters 2 that go with it, as bits `1 << digit`.
pub(super) const TYPES_OF: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < Department::ALL.len() {
        let (code, _, types) = Department::ALL[index].row();
        let mut kind = 0;
        while kind < types.len() {
            table[code as usize] |= 1 << (types[kind].0 as u8 - b'0');
            kind += 1;
        }
        index += 1;
    }
    table
};

impl SubjectKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Enterprise,
        Self::IndividualBusiness,
        Self::Cooperative,
        Self::GovernmentOrgan,
        Self::PublicInstitution,
        Self::MassOrganisation,
        Self::SocialOrganisation,
        Self::PrivateNonEnterprise,
        Self::Foundation,
        Self::LawFirm,
        Self::LegalService,
        Self::TradeUnion,
        Self::Religious,
        Self::RuralCollective,
        Self::Military,
        Self::OverseasOffice,
        Self::Other,
    ];

    /// The name in documents and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enterprise => "enterprise",
            Self::IndividualBusiness => "individual-business",
            Self::Cooperative => "cooperative",
            Self::GovernmentOrgan => "government-organ",
            Self::PublicInstitution => "public-institution",
            Self::MassOrganisation => "mass-organisation",
            Self::SocialOrganisation => "social-organisation",
            Self::PrivateNonEnterprise => "private-non-enterprise",
            Self::Foundation => "foundation",
            Self::LawFirm => "law-firm",
            Self::LegalService => "legal-service",
            Self::TradeUnion => "trade-union",
            Self::Religious => "religious",
            Self::RuralCollective => "rural-collective",
            Self::Military => "military",
            Self::OverseasOffice => "overseas-office",
            Self::Other => "other",
        }
    }

    fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for SubjectKind {
    type Err = UnknownSubjectKind;

    fn from_str(text: &str) -> Result<Self, UnknownSubjectKind> {
        match Self::ALL.into_iter().find(|kind| kind.as_str() == text) {
            Some(kind) => Ok(kind),
            None => Err(UnknownSubjectKind { found: text.chars().take(40).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_department_is_found_by_its_own_character() {
        for department in Department::ALL {
            assert_eq!(Department::from_code(department.code()), Some(department));
        }
        for code in ['0', 'B', 'G', 'J', 'M', 'Q', 'S', 'a'] {
            assert_eq!(Department::from_code(code), None, "{code}");
        }
    }

    #[test]
    fn the_bit_table_holds_exactly_the_listed_types() {
        let mut bits = 0;
        for department in Department::ALL {
            let code = u8::try_from(department.code()).expect("ASCII");
            for digit in 0..10 {
                let listed =
                    department.entity_types().iter().any(|&(code, _, _)| code.to_digit(10) == Some(digit));
                assert_eq!(TYPES_OF[usize::from(code)] >> digit & 1 == 1, listed, "{department:?} {digit}");
            }
            bits += TYPES_OF[usize::from(code)].count_ones();
        }
        assert_eq!(bits, TYPES_OF.iter().map(|types| types.count_ones()).sum());
    }

    #[test]
    fn names_of_kinds_are_read_back() {
        for kind in SubjectKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_kind_lists_the_known_ones() {
        let error = "company".parse::<SubjectKind>().expect_err("no such kind");
        assert_eq!(
            error.to_string(),
            "unknown subject kind `company`; expected one of enterprise, individual-business, cooperative, \
             government-organ, public-institution, mass-organisation, social-organisation, \
             private-non-enterprise, foundation, law-firm, legal-service, trade-union, religious, \
             rural-collective, military, overseas-office, other"
        );
        let long = "长".repeat(1_000_000).parse::<SubjectKind>().expect_err("no such kind");
        assert_eq!(long.found.chars().count(), 40);
    }
}
