import { describe, expect, it } from 'vitest';
import { splitFold } from './load-cases.ts';
import { meanScores } from './validate.ts';

describe('meanScores', () => {
  it('does not count a class that is absent from prediction and truth', () => {
    const scores = meanScores([
      { dice: 0.8, diceByClass: { '1': 0.6, '2': 1 } },
      { dice: 0.4, diceByClass: { '1': 0.4, '2': null } },
      { dice: null, diceByClass: { '1': null, '2': null } },
    ]);
    expect(scores.dice).toBeCloseTo(0.6);
    expect(scores.diceByClass['1']).toBeCloseTo(0.5);
    expect(scores.diceByClass['2']).toBe(1);
  });

  it('has no mean without a case', () => {
    expect(meanScores([])).toEqual({ dice: null, diceByClass: {} });
  });
});

describe('splitFold', () => {
  const cases = [0, 1, null, 1].map((fold, index) => ({
    caseId: `case${index}`,
    images: [`/i/${index}`],
    label: `/l/${index}`,
    fold,
  }));

  it('trains on the other folds, validates on its own, and never sees a test case', () => {
    const { training, validation } = splitFold(cases, 0);
    expect(training.map((one) => one.caseId)).toEqual(['case1', 'case3']);
    expect(validation.map((one) => one.caseId)).toEqual(['case0']);
  });

  it('refuses a fold that leaves nothing to train on, and a case without a label', () => {
    expect(() => splitFold([{ caseId: 'a', images: ['/i'], label: '/l', fold: 0 }], 0)).toThrow(/no case to train on/);
    expect(() => splitFold([{ caseId: 'a', images: ['/i'], label: null, fold: 0 }], 0)).toThrow(/"a" has no label/);
  });
});
