//! What surrounds every page: language, navigation, the date it speaks of, the forms of signing out.

use crate::ask::Asking;
use crate::when::{When, encoded};
use crate::words::Language;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The language.
    pub(crate) l: Language,
    /// Which part of the navigation it belongs to.
    pub(crate) part: Part,
    /// The date and moment.
    pub(crate) when: When,
    /// Whether callers must say who they are.
    pub(crate) ruled: bool,
    /// Whether somebody is known to look.
    pub(crate) known: bool,
    /// What for, in words.
    pub(crate) purpose: String,
    /// What forms must bring back.
    pub(crate) form: String,
    /// Path and query of the page, encoded.
    pub(crate) here: String,
}

/// A part of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Overview.
    Overview,
    /// Find, and all pages of an enterprise.
    Find,
    /// Standards.
    Standards,
    /// Data quality.
    Quality,
    /// Checking reports.
    Verify,
    /// None of them.
    Other,
}

impl Frame {
    /// Around a page of this part.
    pub(crate) fn of(asking: &Asking, part: Part, when: &When) -> Frame {
        let setup = asking.setup();
        let purposes = setup.access.purposes();
        let purpose = purposes.iter().find(|purpose| purpose.id == asking.session.purpose);
        Frame {
            l: asking.session.language,
            part,
            when: when.clone(),
            ruled: setup.access.is_ruled(),
            known: asking.is_known(),
            purpose: purpose
                .map(|p| {
                    format!("{} · {}", p.title, asking.session.language.legal_basis(&asking.session.basis))
                })
                .unwrap_or_default(),
            form: asking.session.form.clone(),
            here: encoded(&asking.here),
        }
    }

    /// `page` when this part is shown, for `aria-current`.
    pub(crate) fn current(&self, part: Part) -> &'static str {
        if self.part == part { "page" } else { "false" }
    }
}
