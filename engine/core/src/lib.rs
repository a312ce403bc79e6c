//! Hengxin's core: what a standard, a credit record and a tier are, and the two pure functions between them.
//!
//! [`evaluate`](kernel::evaluate) turns a standard and a credit file into an evaluation; [`classify`](tier::classify)
//! turns evaluations into a supervision tier. Both are total: whatever can be wrong is found when a standard or a
//! file is made. This crate does no IO, reads no clock, knows no async and no floating point.

pub mod date;
pub mod document;
pub mod draft;
pub mod fact;
pub mod industry;
pub mod number;
pub mod region;
pub mod uscc;
pub mod vocabulary;
