//! Who may ask for what: callers known by certificate or token, and rules that say what each is permitted.
//!
//! ```text
//! certificate, token ─ callers ▶ Caller ─┐
//! purpose, legal basis ─ purposes ───────┼─ rules (Cedar) ▶ permitted, by which rule, how much is shown; or refused
//! enterprise: regions, consent ──────────┘
//! ```
//!
//! All of it is read from a folder of files that people can read: `schema.cedarschema`, `*.cedar`, `purposes.json`,
//! `callers.json`. A folder that has a fault is never in force: at the start the service does not start, later the last
//! good one stays. Source: `docs/access.md`.

mod callers;
mod consent;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use hengxin_core::vocabulary::Disclosure;

pub use callers::{Credentials, Unknown};
pub use consent::CONSENT;
pub(crate) use consent::consented;

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name in the certificate or token; `local` on a service without access rules.
    pub name: String,
    /// The department or company the caller acts for.
    pub department: String,
    /// What the caller is trusted to do.
    pub roles: Vec<String>,
    /// Fields of supervision, `*` for all.
    pub fields: Vec<String>,
    /// Regions, GB/T 2260.
    pub regions: Vec<String>,
    /// Most calls a second; `None`: no limit.
    pub calls_per_second: Option<u32>,
    /// Most rows a day by bulk export; `None`: as many as the service allows everybody.
    pub exported_rows_per_day: Option<u64>,
}

impl Caller {
    /// Whoever asks on a service without access rules.
    pub fn local() -> Caller {
        Caller {
            name: "local".to_owned(),
            department: String::new(),
            roles: Vec::new(),
            fields: Vec::new(),
            regions: Vec::new(),
            calls_per_second: None,
            exported_rows_per_day: None,
        }
    }
}

/// What a call is about, as rules see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The action: service and method, as `SupervisionService.GetTier`.
    pub action: &'static str,
    /// What for.
    pub purpose: String,
    /// On what legal basis.
    pub basis: String,
    /// Field of supervision; empty when none is asked about.
    pub field: String,
    /// Kind of the report it is about: `public`, `evaluation` or `special`; empty when it is about none.
    pub report: &'static str,
    /// Whether that report is, or is to be, issued for the caller's department.
    pub own_report: bool,
    /// What it is about.
    pub resource: Resource,
}

/// What a call is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resource {
    /// Nothing of an enterprise.
    #[default]
    Service,
    /// A list, of a region (six digits) or of all.
    Territory(String),
    /// One enterprise.
    Enterprise {
        /// Its code.
        code: String,
        /// Where it is registered; `None` when that is unknown.
        region: Option<String>,
        /// Whether it has consented to the caller's department.
        consent: bool,
    },
}

/// What rules say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The rules that permitted it, for the audit trail.
    pub by: Vec<String>,
    /// The most that is shown of an enterprise's facts.
    pub sight: Disclosure,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows who asks.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// No purpose, or none of those there are.
    #[error("purpose: found `{found}`, expected one of {expected} in the header `hengxin-purpose`")]
    Purpose {
        /// What was found.
        found: String,
        /// Those there are.
        expected: String,
    },
    /// No legal basis, or none of the purpose.
    #[error("legal basis: found `{found}`, expected one of {expected} in the header `hengxin-legal-basis`")]
    Basis {
        /// What was found.
        found: String,
        /// Those of the purpose.
        expected: String,
    },
    /// No rule permits it.
    #[error("no rule permits {action} for `{caller}`{about}")]
    NotPermitted {
        /// The action.
        action: &'static str,
        /// Who asked.
        caller: String,
        /// Purpose and field, but nothing of the enterprise.
        about: String,
    },
    /// The caller signed for somebody else.
    #[error("person: found `{found}`, expected `{expected}`, who is asking")]
    Person {
        /// The person named in the request.
        found: String,
        /// The caller.
        expected: String,
    },
}

/// A fault in the folder of access rules.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file that cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file with faults.
    #[error("`{}`: {detail}", .path.display())]
    Fault {
        /// The file.
        path: PathBuf,
        /// All faults found.
        detail: String,
    },
}

/// What somebody may ask for, with the legal bases it may have.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Ids of its legal bases.
    pub bases: Vec<String>,
}

/// Everything a folder says.
struct InForce {
    rules: rules::Rules,
    purposes: Vec<Purpose>,
    callers: callers::Callers,
}

/// Names and times of the files of a folder.
type Files = Vec<(PathBuf, Option<SystemTime>)>;

/// The rules in force, and the files as they were looked at.
struct Watched {
    in_force: Arc<InForce>,
    /// As they were when they were last read, in force or at fault.
    read: Files,
    /// As they were at the last look, when they had changed: read once they stand still.
    changing: Option<Files>,
}

/// The access rules in force.
pub struct Access {
    /// `None`: whoever reaches the service may do everything.
    ruled: Option<(PathBuf, RwLock<Watched>)>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("folder", &self.ruled.as_ref().map(|(folder, _)| folder)).finish()
    }
}

