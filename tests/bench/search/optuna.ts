/*
 * Median regrets of Optuna 5.0.0 on the same functions, 60 trials: TPESampler() over seeds 0-29 (at 20 and 40 trials where
 * it was written down), GPSampler(deterministic_objective=True) over 5 seeds; median milliseconds an ask.
 */

/** Optuna's figures for one function. */
export interface OptunaFigures {
  readonly tpe: Readonly<Record<string, number>>;
  readonly tpeParallel4: number | null;
  readonly gp: number | null;
}

export const OPTUNA: Readonly<Record<string, OptunaFigures>> = {
  branin: { tpe: { 20: 1.31, 40: 0.299, 60: 0.12 }, tpeParallel4: 0.104, gp: 0.00001 },
  hartmann6: { tpe: { 20: 1.26, 40: 0.573, 60: 0.248 }, tpeParallel4: 0.348, gp: 0.00032 },
  rosenbrock4: { tpe: { 20: 1031, 40: 300, 60: 113 }, tpeParallel4: 102, gp: 69 },
  ackley5: { tpe: { 60: 10.4 }, tpeParallel4: 10.12, gp: null },
  'ackley5-shifted': { tpe: { 20: 17.7, 40: 12.7, 60: 9.58 }, tpeParallel4: 9.81, gp: 3.2 },
  mixcond: { tpe: { 20: 0.053, 40: 0.034, 60: 0.0316 }, tpeParallel4: 0.0258, gp: 0.0306 },
};

/** Median regret within 540 epochs of learning curves, TPE with each of Optuna's pruners, 30 seeds. */
export const OPTUNA_CURVES = { none: 0.0554, median: 0.0498, asha: 0.0502, ashaEta3: 0.0507, hyperband: 0.0568 };
