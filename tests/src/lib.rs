//! Everything that checks Hengxin from outside its crates: a reference implementation of evaluation written from
//! `docs/standard-format.md` alone, and generators of random standards, credit files and tier policies.
//!
//! Nothing here is part of the product.
#![allow(clippy::missing_panics_doc, reason = "test code fails by panicking, with the reason in the message")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "what is passed is made for the call; shorter calls read better"
)]
#![allow(clippy::implicit_hasher, reason = "there is one kind of map here")]

pub mod differential;
pub mod district;
pub mod kernel;
pub mod random;
pub mod reference;