impl Access {
    /// No rules: for one's own machine.
    pub fn open() -> Access {
        Access { ruled: None }
    }

    /// The rules of a folder.
    ///
    /// # Errors
    /// [`AccessError`]: what is wrong with the folder.
    pub fn ruled(folder: &Path) -> Result<Access, AccessError> {
        let read = files(folder)?;
        let in_force = Arc::new(InForce::read(folder, &read)?);
        let watched = Watched { in_force, read, changing: None };
        Ok(Access { ruled: Some((folder.to_owned(), RwLock::new(watched))) })
    }

    /// Whether there are rules.
    pub fn is_ruled(&self) -> bool {
        self.ruled.is_some()
    }

    fn now(&self) -> Option<Arc<InForce>> {
        let (_, current) = self.ruled.as_ref()?;
        Some(Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner).in_force))
    }

    /// The purposes somebody may ask for; none without rules.
    pub fn purposes(&self) -> Vec<Purpose> {
        self.now().map(|now| now.purposes.clone()).unwrap_or_default()
    }

    /// Reads the folder again when a file in it has changed and stands still since the last look: half of what is being
    /// written may be sound by itself. Whether it read it. The last good rules stay when it has a fault.
    ///
    /// # Errors
    /// [`AccessError`]: a fault once for each change, a file that cannot be read at every look.
    pub fn look_again(&self) -> Result<bool, AccessError> {
        let Some((folder, current)) = &self.ruled else { return Ok(false) };
        let found = files(folder)?;
        let mut watched = current.write().unwrap_or_else(PoisonError::into_inner);
        if watched.read == found {
            watched.changing = None;
            return Ok(false);
        }
        if watched.changing.as_ref() != Some(&found) {
            watched.changing = Some(found);
            return Ok(false);
        }
        match InForce::read(folder, &found) {
            Ok(read) => watched.in_force = Arc::new(read),
            Err(error @ AccessError::Read { .. }) => return Err(error),
            Err(fault) => {
                watched.read = found;
                return Err(fault);
            }
        }
        watched.read = found;
        Ok(true)
    }

    /// Who asks.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub fn identify(&self, credentials: &Credentials<'_>) -> Result<Caller, Refusal> {
        match self.now() {
            Some(now) => Ok(now.callers.identify(credentials)?),
            None => Ok(Caller::local()),
        }
    }

    /// Whether a call is permitted.
    ///
    /// # Errors
    /// [`Refusal`]: why not.
    pub fn decide(&self, caller: &Caller, call: &Call) -> Result<Permission, Refusal> {
        let Some(now) = self.now() else {
            return Ok(Permission { by: vec!["open".to_owned()], sight: Disclosure::NotPublic });
        };
        now.expect_purpose(call)?;
        let by = now.rules.permit(caller, call, call.action).ok_or_else(|| Refusal::NotPermitted {
            action: call.action,
            caller: caller.name.clone(),
            about: about(call),
        })?;
        let sees = |action| now.rules.permit(caller, call, action).is_some();
        let sight = match (sees("see limited"), sees("see not public")) {
            (true, true) => Disclosure::NotPublic,
            (true, false) => Disclosure::Limited,
            (false, _) => Disclosure::Public,
        };
        Ok(Permission { by, sight })
    }
}

/// What of a call may be told back: nothing that the caller did not say, and nothing of what is on record.
fn about(call: &Call) -> String {
    let field = if call.field.is_empty() { String::new() } else { format!(" in field `{}`", call.field) };
    format!(" for purpose `{}`{field}", call.purpose)
}

impl InForce {
    fn read(folder: &Path, files: &Files) -> Result<InForce, AccessError> {
        let rules = rules::Rules::read(folder, files)?;
        let purposes: Vec<Purpose> = parse(&folder.join("purposes.json"))?;
        let callers = callers::Callers::read(folder)?;
        Ok(InForce { rules, purposes, callers })
    }

    fn expect_purpose(&self, call: &Call) -> Result<(), Refusal> {
        let list = |ids: Vec<&str>| ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let Some(purpose) = self.purposes.iter().find(|purpose| purpose.id == call.purpose) else {
            return Err(Refusal::Purpose {
                found: call.purpose.clone(),
                expected: list(self.purposes.iter().map(|purpose| purpose.id.as_str()).collect()),
            });
        };
        if purpose.bases.contains(&call.basis) {
            return Ok(());
        }
        Err(Refusal::Basis {
            found: call.basis.clone(),
            expected: list(purpose.bases.iter().map(String::as_str).collect()),
        })
    }
}

fn files(folder: &Path) -> Result<Files, AccessError> {
    let failed = |source| AccessError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // Of what a link leads to, not of the link.
        let changed = std::fs::metadata(&path).and_then(|data| data.modified()).ok();
        files.push((path, changed));
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, AccessError> {
    std::fs::read_to_string(path).map_err(|source| AccessError::Read { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, AccessError> {
    serde_json::from_str(&read(path)?)
        .map_err(|error| AccessError::Fault { path: path.to_owned(), detail: error.to_string() })
}
