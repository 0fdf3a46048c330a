"""Optuna on a space and an objective that the benchmark holds: JSON lines on both standard streams.

First line in: {"parameters": [{path, domain, when}], "sampler": "tpe" | "gp", "seed", "trials", "parallel"}.
Out, as often as `parallel` says: {"ask": number, "point": {...}}; then in, as many lines: {"value": number | null, "failed": bool}.
Last line out: {"askMs": [...]}.
"""

import json
import math
import sys
import time
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def whole(*numbers):
    return all(float(number).is_integer() for number in numbers)


def suggest(trial, path, domain):
    kind = domain["kind"]
    if kind == "choice":
        return trial.suggest_categorical(path, domain["options"])
    if kind == "normal":
        # Optuna has no normal prior: the same four standard deviations that ours spans.
        reach = 4 * domain["standardDeviation"]
        value = trial.suggest_float(path, domain["mean"] - reach, domain["mean"] + reach)
        value = math.exp(value) if domain["log"] else value
        step = domain["step"]
        return value if step is None else round(value / step) * step
    low, high, step = domain["low"], domain["high"], domain["step"]
    if step is None:
        return trial.suggest_float(path, low, high, log=domain["log"])
    last = low + math.floor((high - low) / step + 1e-9) * step
    if domain["log"]:
        if whole(low, high, step) and step == 1:
            return trial.suggest_int(path, int(low), int(last), log=True)
        value = trial.suggest_float(path, low, high, log=True)
        return min(last, max(low, low + round((value - low) / step) * step))
    if whole(low, step):
        return trial.suggest_int(path, int(low), int(last), step=int(step))
    return trial.suggest_float(path, low, last, step=step)


def point_of(trial, parameters):
    point = {}
    for parameter in parameters:
        if all(point.get(each["path"]) == each["value"] for each in parameter["when"]):
            point[parameter["path"]] = suggest(trial, parameter["path"], parameter["domain"])
    return point


def main():
    task = json.loads(sys.stdin.readline())
    if task["sampler"] == "gp":
        sampler = optuna.samplers.GPSampler(seed=task["seed"], deterministic_objective=True)
    else:
        sampler = optuna.samplers.TPESampler(seed=task["seed"])
    study = optuna.create_study(direction="minimize", sampler=sampler)
    ask_ms = []
    for first in range(0, task["trials"], task["parallel"]):
        asked = []
        for _ in range(min(task["parallel"], task["trials"] - first)):
            started = time.perf_counter()
            trial = study.ask()
            point = point_of(trial, task["parameters"])
            ask_ms.append((time.perf_counter() - started) * 1000)
            asked.append(trial)
            print(json.dumps({"ask": trial.number, "point": point}), flush=True)
        for trial in asked:
            told = json.loads(sys.stdin.readline())
            if told["failed"] or told["value"] is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, told["value"])
    print(json.dumps({"askMs": ask_ms}), flush=True)


main()
