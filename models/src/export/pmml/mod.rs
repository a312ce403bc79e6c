//! A model as a PMML 4.4 `Scorecard` with reason codes: points below the best of each characteristic.
//!
//! It is divided as the exported standard is: a characteristic for each indicator, under the indicator's title and with its most
//! points as baseline, so that an evaluator ranks reasons as the engine does. Evaluators add binary fractions: so points of
//! two decimals are written in hundredths, whole numbers whose sums and ties are exact, and the score is the sum divided by 100.
//!
//! Source: Data Mining Group, *PMML 4.4*, chapters Scorecard and Output, <https://dmg.org/pmml/v4-4/Scorecard.html>.

mod xml;

use xml::{Xml, unwritable};

use super::{Earned, ExportError, decimal, earned};
use crate::history::Kind;
use crate::model::{Feature, Model, ModelBin, Values};

/// The text of a PMML document.
///
/// Numbers are fields of type double, categories of type string; a text among numbers is refused by the evaluator.
///
/// # Errors
/// [`ExportError::Character`].
pub fn pmml(model: &Model) -> Result<String, ExportError> {
    let plan = &model.plan;
    writable("title", &plan.title)?;
    model.features.iter().try_for_each(check)?;
    let mut xml = Xml::new();
    xml.around("PMML", &[("xmlns", "http://www.dmg.org/PMML-4_4"), ("version", "4.4")], |xml| {
        xml.around("Header", &[("description", &plan.title), ("modelVersion", &plan.edition)], |xml| {
            xml.leaf("Application", &[("name", "hengxin"), ("version", env!("CARGO_PKG_VERSION"))]);
        });
        xml.around("DataDictionary", &[("numberOfFields", &model.features.len().to_string())], |xml| {
            for feature in &model.features {
                data_field(xml, feature);
            }
        });
        scorecard(xml, model);
    });
    Ok(xml.text())
}

fn check(feature: &Feature) -> Result<(), ExportError> {
    writable(&feature.column, &feature.column)?;
    for bin in &feature.bins {
        match &bin.values {
            Values::Categories(names) => {
                names.iter().try_for_each(|name| writable(&feature.column, name))?;
            }
            Values::Special(label) => writable(&feature.column, &label.to_string())?,
            Values::Range(..) | Values::Missing(_) | Values::Unseen(_) => {}
        }
    }
    Ok(())
}

fn writable(of: &str, text: &str) -> Result<(), ExportError> {
    match unwritable(text) {
        None => Ok(()),
        Some(found) => Err(ExportError::Character { of: of.to_owned(), found }),
    }
}

fn data_field(xml: &mut Xml, feature: &Feature) {
    let (measured, held) = match feature.kind {
        Kind::Numeric => ("continuous", "double"),
        // Values are not listed: one that training did not know is valid, and has its own points.
        Kind::Categorical => ("categorical", "string"),
    };
    xml.leaf("DataField", &[("name", &feature.column), ("optype", measured), ("dataType", held)]);
}

fn scorecard(xml: &mut Xml, model: &Model) {
    let of = |feature| characteristics(model, feature);
    let characteristics: Vec<Characteristic<'_>> = model.features.iter().flat_map(of).collect();
    let attributes = [
        ("modelName", model.plan.id.as_str()),
        ("functionName", "regression"),
        ("algorithmName", "hengxin scorecard"),
        ("initialScore", &whole(model.base, model)),
        ("useReasonCodes", "true"),
        ("reasonCodeAlgorithm", "pointsBelow"),
        ("baselineMethod", "max"),
    ];
    xml.around("Scorecard", &attributes, |xml| {
        xml.around("MiningSchema", &[], |xml| {
            for feature in &model.features {
                xml.leaf("MiningField", &[("name", &feature.column)]);
            }
        });
        output(xml, model, characteristics.len());
        xml.around("Characteristics", &[], |xml| {
            for characteristic in &characteristics {
                characteristic.write(xml, model);
            }
        });
    });
}

