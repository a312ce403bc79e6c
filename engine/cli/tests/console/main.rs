//! The console in a real browser: Debian's Chromium, driven through chromedriver.
//!
//! `HENGXIN_NEED_BROWSER=1` makes a missing browser a failure; without it these tests say aloud that they did not run.
//! `HENGXIN_SCREENSHOTS=docs/screenshots` keeps pictures of the main pages.

#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "../command/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod command;

mod browser;
mod chinese;
mod forms;
mod hostile;
mod journeys;
mod pages;
mod plain;
mod refusals;
mod roles;
mod served;
mod slow;
