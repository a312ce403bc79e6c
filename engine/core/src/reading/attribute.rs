//! `attribute`: of the registration in force.

use super::{Look, Measured, Reading, Unknown};
use crate::document::{self, Node};
use crate::quantity::{Gives, Unit};
use crate::scope::Scope;

/// An attribute of the registration. Unknown when there is no registration or it lacks the attribute.
#[derive(Clone, Copy, Debug)]
pub enum Attribute {
    /// 规模 (category).
    Size,
    /// 法律形式 (category).
    LegalForm,
    /// 登记状态 (category).
    Status,
    /// 注册资本 (money).
    Capital,
}

impl Attribute {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let names = ["size", "legal_form", "status", "capital"];
        let attribute =
            match document::name(node, "an attribute of the registration", &names, &mut scope.faults)? {
                0 => Attribute::Size,
                1 => Attribute::LegalForm,
                2 => Attribute::Status,
                _ => return Some((Reading::Attribute(Attribute::Capital), Gives::Quantity(Unit::Fen))),
            };
        let code = scope.vocabulary.code(scope.vocabulary.registration());
        let values =
            node.text().and_then(|name| code.field(name)).map(|(_, f)| f.values()).unwrap_or_default();
        let names = values.iter().map(|v| v.id.clone()).collect();
        Some((Reading::Attribute(attribute), Gives::Category(names)))
    }

    pub(super) fn measure(self, look: &Look<'_>) -> Measured {
        let found = look.registration.and_then(|r| match self {
            Attribute::Size => r.size.map(i64::from),
            Attribute::LegalForm => r.legal_form.map(i64::from),
            Attribute::Status => r.status.map(i64::from),
            Attribute::Capital => r.capital,
        });
        found.map_or(Measured::Unknown(Unknown::NotRegistered), Measured::Known)
    }
}