/// `score`, and `reason_code_1` and so on, the weightiest first; under other names where columns have these.
fn output(xml: &mut Xml, model: &Model, reasons: usize) {
    let free = |name: &str| free(model, name);
    let score = free("score");
    xml.around("Output", &[], |xml| {
        let real = [("optype", "continuous"), ("dataType", "double")];
        if model.plan.scaling.decimals == 0 {
            xml.leaf("OutputField", &[("name", &score), ("feature", "predictedValue"), real[0], real[1]]);
        } else {
            let sum = free("sum_of_points");
            let attributes = [
                ("name", sum.as_str()),
                ("feature", "predictedValue"),
                ("isFinalResult", "false"),
                real[0],
                real[1],
            ];
            xml.leaf("OutputField", &attributes);
            let attributes = [("name", score.as_str()), ("feature", "transformedValue"), real[0], real[1]];
            xml.around("OutputField", &attributes, |xml| {
                xml.around("Apply", &[("function", "/")], |xml| {
                    xml.leaf("FieldRef", &[("field", &sum)]);
                    xml.leaf_text("Constant", &[("dataType", "double")], &unit(model).to_string());
                });
            });
        }
        for rank in 1..=reasons {
            let name = free(&format!("reason_code_{rank}"));
            let attributes = [
                ("name", name.as_str()),
                ("feature", "reasonCode"),
                ("rank", &rank.to_string()),
                ("optype", "categorical"),
                ("dataType", "string"),
            ];
            xml.leaf("OutputField", &attributes);
        }
    });
}

/// How many of the units in which points are written make a point.
fn unit(model: &Model) -> f64 {
    (0..model.plan.scaling.decimals.min(4)).fold(1.0, |unit, _| unit * 10.0)
}

/// Points in these units.
fn whole(points: f64, model: &Model) -> String {
    decimal(points * unit(model))
}

/// A name that no feature has: this one, or with underlines after it.
fn free(model: &Model, name: &str) -> String {
    let mut name = name.to_owned();
    while model.features.iter().any(|feature| feature.column == name) {
        name.push('_');
    }
    name
}

/// What an indicator of the exported standard is.
struct Characteristic<'m> {
    name: String,
    /// The most it gives.
    baseline: f64,
    /// Points by condition; the first that holds counts.
    attributes: Vec<(Condition<'m>, f64)>,
    feature: &'m Feature,
}

enum Condition<'m> {
    Missing,
    /// These values of a bin.
    Of(&'m ModelBin),
    Otherwise,
}

/// One for a feature, and a second where a missing value earns more than any known one.
fn characteristics<'m>(model: &Model, feature: &'m Feature) -> Vec<Characteristic<'m>> {
    let Earned { missing, most, unseen, .. } = earned(feature);
    let mut attributes = vec![(Condition::Missing, missing.min(most))];
    let special = feature.bins.iter().filter(|bin| matches!(bin.values, Values::Special(_)));
    let known = feature.bins.iter().filter(|bin| match &bin.values {
        Values::Range(..) => true,
        Values::Categories(names) => !names.is_empty(),
        Values::Special(_) | Values::Missing(_) | Values::Unseen(_) => false,
    });
    attributes.extend(special.chain(known).map(|bin| (Condition::Of(bin), bin.points)));
    if feature.kind == Kind::Categorical {
        attributes.push((Condition::Otherwise, unseen));
    }
    let name = feature.column.clone();
    let mut of_feature = vec![Characteristic { name, baseline: most, attributes, feature }];
    if missing > most {
        let name = free(model, &format!("{}, missing", feature.column));
        let more = missing - most;
        let attributes = vec![(Condition::Missing, more), (Condition::Otherwise, 0.0)];
        of_feature.push(Characteristic { name, baseline: more, attributes, feature });
    }
    of_feature
}

