import type { RunCases } from '@voxhelm/contracts/api-cases';

/** Dice of the same cases by two runs. */
export interface PairedCases {
  /** Whose scores: alike models alone are compared. */
  readonly by: 'ensembles' | 'trials';
  readonly pairs: readonly { readonly caseId: string; readonly a: number; readonly b: number }[];
}

/**
 * The cases that two runs have both scored: the test cases by their ensembles, or else, where one has no ensemble, validation
 * cases by the best trial that saw each. Never a case's best over all trials: the run with more of them would win.
 */
export function pairedCases(first: RunCases, second: RunCases): PairedCases {
  const byEnsembles = pairsOf(ensembleScores(first), ensembleScores(second));
  if (byEnsembles.length > 0) return { by: 'ensembles', pairs: byEnsembles };
  return { by: 'trials', pairs: pairsOf(trialScores(first), trialScores(second)) };
}

type Scores = ReadonlyMap<string, number>;

function pairsOf(first: Scores, second: Scores): PairedCases['pairs'] {
  return [...first].flatMap(([caseId, a]) => {
    const b = second.get(caseId);
    return b === undefined ? [] : [{ caseId, a, b }];
  });
}

function ensembleScores({ cases }: RunCases): Scores {
  return new Map(
    cases.flatMap(({ caseId, results }) => {
      const dice = results.find(({ model }) => model === 'ensemble')?.scores.dice ?? null;
      return dice === null ? [] : [[caseId, dice] as const];
    }),
  );
}

/** Each validation case by that trial of its fold whose mean over all its cases is highest. */
function trialScores({ cases }: RunCases): Scores {
  const sums = new Map<string, { sum: number; count: number }>();
  const trialsOf = (one: RunCases['cases'][number]) => one.results.filter(({ model }) => model !== 'ensemble');
  for (const one of cases) {
    for (const { model, scores } of trialsOf(one)) {
      const known = sums.get(model) ?? { sum: 0, count: 0 };
      if (scores.dice !== null) sums.set(model, { sum: known.sum + scores.dice, count: known.count + 1 });
    }
  }
  const mean = (model: string): number => {
    const { sum, count } = sums.get(model) ?? { sum: 0, count: 1 };
    return sum / count;
  };
  return new Map(
    cases.flatMap((one) => {
      const [best] = trialsOf(one).sort((a, b) => mean(b.model) - mean(a.model));
      const dice = best?.scores.dice ?? null;
      return dice === null ? [] : [[one.caseId, dice] as const];
    }),
  );
}
