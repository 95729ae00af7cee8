"""Writes ../fixtures/scores.json: what scikit-learn says of the samples of ../jobs/scores.ts, with and without weights.

Both sides make the same samples: `part` is exact in float64, and everything is rounded to float32 once.
Run it with a Python that has scikit-learn: python test/scikit-learn/scores.py
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn import metrics

warnings.simplefilter("ignore")


def part(i, k):
    """A number in [0, 1) for sample i, with ties."""
    return ((i * i * 31 + i * 17 * k + k * 101 + 7) % 997) / 997


def samples(n):
    rows = range(n)
    kind = [int(part(i, 5) * 3) for i in rows]
    side = [int(part(i, 6) * 2) for i in rows]
    shares = np.array([[1 + int(1000 * part(i, c)) + (700 if c == kind[i] else 0) for c in range(3)] for i in rows])
    columns = {
        "logits": [[part(i, c) + (0.4 if c == kind[i] else 0) for c in range(3)] for i in rows],
        "score": [np.floor(10 * part(i, 7)) / 10 + (0.3 if side[i] else 0) - 0.6 for i in rows],
        "shares": shares / shares.sum(1, keepdims=True),
        "share": [(1 + int(998 * part(i, 8))) / 1000 for i in rows],
        "guess": [[part(i, 1) * 4 - 2, part(i, 2)] for i in rows],
        "truth": [[part(i, 1) * 4 - 2 + part(i, 3) - 0.5, part(i, 2) + part(i, 4) * 2 - 1] for i in rows],
        "weight": [i % 4 for i in rows],
    }
    rounded = {name: np.array(values, np.float32).astype(np.float64) for name, values in columns.items()}
    return np.array(kind), np.array(side), rounded


def scores(n, weighted):
    kind, side, c = samples(n)
    by = {"sample_weight": c["weight"]} if weighted else {}
    all_kinds = {"labels": [0, 1, 2], **by}
    chosen, above = c["logits"].argmax(1), (c["score"] >= 0).astype(int)
    softmax = np.exp(c["logits"]) / np.exp(c["logits"]).sum(1, keepdims=True)
    shares = c["shares"] / c["shares"].sum(1, keepdims=True)
    found = {
        "accuracy": metrics.accuracy_score(kind, chosen, **by),
        "accuracyOfTwo": metrics.accuracy_score(side, above, **by),
        "top2": metrics.top_k_accuracy_score(kind, c["logits"], k=2, **all_kinds),
        "confusion": metrics.confusion_matrix(kind, chosen, **all_kinds).tolist(),
        "rocAuc": metrics.roc_auc_score(side, c["score"], **by),
        "rocAucOfAll": metrics.roc_auc_score(kind, shares, multi_class="ovr", **all_kinds),
        "averagePrecision": metrics.average_precision_score(side, c["score"], **by),
        "averagePrecisionOfAll": metrics.average_precision_score(kind, c["shares"], **by),
        "logLossOfTwo": metrics.log_loss(side, c["share"], labels=[0, 1], **by),
        "logLoss": metrics.log_loss(kind, c["shares"], **all_kinds),
        "logLossOfLogits": metrics.log_loss(kind, softmax, **all_kinds),
        "perplexity": np.exp(metrics.log_loss(kind, softmax, **all_kinds)),
        "mse": metrics.mean_squared_error(c["truth"], c["guess"], **by),
        "rmse": metrics.root_mean_squared_error(c["truth"], c["guess"], **by),
        "mae": metrics.mean_absolute_error(c["truth"], c["guess"], **by),
        "r2": metrics.r2_score(c["truth"], c["guess"], **by),
    }
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        found[f"{name}_binary"] = score(side, above, **by)
        for average in ("macro", "micro", "weighted"):
            found[f"{name}_{average}"] = score(kind, chosen, average=average, **by)
    return found


sizes = {
    str(n): {name: scores(n, name == "weighted") for name in ("plain", "weighted")} for n in (600, 257, 7)
}
target = pathlib.Path(__file__).parent.parent / "fixtures" / "scores.json"
target.write_text(json.dumps({"sklearn": sklearn.__version__, "sizes": sizes}) + "\n")