impl Characteristic<'_> {
    fn write(&self, xml: &mut Xml, model: &Model) {
        let attributes = [
            ("name", self.name.as_str()),
            ("reasonCode", &self.name),
            ("baselineScore", &whole(self.baseline, model)),
        ];
        xml.around("Characteristic", &attributes, |xml| {
            for (condition, points) in &self.attributes {
                xml.around("Attribute", &[("partialScore", &whole(*points, model))], |xml| {
                    self.predicate(xml, condition);
                });
            }
        });
    }

    fn predicate(&self, xml: &mut Xml, condition: &Condition<'_>) {
        let column = self.feature.column.as_str();
        let simple = |xml: &mut Xml, operator: &'static str, value: &str| {
            let attributes = [("field", column), ("operator", operator), ("value", value)];
            xml.leaf("SimplePredicate", &attributes);
        };
        match condition {
            Condition::Missing => {
                xml.leaf("SimplePredicate", &[("field", column), ("operator", "isMissing")]);
            }
            Condition::Otherwise => xml.leaf("True", &[]),
            Condition::Of(bin) => match &bin.values {
                Values::Range(None, None) => {
                    xml.leaf("SimplePredicate", &[("field", column), ("operator", "isNotMissing")]);
                }
                Values::Range(None, Some(to)) => simple(xml, "lessThan", &to.to_string()),
                Values::Range(Some(from), None) => simple(xml, "greaterOrEqual", &from.to_string()),
                Values::Range(Some(from), Some(to)) => {
                    xml.around("CompoundPredicate", &[("booleanOperator", "and")], |xml| {
                        simple(xml, "greaterOrEqual", &from.to_string());
                        simple(xml, "lessThan", &to.to_string());
                    });
                }
                Values::Special(label) => match (self.feature.kind, label.number()) {
                    (Kind::Numeric, Some(number)) => simple(xml, "equal", &double(number)),
                    // A field of numbers holds no text: the condition never holds.
                    (Kind::Numeric, None) => xml.leaf("False", &[]),
                    (Kind::Categorical, _) => simple(xml, "equal", &label.to_string()),
                },
                Values::Categories(names) => match names.as_slice() {
                    [one] => simple(xml, "equal", one),
                    // One by one: in a list of texts, what a backslash means depends on the reader.
                    many => xml.around("CompoundPredicate", &[("booleanOperator", "or")], |xml| {
                        for name in many {
                            simple(xml, "equal", name);
                        }
                    }),
                },
                Values::Missing(_) | Values::Unseen(_) => xml.leaf("False", &[]),
            },
        }
    }
}

