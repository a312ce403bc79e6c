//! Bad files and bad luck, by the real binary: each gets a message that names what was found and what was expected,
//! and an exit code; nothing is lost or half-applied.

mod accidents;
mod backup;
mod forms;
mod place;
mod quality;
mod quarantine;
mod refused;
mod rig;
