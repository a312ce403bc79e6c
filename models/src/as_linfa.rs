//! Binning and regression behind linfa's traits, so that its datasets and pipelines take them as they are.
//!
//! Records are `n × k` numbers, not-a-number is missing; targets are `true` for default, so the class order of the data
//! decides nothing. Weights of a dataset are used.
//!
//! ```
//! use hengxin_models::as_linfa::{BinningParams, LogisticParams};
//! use linfa::prelude::*;
//! use ndarray::{Array1, Array2};
//!
//! let x = Array2::from_shape_fn((200, 1), |(i, _)| (i % 20) as f64);
//! let y = Array1::from_shape_fn(200, |i| i % 20 > 12 && i % 3 > 0);
//! let data = Dataset::new(x.clone(), y);
//! let bins = BinningParams::default().fit(&data)?;
//! let model = LogisticParams::default().fit(&bins.transform(data))?;
//! let risk = model.predict(&bins.transform(x));
//! assert!(risk[19] > risk[0]);
//! # Ok::<(), hengxin_models::as_linfa::FitError>(())
//! ```

use linfa::ParamGuard;
use linfa::dataset::{AsSingleTargets, AsTargets, DatasetBase};
use linfa::traits::{Fit, PredictInplace, Transformer};
use ndarray::{Array1, Array2, ArrayBase, Data, Ix2};

use crate::binning::{Binned, CheckedRules, RuleError, Rules, bin};
use crate::history::{Fine, Layout, Sketch, Value};
use crate::logistic::{CheckedSettings, Design, Fitted, Sample, SampleError, SettingError, Settings, fit};
use crate::mass::{Count, Mass};

/// Fine bins of each column before the search.
const FINE_BINS: u16 = 200;

/// Why nothing was fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// A rule of the binning is out of range.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A setting of the regression is out of range.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The sample cannot be fitted.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// linfa found a fault.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

/// Optimal binning of every column. `transform` turns numbers into weights of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct BinningParams(CheckedRules);

/// A logistic regression. `predict` gives probabilities of default.
#[derive(Clone, Debug, PartialEq)]
pub struct LogisticParams(CheckedSettings);

impl BinningParams {
    /// By these rules, the same for all columns.
    pub fn new(rules: Rules) -> BinningParams {
        BinningParams(CheckedRules(rules))
    }
}

impl Default for BinningParams {
    fn default() -> BinningParams {
        BinningParams::new(Rules::default())
    }
}

impl LogisticParams {
    /// With these settings.
    pub fn new(settings: Settings) -> LogisticParams {
        LogisticParams(CheckedSettings(settings))
    }
}

impl Default for LogisticParams {
    fn default() -> LogisticParams {
        LogisticParams::new(Settings::default())
    }
}

impl ParamGuard for BinningParams {
    type Checked = CheckedRules;
    type Error = RuleError;

    fn check_ref(&self) -> Result<&CheckedRules, RuleError> {
        self.0.0.faults().map(|()| &self.0)
    }

    fn check(self) -> Result<CheckedRules, RuleError> {
        self.0.0.check()
    }
}

impl ParamGuard for LogisticParams {
    type Checked = CheckedSettings;
    type Error = SettingError;

    fn check_ref(&self) -> Result<&CheckedSettings, SettingError> {
        self.0.0.faults().map(|()| &self.0)
    }

    fn check(self) -> Result<CheckedSettings, SettingError> {
        self.0.0.check()
    }
}

/// The bins of all columns.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedBinning {
    /// In the order of the columns.
    pub columns: Vec<Binned>,
}

/// The classes and weights of a dataset, if there is one of each for each row.
fn rows<D: Data<Elem = f64>, T: AsSingleTargets + AsTargets<Elem = bool>>(
    dataset: &DatasetBase<ArrayBase<D, Ix2>, T>,
) -> Result<(Vec<bool>, Option<Vec<f64>>), SampleError> {
    let expected = dataset.records().nrows();
    let default: Vec<bool> = dataset.as_single_targets().iter().copied().collect();
    let weights: Option<Vec<f64>> = dataset.weights().map(|w| w.iter().map(|w| f64::from(*w)).collect());
    let lists = [("targets", default.len()), ("weights", weights.as_ref().map_or(expected, Vec::len))];
    match lists.into_iter().find(|(_, found)| *found != expected) {
        Some((list, found)) => Err(SampleError::Length { list, found, expected }),
        None => Ok((default, weights)),
    }
}

impl<D, T> Fit<ArrayBase<D, Ix2>, T, FitError> for CheckedRules
where
    D: Data<Elem = f64>,
    T: AsSingleTargets + AsTargets<Elem = bool>,
{
    type Object = FittedBinning;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<FittedBinning, FitError> {
        let (default, weights) = rows(dataset)?;
        let mut masses = vec![Mass::ONE; default.len()];
        for (row, (mass, weight)) in masses.iter_mut().zip(weights.iter().flatten()).enumerate() {
            *mass = Mass::from_weight(*weight).ok_or(SampleError::Number {
                list: "weights",
                row,
                found: *weight,
                expected: "a weight from 0 to 65536",
            })?;
        }
        let mut total = Count::default();
        default.iter().zip(&masses).for_each(|(default, mass)| total.add(*default, *mass));
        if total.goods == Mass::ZERO || total.bads == Mass::ZERO {
            return Err(SampleError::OneClass.into());
        }
        let names = dataset.feature_names();
        let columns = dataset.records().columns().into_iter().enumerate().map(|(at, column)| {
            let mut sketch = Sketch::default();
            column.iter().for_each(|number| sketch.add(*number));
            let mut edges = sketch.edges(FINE_BINS);
            edges.extend(self.0.cuts.numbers());
            edges.sort_by(f64::total_cmp);
            edges.dedup();
            let name = names.get(at).cloned().unwrap_or_else(|| format!("feature-{at}"));
            let layout = Layout { column: name, special: Vec::new(), fine: Fine::Numeric { edges } };
            let mut counts = vec![Count::default(); layout.len()];
            for (number, (default, mass)) in column.iter().zip(default.iter().zip(&masses)) {
                counts[layout.code(Value::Number(*number))].add(*default, *mass);
            }
            bin(&layout, &counts, self)
        });
        Ok(FittedBinning { columns: columns.collect() })
    }
}

