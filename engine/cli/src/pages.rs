//! Pages for people beside the service.

use std::net::SocketAddr;
use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_service::{Access, People};
use hengxin_standard::Catalogue;
use hengxin_web::{Named, Setup};

/// The pages over a catalogue, at an address of their own.
pub fn people(
    catalogue: &Catalogue,
    today: Date,
    access: &Arc<Access>,
    address: SocketAddr,
    encrypted: bool,
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
        encrypted,
        address: found_at.trim_end_matches('/').to_owned(),
    };
    People { address, pages: Arc::new(move |local| hengxin_web::pages(setup.clone(), local)) }
}
