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
