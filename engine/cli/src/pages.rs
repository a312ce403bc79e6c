//! Pages for people beside the service.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_service::use_case::report::known_fields;
use hengxin_service::{Access, People};
use hengxin_standard::Catalogue;
use hengxin_web::{Named, Setup};

/// Where the console is when nobody says where.
pub const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The pages over a catalogue, at an address of their own: that of the user, or the usual one while nobody else has it.
pub fn people(
    catalogue: &Catalogue,
    today: Date,
    access: &Arc<Access>,
    address: Option<SocketAddr>,
    encrypted: bool,
    documents: bool,
    found_at: &str,
) -> People {
    // Fields without a policy in force today have no tiers today; they are shown under their newest policy's name.
    let fields = catalogue.fields().filter_map(|id| {
        let newest = catalogue.policies().filter(|edition| edition.policy.field == id).last();
        let edition = catalogue.policy(id, today).ok().or(newest)?;
        Some((
            Named { id: id.to_owned(), title: edition.policy.title.clone() },
            edition.policy.public.clone(),
        ))
    });
    let (fields, public): (Vec<Named>, Vec<String>) = fields.unzip();
    let setup = Setup {
        fields,
        public_standard: public.into_iter().next().unwrap_or_default(),
        access: Arc::clone(access),
        encrypted: encrypted || found_at.starts_with("https://"),
        only_here: address.unwrap_or(DEFAULT).ip().is_loopback(),
        report_fields: known_fields(&catalogue.vocabulary)
            .into_iter()
            .map(|(id, title)| Named { id: id.to_owned(), title: title.to_owned() })
            .collect(),
        titles: titles(&catalogue.vocabulary),
        documents,
        address: found_at.trim_end_matches('/').to_owned(),
    };
    let (address, required) = (address.unwrap_or(DEFAULT), address.is_some());
    People { address, required, pages: Arc::new(move |local| hengxin_web::pages(setup.clone(), local)) }
}

/// What the vocabulary calls codes, fields and values, as the pages look them up.
fn titles(vocabulary: &Vocabulary) -> HashMap<String, String> {
    let mut titles = HashMap::new();
    for code in &vocabulary.codes {
        titles.insert(code.id.clone(), code.title.clone());
        for field in &code.fields {
            titles.insert(format!("{}.{}", code.id, field.id), field.title.clone());
            for value in field.values() {
                titles.insert(format!("{}.{}.{}", code.id, field.id, value.id), value.title.clone());
            }
        }
    }
    titles
}