impl<D: Data<Elem = f64>> Transformer<ArrayBase<D, Ix2>, Array2<f64>> for FittedBinning {
    /// Weights of evidence.
    ///
    /// # Panics
    /// If there are more columns than were fitted, as linfa's own transformers do.
    fn transform(&self, x: ArrayBase<D, Ix2>) -> Array2<f64> {
        let woe: Vec<Vec<f64>> = self.columns.iter().map(Binned::woe_by_code).collect();
        Array2::from_shape_fn(x.raw_dim(), |(row, column)| {
            woe[column][self.columns[column].layout.code(Value::Number(x[[row, column]]))]
        })
    }
}

impl<D, T> Transformer<DatasetBase<ArrayBase<D, Ix2>, T>, DatasetBase<Array2<f64>, T>> for FittedBinning
where
    D: Data<Elem = f64>,
    T: AsTargets,
{
    fn transform(&self, x: DatasetBase<ArrayBase<D, Ix2>, T>) -> DatasetBase<Array2<f64>, T> {
        let names = x.feature_names().to_vec();
        let DatasetBase { records, targets, weights, .. } = x;
        let transformed = DatasetBase::new(self.transform(records), targets).with_weights(weights);
        if names.is_empty() { transformed } else { transformed.with_feature_names(names) }
    }
}

impl<D, T> Fit<ArrayBase<D, Ix2>, T, FitError> for CheckedSettings
where
    D: Data<Elem = f64>,
    T: AsSingleTargets + AsTargets<Elem = bool>,
{
    type Object = Fitted;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<D, Ix2>, T>) -> Result<Fitted, FitError> {
        let (default, weights) = rows(dataset)?;
        let mut sample = Sample::new(Design::Dense(dataset.records().view()), default)?;
        if let Some(weights) = weights {
            sample = sample.weighted(weights)?;
        }
        Ok(fit(&sample, self, 1))
    }
}

impl<D: Data<Elem = f64>> PredictInplace<ArrayBase<D, Ix2>, Array1<f64>> for Fitted {
    /// Probabilities of default.
    fn predict_inplace<'a>(&'a self, x: &'a ArrayBase<D, Ix2>, y: &mut Array1<f64>) {
        let linear = self.linear_all(&Design::Dense(x.view()));
        y.iter_mut().zip(linear).for_each(|(y, linear)| *y = crate::logistic::pass::logistic(linear).0);
    }

    fn default_target(&self, x: &ArrayBase<D, Ix2>) -> Array1<f64> {
        Array1::zeros(x.nrows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::prelude::{Dataset, Predict};

    fn data() -> (Array2<f64>, Array1<bool>) {
        let x = Array2::from_shape_fn((400, 2), |(i, j)| match (i % 40, j) {
            (0, 0) => f64::NAN,
            (i, 0) => i as f64,
            (i, _) => (i * 7 % 11) as f64,
        });
        (x, Array1::from_shape_fn(400, |i| (i % 40 > 25 && i % 7 > 1) || i % 13 == 0))
    }

    #[test]
    fn a_pipeline_goes_from_numbers_to_probabilities() {
        let (x, y) = data();
        let dataset = Dataset::new(x.clone(), y);
        let bins = BinningParams::default().fit(&dataset).expect("bins");
        let woe = bins.transform(x);
        assert!(woe.iter().all(|v| v.is_finite()));
        let transformed = bins.transform(dataset);
        assert_eq!(transformed.records(), woe);
        let model = LogisticParams::default().fit(&transformed).expect("a model");
        let risk = model.predict(&woe);
        assert!(risk[39] > 0.5 && risk[1] < 0.5, "{risk}");
        assert!((model.probability(&woe.row(39).to_vec(), 0.0) - risk[39]).abs() < 1e-15);
    }

    #[test]
    fn faults_of_parameters_and_data_are_told_apart() {
        let (x, y) = data();
        let dataset = Dataset::new(x.clone(), y);
        let rules = Rules { bins_max: 0, ..Rules::default() };
        let error = BinningParams::new(rules).fit(&dataset).expect_err("refused");
        assert!(matches!(error, FitError::Rule(_)), "{error}");
        let error = LogisticParams::default().fit(&dataset).expect_err("refused");
        assert_eq!(error.to_string(), "row 0 of column 0 is not finite");
        let one = Dataset::new(x, Array1::from_elem(400, true));
        let error = BinningParams::default().fit(&one).expect_err("refused");
        assert_eq!(error.to_string(), "the sample has one class only, expected two");
    }
}
