//! The kernel against the reference, on random standards, files, days and policies.
//!
//! `HENGXIN_CASES=1000000 cargo test -p hengxin-tests --test differential` looks longer; `HENGXIN_SEED` repeats a run.

use hengxin_tests::differential::{
    cases, classifies_like_the_reference, equals_the_reference, is_monotone,
    keeps_the_result_until_the_horizon, looks_at_nothing_else, seed,
};
use hengxin_tests::kernel::Kernel;

#[test]
fn the_kernel_equals_the_reference() {
    equals_the_reference(&Kernel, seed(), cases(20_000));
}

#[test]
fn the_result_stays_until_the_horizon() {
    keeps_the_result_until_the_horizon(&Kernel, seed(), cases(20_000) / 10);
}

#[test]
fn order_the_future_and_unrelated_facts_change_nothing() {
    looks_at_nothing_else(&Kernel, seed(), cases(20_000) / 10);
}

#[test]
fn a_violation_more_never_helps_and_a_repair_never_hurts() {
    is_monotone(&Kernel, seed(), cases(20_000) / 10);
}

#[test]
fn tiers_equal_the_reference() {
    classifies_like_the_reference(&Kernel, seed(), cases(20_000) / 10);
}