/// A number as XML Schema writes a double.
fn double(number: f64) -> String {
    match number {
        f64::INFINITY => "INF".to_owned(),
        f64::NEG_INFINITY => "-INF".to_owned(),
        number => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two features: an age whose missing values earn most, and a purpose of odd names.
    fn model(decimals: u8) -> Model {
        let bin = |values: serde_json::Value, points: f64| {
            let mut bin =
                serde_json::json!({"goods": 9, "defaults": 1, "woe": 0.0, "basis": "rows", "points": points});
            bin.as_object_mut().expect("an object").extend(values.as_object().expect("an object").clone());
            bin
        };
        let feature = |column: &str, kind: &str, special: &[f64], bins: Vec<serde_json::Value>| {
            serde_json::json!({"column": column, "kind": kind, "trend": "ascending", "search": "optimal",
                "information_value": 0.1, "coefficient": -1.0, "error": null, "p": null, "special": special, "bins": bins})
        };
        let age = vec![
            bin(serde_json::json!({"range": [null, 25.5]}), -12.0),
            bin(serde_json::json!({"range": [25.5, 40.0]}), 1.5),
            bin(serde_json::json!({"range": [40.0, null]}), 7.0),
            bin(serde_json::json!({"special": -1.0}), 3.0),
            bin(serde_json::json!({"missing": true}), 9.0),
            bin(serde_json::json!({"unseen": true}), 0.0),
        ];
        let purpose = vec![
            bin(serde_json::json!({"categories": ["a <new> car", "\"repairs\" & more"]}), 4.0),
            bin(serde_json::json!({"categories": ["line\nbreak"]}), -4.0),
            bin(serde_json::json!({"missing": true}), -5.0),
            bin(serde_json::json!({"unseen": true}), 0.0),
        ];
        let model = serde_json::json!({
            "format": "hengxin-model", "version": 1,
            "plan": {"id": "loans", "edition": "2026.1", "title": "Loans & more",
                "history": {"target": {"column": "y", "default": 1}}, "split": "none",
                "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": decimals}},
            "learned": {"rows": 20, "defaults": 2}, "held_out": {"rows": 0, "defaults": 0},
            "base": 500.0, "intercept": 0.0,
            "fit": {"outcome": "converged", "steps": 1, "gradient": 0, "log_likelihood": 0, "log_likelihood_null": 0},
            "features": [feature("age", "numeric", &[-1.0], age), feature("score", "categorical", &[], purpose)],
            "left_out": [], "findings": []
        });
        Model::read(model.to_string().as_bytes()).expect("a model")
    }

    #[test]
    fn each_bin_is_an_attribute_and_the_first_that_holds_counts() {
        let text = pmml(&model(0)).expect("a document");
        let expected = r#"      <Characteristic name="age" reasonCode="age" baselineScore="7">
        <Attribute partialScore="7">
          <SimplePredicate field="age" operator="isMissing"/>
        </Attribute>
        <Attribute partialScore="3">
          <SimplePredicate field="age" operator="equal" value="-1"/>
        </Attribute>
        <Attribute partialScore="-12">
          <SimplePredicate field="age" operator="lessThan" value="25.5"/>
        </Attribute>
        <Attribute partialScore="1.5">
          <CompoundPredicate booleanOperator="and">
            <SimplePredicate field="age" operator="greaterOrEqual" value="25.5"/>
            <SimplePredicate field="age" operator="lessThan" value="40"/>
          </CompoundPredicate>
        </Attribute>
        <Attribute partialScore="7">
          <SimplePredicate field="age" operator="greaterOrEqual" value="40"/>
        </Attribute>
      </Characteristic>
      <Characteristic name="age, missing" reasonCode="age, missing" baselineScore="2">
        <Attribute partialScore="2">
          <SimplePredicate field="age" operator="isMissing"/>
        </Attribute>
        <Attribute partialScore="0">
          <True/>
        </Attribute>
      </Characteristic>
      <Characteristic name="score" reasonCode="score" baselineScore="4">
        <Attribute partialScore="-5">
          <SimplePredicate field="score" operator="isMissing"/>
        </Attribute>
        <Attribute partialScore="4">
          <CompoundPredicate booleanOperator="or">
            <SimplePredicate field="score" operator="equal" value="a &lt;new&gt; car"/>
            <SimplePredicate field="score" operator="equal" value="&quot;repairs&quot; &amp; more"/>
          </CompoundPredicate>
        </Attribute>
        <Attribute partialScore="-4">
          <SimplePredicate field="score" operator="equal" value="line&#10;break"/>
        </Attribute>
        <Attribute partialScore="0">
          <True/>
        </Attribute>
      </Characteristic>
"#;
        assert!(text.contains(expected), "{text}");
        assert!(text.contains(r#"<Header description="Loans &amp; more" modelVersion="2026.1">"#), "{text}");
        assert!(
            text.contains(r#"initialScore="500" useReasonCodes="true" reasonCodeAlgorithm="pointsBelow""#)
        );
        // A column of that name is there already; three characteristics give three reasons.
        assert!(text.contains(r#"<OutputField name="score_" feature="predictedValue""#), "{text}");
        assert_eq!(text.matches(r#"feature="reasonCode""#).count(), 3);
        assert!(text.ends_with("  </Scorecard>\n</PMML>\n"), "{text}");
    }

    #[test]
    fn points_with_decimals_are_written_in_whole_units() {
        let text = pmml(&model(2)).expect("a document");
        let output = text.lines().skip_while(|l| !l.contains("transformedValue")).take(6).map(str::trim);
        assert_eq!(
            output.collect::<String>(),
            "<OutputField name=\"score_\" feature=\"transformedValue\" optype=\"continuous\" dataType=\"double\">\
             <Apply function=\"/\"><FieldRef field=\"sum_of_points\"/><Constant dataType=\"double\">100</Constant></Apply>\
             </OutputField>"
        );
        assert!(
            text.contains(r#"initialScore="50000""#) && text.contains(r#"<Attribute partialScore="150">"#)
        );
    }

    #[test]
    fn a_name_that_xml_cannot_hold_is_refused() {
        let mut model = model(0);
        model.features[0].column = "a\u{1}ge".into();
        let problem = pmml(&model).expect_err("refused").to_string();
        assert_eq!(
            problem,
            "`a\u{1}ge`: found the character '\\u{1}' in a name, expected one that XML 1.0 can hold"
        );
    }
}
