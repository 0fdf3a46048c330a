import type { RunCases } from '@voxhelm/contracts/api-cases';
import { expect, test } from 'vitest';
import { pairedCases } from './paired-cases.ts';

/** A run's cases from Dice by model: {case: {model: dice}}. */
function casesOf(scores: Readonly<Record<string, Readonly<Record<string, number>>>>): RunCases {
  return {
    labels: [],
    models: [],
    cases: Object.entries(scores).map(([caseId, models]) => ({
      ...{ caseId, role: 'training' as const, channels: 1, labelled: true, shape: null, spacingMm: null },
      results: Object.entries(models).map(([model, dice]) => ({
        ...{ model, probabilities: false },
        scores: { case: caseId, classes: {}, dice },
      })),
    })),
  };
}

test('two finished runs are compared by their ensembles, on the cases that both have', () => {
  const first = casesOf({ t1: { ensemble: 0.8 }, t2: { ensemble: 0.7 }, v1: { a: 0.9 } });
  const second = casesOf({ t1: { ensemble: 0.85 }, v1: { b: 0.5 } });
  expect(pairedCases(first, second)).toEqual({ by: 'ensembles', pairs: [{ caseId: 't1', a: 0.8, b: 0.85 }] });
});

test('without an ensemble one trial speaks for a run: many poor ones do not add up to a good one', () => {
  // Trial a is the better one of the first run, though b is better on v2.
  const many = casesOf({ v1: { a: 0.9, b: 0.1 }, v2: { a: 0.6, b: 0.7 }, t1: { ensemble: 0.9 } });
  const one = casesOf({ v1: { c: 0.8 }, v2: { c: 0.65 } });
  expect(pairedCases(many, one)).toEqual({
    by: 'trials',
    pairs: [
      { caseId: 'v1', a: 0.9, b: 0.8 },
      { caseId: 'v2', a: 0.6, b: 0.65 },
    ],
  });
  expect(pairedCases(many, casesOf({})).pairs).toEqual([]);
});
