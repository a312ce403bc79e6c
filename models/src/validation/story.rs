//! The model card: what the model is for, what it rests on, how good it is, where it must not be used.

use super::report::{Figure, Report};

/// The card as Markdown.
pub fn model_card(report: &Report) -> String {
    let held = &report.held;
    let mut text = format!("# Model card: {}\n\n## Purpose\n\n", line(&report.model));
    text.push_str(&stated(&report.purpose, "The request states no purpose."));
    text.push_str("\n\n## Data\n\n");
    text.push_str(&format!(
        "{} learning rows ({:.0} defaults), {} held-out rows ({:.0} defaults).\n\n",
        report.learned.size.rows, report.learned.size.bads, held.size.rows, held.size.bads
    ));
    if report.data.is_empty() {
        text.push_str("The request names no data with digests.\n");
    }
    for (name, digest) in &report.data {
        text.push_str(&format!("- {}: `{}`\n", line(name), digest.replace('`', "'")));
    }
    text.push_str(&format!(
        "\n## Method\n\nA scorecard of {} features: optimal bins, weights of evidence, logistic regression, points. {} \
         points at odds of {} to 1, {} points double the odds. Intervals are of 95 %: AUC by DeLong, rates by Wilson, KS \
         and lift by {} resamples with seed {}.\n\n| Feature | Bins | Information value | CSI | Reversed bins |\n\
         |---|---|---|---|---|\n",
        report.features.len(),
        report.scaling.base_points,
        report.scaling.odds,
        report.scaling.points_to_double,
        report.resamples,
        report.seed
    ));
    for feature in &report.features {
        text.push_str(&format!(
            "| {} | {} | {:.3} | {} | {} |\n",
            line(&feature.feature),
            if feature.withheld { "withheld".to_owned() } else { feature.bins.len().to_string() },
            feature.information_value,
            feature.shift.index.map_or("-".to_owned(), |csi| format!("{csi:.3}")),
            feature.inversions.len()
        ));
    }
    text.push_str(
        "\n## Performance on held-out rows\n\n| Measure | Value | 95 % interval |\n|---|---|---|\n",
    );
    for (name, figure) in [
        ("AUC", &held.auc),
        ("Gini", &held.gini),
        ("KS", &held.ks),
        ("Lift of the riskiest tenth", &held.lift_tenth),
        ("Brier score", &held.brier),
        ("Default rate", &held.rate),
    ] {
        text.push_str(&format!("| {name} | {:.4} | {} |\n", figure.value, interval(figure)));
    }
    text.push_str(&format!(
        "| Mean probability | {:.4} | |\n| p of calibration (Hosmer-Lemeshow) | {:.4} | |\n",
        held.foretold, held.calibration_p
    ));
    for challenger in &report.challengers {
        let result = challenger.result.as_ref().map_or("not fitted".to_owned(), |r| {
            let gap = &r.difference.auc;
            format!("AUC {:.4}, {:+.4} against the card ({})", r.auc.value, gap.value, interval(gap))
        });
        text.push_str(&format!(
            "\nChallenger {}: {result}. {}\n",
            line(&challenger.name),
            line(&challenger.note)
        ));
    }
    text.push_str("\n## Limits\n\n");
    if report.checks.is_empty() {
        text.push_str("The request states no limits.\n");
    }
    for check in &report.checks {
        text.push_str(&format!(
            "- {}: {}\n",
            if check.met { "kept" } else { "**broken**" },
            line(&check.message)
        ));
    }
    text.push_str("\n## Limits of use\n\n");
    for finding in &report.findings {
        text.push_str(&format!("- {}\n", line(finding)));
    }
    text.push_str(
        "- Not for subjects unlike those it learned from, nor for values that were never seen without looking at them.\n\
         - A probability holds for the definition of default and the window of the history, and for no other.\n\
         \n## Assumptions\n\n",
    );
    if let Some(rejects) = &report.rejects {
        text.push_str(&format!("- {}\n", line(&rejects.assumption)));
    }
    for assumption in &report.assumptions {
        text.push_str(&format!("- {}\n", line(assumption)));
    }
    if report.assumptions.is_empty() && report.rejects.is_none() {
        text.push_str("- None stated.\n");
    }
    text
}

fn interval(figure: &Figure) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("{low:.4} to {high:.4}"),
        _ => "too few rows".to_owned(),
    }
}

fn stated(text: &str, otherwise: &str) -> String {
    if text.trim().is_empty() { otherwise.to_owned() } else { line(text) }
}

/// A text of a user on one line that is no markup.
fn line(text: &str) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => kept.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '\\' => {
                // Backticks are ours in messages; as code they would hide the escapes inside.
                if c != '`' {
                    kept.push('\\');
                    kept.push(c);
                }
            }
            c => kept.push(c),
        }
    }
    kept
}
