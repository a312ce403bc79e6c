//! Hengxin's core: what a standard, a credit record and a tier are, and the two pure functions between them.
//!
//! [`evaluate`](kernel::evaluate) turns a standard and a credit file into an evaluation; [`classify`](tier::classify)
//! turns evaluations into a supervision tier. Both are total: whatever can be wrong is found when a standard or a
//! file is made. This crate does no IO, reads no clock, knows no async and no floating point.

mod blank;
mod condition;
pub mod date;
pub mod document;
pub mod draft;
pub mod fact;
pub mod features;
pub mod grade;
pub mod industry;
pub mod kernel;
pub mod needs;
pub mod number;
pub mod picker;
pub mod plan;
pub mod quantity;
mod readers;
pub mod reading;
pub mod region;
pub mod relation;
pub mod rule;
pub mod scope;
pub mod selection;
pub mod standard;
pub mod tier;
pub mod trace;
pub mod tree;
pub mod uscc;
pub mod vocabulary;
pub mod what_if;
