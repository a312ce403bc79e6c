//! What benchmark programs share: medians with their spread.

/// The middle value; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// Median with minimum and maximum, as `12.3 (11.0–14.2)`.
pub fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let digits = if most >= 1000.0 { 0 } else { 2 };
    format!("{:.digits$} ({least:.digits$}–{most:.digits$})", median(values))
}
