/*
 * What a training is estimated to take, from what the probe measured. Budget decisions stand on these few functions.
 */

/** What the probe measured for one algorithm's plan on a trainer (milliseconds). */
export interface Probe {
  readonly stepMs: number;
  /** One case by sliding window, without flips. */
  readonly predictCaseMs: number;
  readonly startMs: number;
  /** Reading, fusing and scoring one stored prediction of a case; absent where it was not measured. */
  readonly fuseCaseMs?: number | undefined;
  /** Of a search for an architecture, ahead of the first training; later ones take its result over. Absent: no search. */
  readonly searchMs?: number | undefined;
  /** The measuring itself; trainers of before 26 November do not say. */
  readonly tookMs?: number | undefined;
}

/** Validations may take this share of the time of the steps. */
const VALIDATION_SHARE = 0.1;
const MOST_VALIDATIONS = 20;
/** Fusing and scoring one case in the ensemble job, per member, where the probe did not measure it; and the rest of that job. */
const FUSE_CASE_MS = 150;
const ENSEMBLE_BASE_MS = 6_000;
/** A test case is scored by its surfaces as well, its entropy is mapped, and the files are written: as often a fusion's time. */
const FUSIONS_PER_TEST_CASE = 4;
/** Cases in the largest validation fold. */
export function validationCases(trainingCases: number, splits: number): number {
  return Math.ceil(trainingCases / Math.max(1, splits));
}

/** How often a training of `steps` steps validates, the last step included, so that validations stay a small share. */
function validationCount(probe: Probe, steps: number, cases: number): number {
  const affordable = Math.floor((VALIDATION_SHARE * steps * probe.stepMs) / Math.max(1, probe.predictCaseMs * cases));
  return Math.max(1, Math.min(MOST_VALIDATIONS, affordable, steps));
}

/** Steps between validations for a training: validations take about a tenth of its time, at most 20 of them. */
export function validationInterval(probe: Probe, steps: number, cases: number): number {
  return Math.ceil(steps / validationCount(probe, steps, cases));
}

/** Estimated wall time (ms) of a training, without a search for its architecture: start, steps, validations, and the stored predictions of the best checkpoint. */
export function trainingMs(probe: Probe, steps: number, cases: number): number {
  const validations = validationCount(probe, steps, cases) + 1;
  return probe.startMs + steps * probe.stepMs + validations * cases * probe.predictCaseMs;
}

/** The most steps whose training takes at most `availableMs`; 0 where not one fits. At most `most`. */
export function stepsWithin(probe: Probe, availableMs: number, cases: number, most: number): number {
  let low = 0;
  let high = Math.min(most, Math.max(0, Math.floor(availableMs / probe.stepMs)));
  // trainingMs never falls as steps grow, so bisection finds the most.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (trainingMs(probe, middle, cases) <= availableMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Models of other algorithms that the ensembler adds to the best of each fold, at most (ensembler/select.ts). */
const OTHER_ALGORITHMS = 2;

/** Members that the ensemble may have: one a fold, and the best of other algorithms where several were tried. */
export function mostMembers(folds: number, algorithms: number): number {
  return folds + Math.min(OTHER_ALGORITHMS, Math.max(0, algorithms - 1));
}

/** A member predicts the test cases, and every case is fused with it and scored. */
function memberMs(probe: Probe, trainingCases: number, testCases: number): number {
  const fusions = trainingCases + FUSIONS_PER_TEST_CASE * testCases;
  return testCases * probe.predictCaseMs + fusions * (probe.fuseCaseMs ?? FUSE_CASE_MS);
}

/** What the ensemble job needs at least for so many members. */
export function ensembleBaseMs(probe: Probe, members: number, trainingCases: number, testCases: number): number {
  return ENSEMBLE_BASE_MS + probe.startMs + members * memberMs(probe, trainingCases, testCases);
}

/**
 * What the ensemble job needs at least once the winner of the search is known: its models of each fold, and the slowest of the
 * others that may come beside them.
 */
export function ensembleMsOf(
  winner: Probe,
  others: readonly Probe[],
  folds: number,
  trainingCases: number,
  testCases: number,
): number {
  const beside = [...others].sort((a, b) => b.predictCaseMs - a.predictCaseMs).slice(0, OTHER_ALGORITHMS);
  return beside.reduce(
    (sum, probe) => sum + memberMs(probe, trainingCases, testCases),
    ensembleBaseMs(winner, folds, trainingCases, testCases),
  );
}
