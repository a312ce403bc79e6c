"""One peer on one table, in a process of its own: scores of all rows into a file, seconds and memory on standard output.

Usage: peer.py CASE TABLE.parquet SCORES.npy

Cases: optbinning (missing values weigh nothing: its default), optbinning-observed (they weigh what was observed),
optbinning-auto (observed, and peaks and valleys allowed), scorecardpy, toad, lightgbm, lightgbm-monotone.
Each learns from the rows of side 200001 only and scores all. Scores rise with risk. Printed are the seconds after Python and its
modules have been loaded, and the information values of OptBinning.
"""

import importlib
import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

from sides import LEARN

warnings.filterwarnings("ignore")


def regression():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, solver="lbfgs", max_iter=1000)


def optbinning(learn, bad, every, categories, case):
    from optbinning import BinningProcess

    trend = "auto" if case == "optbinning-auto" else "auto_asc_desc"
    numbers = [name for name in learn.columns if name not in categories]
    process = BinningProcess(
        list(learn.columns), categorical_variables=categories, max_n_prebins=20, min_prebin_size=0.05,
        binning_fit_params={name: {"monotonic_trend": trend} for name in numbers},
    )
    process.fit(learn, bad)
    observed = {} if case == "optbinning" else {"metric_missing": "empirical", "metric_special": "empirical"}
    model = regression().fit(process.transform(learn, metric="woe", **observed), bad)
    table = process.summary()
    values = dict(zip(table["name"], table["iv"].astype(float)))
    return model.predict_proba(process.transform(every, metric="woe", **observed))[:, 1], values


def scorecardpy(learn, bad, every, categories, case):
    import scorecardpy as sc

    with_target = learn.assign(bad=bad)
    bins = sc.woebin(with_target, y="bad", no_cores=1, print_step=0, check_cate_num=False)
    woe = sc.woebin_ply(with_target, bins, no_cores=1, print_step=0).drop(columns=["bad"]).fillna(0.0)
    model = regression().fit(woe, bad)
    all_woe = sc.woebin_ply(every.copy(), bins, no_cores=1, print_step=0)[list(woe.columns)].fillna(0.0)
    return model.predict_proba(all_woe)[:, 1], {}


def toad(learn, bad, every, categories, case):
    import toad

    with_target = learn.assign(bad=bad)
    combiner = toad.transform.Combiner()
    combiner.fit(with_target, y="bad", method="chi", min_samples=0.05, empty_separate=True)
    transformer = toad.transform.WOETransformer()
    woe = transformer.fit_transform(combiner.transform(with_target), bad, exclude=["bad"]).drop(columns=["bad"])
    model = regression().fit(woe, bad)
    return model.predict_proba(transformer.transform(combiner.transform(every))[list(woe.columns)])[:, 1], {}


def lightgbm(learn, bad, every, categories, case):
    from lightgbm import LGBMClassifier

    learn, every = learn.copy(), every.copy()
    for name in categories:
        known = pd.CategoricalDtype(sorted(learn[name].dropna().unique()))
        learn[name], every[name] = learn[name].astype(known), every[name].astype(known)
    more = {}
    if case == "lightgbm-monotone":
        # The direction of the rank correlation on the learning rows; none for categories.
        sign = lambda name: 0 if name in categories else int(np.sign(np.nan_to_num(learn[name].rank().corr(pd.Series(bad)))))
        more["monotone_constraints"] = [sign(name) for name in learn.columns]
    model = LGBMClassifier(
        n_estimators=200, learning_rate=0.05, num_leaves=31, min_child_samples=50, random_state=42, n_jobs=1,
        verbose=-1, **more,
    )
    return model.fit(learn, bad).predict_proba(every)[:, 1], {}


def main():
    case, table, out = sys.argv[1:4]
    library = case.split("-")[0]
    importlib.import_module(library)
    regression()
    begun, cpu = time.perf_counter(), time.process_time()
    every = pd.read_parquet(table)
    bad, side = every.pop("bad").to_numpy(), every.pop("side").to_numpy()
    for name in every.columns:
        if not pd.api.types.is_numeric_dtype(every[name]):
            every[name] = every[name].astype(object)  # what the older libraries expect
    categories = [name for name in every.columns if every[name].dtype == object]
    learn = every[side == LEARN].reset_index(drop=True)
    fit = {"optbinning": optbinning, "scorecardpy": scorecardpy, "toad": toad, "lightgbm": lightgbm}[library]
    scores, values = fit(learn, bad[side == LEARN], every, categories, case)
    np.save(out, np.asarray(scores))
    work = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
    print(json.dumps(work | {"information_values": values}))


if __name__ == "__main__":
    main()
