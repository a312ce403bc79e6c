//! The two languages of the pages. Both texts stand side by side where they are shown; titles of standards, facts and
//! measures come from data and are in the language of their source.

use std::fmt;

/// A language of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// 中文.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// By the word in a cookie or address; Chinese for any other.
    pub(crate) fn of(word: &str) -> Language {
        if word == "en" { Language::English } else { Language::Chinese }
    }

    /// Its tag, for `lang`.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::Chinese => "zh-CN",
            Language::English => "en",
        }
    }

    /// The word of the other language, for the switch.
    pub(crate) fn other(self) -> &'static str {
        match self {
            Language::Chinese => "en",
            Language::English => "zh",
        }
    }

    /// The text in this language.
    pub(crate) fn say<'t>(self, chinese: &'t str, english: &'t str) -> &'t str {
        match self {
            Language::Chinese => chinese,
            Language::English => english,
        }
    }

    /// A tier as people call it. 0 is none.
    pub(crate) fn tier(self, tier: u32, title: &str) -> String {
        match (tier, self) {
            (0, Language::Chinese) => "无等级".to_owned(),
            (0, Language::English) => "no tier".to_owned(),
            (tier, _) if title.is_empty() => format!("{tier}"),
            (tier, _) => format!("{tier} {title}"),
        }
    }

    /// On what legal basis somebody looks; one that only this installation has, by its id.
    pub(crate) fn legal_basis(self, id: &str) -> &str {
        match id {
            "statutory-duty" => self.say("依法履职", "statutory duty"),
            "request-of-the-enterprise" => self.say("企业申请", "request of the enterprise"),
            "consent" => self.say("主体授权", "consent"),
            "agreement" => self.say("协议约定", "agreement"),
            other => other,
        }
    }

    /// A kind of subject.
    pub(crate) fn subject(self, id: &str) -> &str {
        let chinese = match id {
            "enterprise" => "企业",
            "individual-business" => "个体工商户",
            "cooperative" => "农民专业合作社",
            "government-organ" => "机关",
            "public-institution" => "事业单位",
            "mass-organisation" => "群众团体",
            "social-organisation" => "社会团体",
            "private-non-enterprise" => "民办非企业单位",
            "foundation" => "基金会",
            "law-firm" => "律师事务所",
            "legal-service" => "其他法律服务机构",
            "trade-union" => "工会",
            "religious" => "宗教活动场所",
            "rural-collective" => "农村集体经济组织",
            "military" => "军队单位",
            "overseas-office" => "境外机构代表处",
            "other" => "其他主体",
            unknown => return unknown,
        };
        self.say(chinese, id)
    }

    /// Points with their unit and the sign of print.
    pub(crate) fn points(self, points: &str) -> String {
        format!("{} {}", points.replace('-', "−"), self.say("分", "points"))
    }

    /// A row by its number.
    pub(crate) fn row(self, n: u32) -> String {
        match self {
            Language::Chinese => format!("第{n}行"),
            Language::English => format!("row {n}"),
        }
    }

    /// Why a record does not count.
    pub(crate) fn not_counted(self, reason: &str) -> &str {
        match reason {
            "repaired" => self.say("已修复，不再计入", "repaired, no longer counts"),
            "past-publicity" => self.say("公示期已满，不再计入", "past its publicity, no longer counts"),
            "under-objection" => {
                self.say("异议处理中，暂不计入", "under objection, does not count meanwhile")
            }
            other => other,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
