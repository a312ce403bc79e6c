//! What the service can be asked, each question a file. None of them knows of gRPC: they take checked values and give
//! the engine's own types.

pub mod changes;
pub mod compare;
pub mod course;
pub mod enterprises;
pub mod evaluate;
pub mod export;
pub mod facts;
pub mod job;
pub mod laboratory;
pub mod lines;
pub mod loaded;
pub mod overview;
pub mod quality;
pub mod receipt;
pub mod report;
pub mod runs;
pub mod search;
pub mod simulate;
pub mod standards;
pub mod stored;
pub mod submit;
pub mod tier;
pub mod trace;
pub mod what_if;
