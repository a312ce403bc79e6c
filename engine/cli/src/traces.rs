//! Where `hengxin serve` sends spans: its flags, and the variables of OpenTelemetry.

use hengxin_service::TraceSetup;

/// Where spans are sent.
#[derive(clap::Args)]
pub struct Traces {
    /// Send spans of calls to the collector there, by OTLP over gRPC, such as `http://127.0.0.1:4317`. Without this
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` counts, and without these none are sent.
    #[arg(long, value_name = "URL")]
    traces: Option<String>,
    /// Share of calls that are traced, 0 to 1, unless their caller's trace decides it. Without this
    /// `OTEL_TRACES_SAMPLER_ARG` counts, and without that all are.
    #[arg(long, value_name = "RATIO")]
    traces_ratio: Option<f64>,
}

impl Traces {
    /// What was asked for: flags before variables, variables of spans before those of everything.
    ///
    /// # Errors
    /// A share that is none, and a protocol that is not spoken here; the message names the flag or variable.
    pub fn setup(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<TraceSetup>, String> {
        // An empty variable is one that is not set, by the conventions.
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let collector = match &self.traces {
            Some(url) => url.clone(),
            None => {
                let off = variable("OTEL_SDK_DISABLED")
                    .is_some_and(|value| value.eq_ignore_ascii_case("true"))
                    || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
                let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
                let Some(url) = names.into_iter().find_map(&variable).filter(|_| !off) else {
                    return Ok(None);
                };
                let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
                for (name, protocol) in names.iter().filter_map(|name| Some((name, variable(name)?))).take(1)
                {
                    if protocol != "grpc" {
                        return Err(format!("{name}: found `{protocol}`, expected `grpc`"));
                    }
                }
                url
            }
        };
        let shown = |found: &dyn std::fmt::Display, name| format!("{name}: found `{found}`, expected 0 to 1");
        let ratio = match (self.traces_ratio, variable("OTEL_TRACES_SAMPLER_ARG")) {
            (Some(ratio), _) => fraction(ratio).ok_or_else(|| shown(&ratio, "--traces-ratio"))?,
            (None, Some(text)) => {
                let ratio = text.trim().parse().ok().and_then(fraction);
                ratio.ok_or_else(|| shown(&text, "OTEL_TRACES_SAMPLER_ARG"))?
            }
            (None, None) => 1.0,
        };
        Ok(Some(TraceSetup { collector, ratio }))
    }
}

fn fraction(ratio: f64) -> Option<f64> {
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        flags: (Option<&str>, Option<f64>),
        set: &[(&str, &str)],
        expected: Result<Option<(&str, f64)>, &str>,
    ) {
        let traces = Traces { traces: flags.0.map(str::to_owned), traces_ratio: flags.1 };
        let variable =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let found = traces.setup(variable);
        let found = found.as_ref().map_err(String::as_str);
        assert_eq!(
            found.map(|setup| setup.as_ref().map(|setup| (setup.collector.as_str(), setup.ratio))),
            expected
        );
    }

    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const SPANS: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

    #[test]
    fn flags_come_before_variables_and_variables_of_spans_before_those_of_everything() {
        check((None, None), &[], Ok(None));
        check((None, None), &[(ALL, "")], Ok(None));
        check((None, None), &[(ALL, "http://all")], Ok(Some(("http://all", 1.0))));
        check((None, None), &[(ALL, "http://all"), (SPANS, "http://spans")], Ok(Some(("http://spans", 1.0))));
        let both = [(ALL, "http://all"), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
        check((None, None), &both, Ok(Some(("http://all", 0.25))));
        check((Some("http://flag"), Some(0.5)), &both, Ok(Some(("http://flag", 0.5))));
        check((Some("http://flag"), None), &both, Ok(Some(("http://flag", 0.25))));
    }

    #[test]
    fn variables_can_say_that_none_are_sent() {
        check((None, None), &[(ALL, "http://all"), ("OTEL_SDK_DISABLED", "True")], Ok(None));
        check((None, None), &[(ALL, "http://all"), ("OTEL_TRACES_EXPORTER", "none")], Ok(None));
        check((Some("http://flag"), None), &[("OTEL_SDK_DISABLED", "true")], Ok(Some(("http://flag", 1.0))));
    }

    #[test]
    fn what_cannot_be_done_is_refused_by_its_name() {
        let refused = "--traces-ratio: found `1.5`, expected 0 to 1";
        check((Some("http://flag"), Some(1.5)), &[], Err(refused));
        let refused = "OTEL_TRACES_SAMPLER_ARG: found `half`, expected 0 to 1";
        check((Some("http://flag"), None), &[("OTEL_TRACES_SAMPLER_ARG", "half")], Err(refused));
        let other = [(ALL, "http://all"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
        let refused = "OTEL_EXPORTER_OTLP_PROTOCOL: found `http/protobuf`, expected `grpc`";
        check((None, None), &other, Err(refused));
        // Who names the collector for this program means the protocol of this program.
        check((Some("http://flag"), None), &other, Ok(Some(("http://flag", 1.0))));
        // A variable nobody needs is not read.
        check((None, None), &[("OTEL_TRACES_SAMPLER_ARG", "half")], Ok(None));
    }
}
