//! The rules: Cedar policies, validated against the schema before they are in force.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::SystemTime;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};

use super::{AccessError, Call, Caller, Resource, read};

/// The code that stands for the whole nation.
const NATION: &str = "100000";

/// See the module.
pub(super) struct Rules {
    schema: Schema,
    policies: PolicySet,
}

impl Rules {
    /// Reads the schema and all `*.cedar` files among `files`.
    pub(super) fn read(folder: &Path, files: &[(PathBuf, Option<SystemTime>)]) -> Result<Rules, AccessError> {
        let path = folder.join("schema.cedarschema");
        let fault = |path: &Path, detail: String| AccessError::Fault { path: path.to_owned(), detail };
        let (schema, _) =
            Schema::from_cedarschema_str(&read(&path)?).map_err(|error| fault(&path, told(&error)))?;
        let declared: BTreeSet<String> =
            schema.actions().map(|uid| uid.id().unescaped().to_owned()).collect();
        let missing: Vec<String> = super::super::grpc::actions().filter(|a| !declared.contains(a)).collect();
        if !missing.is_empty() {
            return Err(fault(
                &path,
                format!("no action for {}, expected one for every method", missing.join(", ")),
            ));
        }
        let mut text = String::new();
        for (path, _) in files.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "cedar")) {
            let part = read(path)?;
            // On its own first, so that a fault names its file.
            let rules = PolicySet::from_str(&part).map_err(|error| fault(path, told(&error)))?;
            if rules.is_empty() {
                return Err(fault(path, "found no rule, expected at least one".to_owned()));
            }
            if let Some(nameless) = rules.policies().find(|rule| rule.annotation("id").is_none()) {
                let detail =
                    format!("found a rule without a name, expected `@id(\"…\")` before it: {nameless}");
                return Err(fault(path, detail.replace('\n', " ")));
            }
            text.push_str(&part);
            text.push('\n');
        }
        let rules = folder.join("*.cedar");
        let policies = PolicySet::from_str(&text).map_err(|error| fault(&rules, told(&error)))?;
        let result = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
        if !result.validation_passed() {
            let errors: Vec<String> = result.validation_errors().map(ToString::to_string).collect();
            return Err(fault(&rules, errors.join("; ")));
        }
        Ok(Rules { schema, policies })
    }

    /// The ids of the rules that permit the action; `None` when it is refused.
    pub(super) fn permit(&self, caller: &Caller, call: &Call, action: &str) -> Option<Vec<String>> {
        // A request that does not fit the schema is refused like one that no rule permits.
        let (request, entities) = self.request(caller, call, action)?;
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &entities);
        if answer.decision() != Decision::Allow {
            return None;
        }
        let named = |id: &cedar_policy::PolicyId| {
            let name = self.policies.policy(id).and_then(|policy| policy.annotation("id"));
            name.map_or_else(|| id.to_string(), str::to_owned)
        };
        Some(answer.diagnostics().reason().map(named).collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn request(&self, caller: &Caller, call: &Call, action: &str) -> Option<(Request, Entities)> {
        let principal = uid("Hengxin::Caller", &caller.name)?;
        let roles: HashSet<EntityUid> =
            caller.roles.iter().filter_map(|role| uid("Hengxin::Role", role)).collect();
        let attributes = HashMap::from([
            ("department".to_owned(), text(&caller.department)),
            ("fields".to_owned(), set(caller.fields.iter().map(String::as_str))),
            ("regions".to_owned(), set(caller.regions.iter().map(String::as_str))),
        ]);
        let mut all: Vec<Entity> = roles.iter().cloned().map(Entity::with_uid).collect();
        all.push(Entity::new(principal.clone(), attributes, roles).ok()?);
        let (resource, consent) = match &call.resource {
            Resource::Service => {
                let resource = uid("Hengxin::Service", "hengxin")?;
                all.push(Entity::with_uid(resource.clone()));
                (resource, false)
            }
            Resource::Territory(region) => {
                let resource = uid("Hengxin::Territory", region)?;
                let around = around(Some(region.as_str()).filter(|region| !region.is_empty()));
                all.push(placed(&resource, &around)?);
                (resource, false)
            }
            Resource::Enterprise { code, region, consent } => {
                let resource = uid("Hengxin::Enterprise", code)?;
                all.push(placed(&resource, &around(region.as_deref()))?);
                (resource, *consent)
            }
        };
        let context = Context::from_pairs([
            ("purpose".to_owned(), text(&call.purpose)),
            ("basis".to_owned(), text(&call.basis)),
            ("field".to_owned(), text(&call.field)),
            ("consent".to_owned(), RestrictedExpression::new_bool(consent)),
            ("report".to_owned(), text(call.report)),
            ("own_report".to_owned(), RestrictedExpression::new_bool(call.own_report)),
        ])
        .ok()?;
        let action = uid("Hengxin::Action", action)?;
        let entities = Entities::from_entities(all, Some(&self.schema)).ok()?;
        let request = Request::new(principal, action, resource, context, Some(&self.schema)).ok()?;
        Some((request, entities))
    }
}

/// The region itself and what it lies in: a district, its city, its province, the nation.
fn around(region: Option<&str>) -> Vec<String> {
    let mut all = vec![NATION.to_owned()];
    if let Some(region) = region.filter(|region| region.len() == 6 && region.is_ascii()) {
        all.extend([format!("{}0000", &region[..2]), format!("{}00", &region[..4]), region.to_owned()]);
    }
    all
}

fn placed(resource: &EntityUid, regions: &[String]) -> Option<Entity> {
    let attributes = HashMap::from([("regions".to_owned(), set(regions.iter().map(String::as_str)))]);
    Entity::new(resource.clone(), attributes, HashSet::new()).ok()
}

fn uid(kind: &str, id: &str) -> Option<EntityUid> {
    Some(EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).ok()?, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}

/// An error with its causes, on one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
