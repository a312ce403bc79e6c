//! Documents against the program: every check, the catalogue, cases, the schemas for editors, the examples of the page.

mod bad;
mod cases;
mod catalogue;
mod common;
mod examples;
mod features;
mod schema;
