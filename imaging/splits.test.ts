import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignFolds, type FoldCase, givenFoldCount } from './splits.ts';

const named = (count: number): FoldCase[] => Array.from({ length: count }, (_, i) => ({ caseId: `case_${i}` }));
const sizesOf = (folds: ReadonlyMap<string, number>): number[] => {
  const sizes: number[] = [];
  for (const fold of folds.values()) sizes[fold] = (sizes[fold] ?? 0) + 1;
  return sizes;
};

describe('without given folds', () => {
  test('every case is in one fold, sizes differ by at most one, and the seed decides', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 60 }), fc.integer({ min: 2, max: 5 }), fc.nat(), (count, folds, seed) => {
        const assigned = assignFolds(named(count), folds, seed);
        const sizes = sizesOf(assigned);
        expect(assigned.size).toBe(count);
        expect(sizes).toHaveLength(folds);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(assignFolds(named(count), folds, seed)).toEqual(assigned);
        expect(assignFolds(named(count).reverse(), folds, seed)).toEqual(assigned);
      }),
    );
    expect(assignFolds(named(40), 5, 1)).not.toEqual(assignFolds(named(40), 5, 2));
  });

  test('a patient is never torn apart, and folds stay near equal', () => {
    const datasets = fc.array(fc.nat(12), { minLength: 20, maxLength: 60 });
    fc.assert(
      fc.property(datasets, fc.nat(), (patients, seed) => {
        fc.pre(new Set(patients).size >= 4);
        const cases = patients.map((patient, i) => ({ caseId: `c${i}`, patient: `p${patient}` }));
        const assigned = assignFolds(cases, 4, seed);
        const foldsOfPatient = new Map<string, Set<number | undefined>>();
        for (const { caseId, patient } of cases) {
          foldsOfPatient.set(patient, (foldsOfPatient.get(patient) ?? new Set()).add(assigned.get(caseId)));
        }
        expect([...foldsOfPatient.values()].every((folds) => folds.size === 1)).toBe(true);
        const largest = Math.max(...[...foldsOfPatient.keys()].map((p) => cases.filter((c) => c.patient === p).length));
        const sizes = sizesOf(assigned);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(largest);
      }),
    );
  });

  test('one fold validates on a fifth and trains on the rest', () => {
    expect(assignFolds(named(24), 1, 0).size).toBe(5);
    expect(assignFolds(named(2), 1, 0).size).toBe(1);
  });

  test('too few patients are refused', () => {
    expect(() => assignFolds(named(3), 4, 0)).toThrow('4 folds need 4 patients or more, the dataset has 3');
    expect(() => assignFolds(named(1), 1, 0)).toThrow('the dataset has 1');
    expect(() => assignFolds([{ caseId: 'a' }, { caseId: 'a' }], 2, 0)).toThrow('two training cases are named a');
    expect(() => assignFolds(named(3), 0, 0)).toThrow('0 is no number of folds');
  });
});

describe('with given folds', () => {
  const cases: FoldCase[] = [
    { caseId: 'a', fold: 1 },
    { caseId: 'b', fold: 0 },
    { caseId: 'c', fold: 2 },
    { caseId: 'd' },
  ];

  test('they are kept; a case without one is always trained on', () => {
    expect(assignFolds(cases, 3, 9)).toEqual(
      new Map([
        ['a', 1],
        ['b', 0],
        ['c', 2],
      ]),
    );
    expect(assignFolds(cases, 2, 9), 'fold 2 is left out').toEqual(
      new Map([
        ['a', 1],
        ['b', 0],
      ]),
    );
  });

  test('gaps, more folds than given and torn patients are refused', () => {
    expect(() =>
      assignFolds(
        [
          { caseId: 'a', fold: 0 },
          { caseId: 'b', fold: 2 },
        ],
        2,
        0,
      ),
    ).toThrow('no case has 1');
    expect(() => assignFolds(cases, 4, 0)).toThrow('4 folds are asked for, the dataset gives 3');
    const torn = [
      { caseId: 'a', fold: 0, patient: 'p7' },
      { caseId: 'b', fold: 1, patient: 'p7' },
    ];
    expect(() => assignFolds(torn, 2, 0)).toThrow('p7');
  });

  test('a fold that leaves nothing to train on is refused', () => {
    expect(() => assignFolds([{ caseId: 'a', fold: 0 }], 1, 0)).toThrow('leaves none to train on');
  });

  test('their number is known before any is asked for', () => {
    expect(givenFoldCount(cases)).toBe(3);
    expect(givenFoldCount(cases, [['a'], ['b']])).toBe(2);
    expect(givenFoldCount(named(3))).toBeNull();
  });

  test('ready-made splits win over given folds', () => {
    const splits = [
      ['a', 'd'],
      ['b', 'c'],
    ];
    expect(assignFolds(cases, 2, 0, splits)).toEqual(
      new Map([
        ['a', 0],
        ['d', 0],
        ['b', 1],
        ['c', 1],
      ]),
    );
  });

  test('splits that name unknown cases or one case twice are refused, all faults at once', () => {
    expect(() => assignFolds(cases, 2, 0, [['a', 'x'], ['a'], []])).toThrow(
      'x in fold 0 is no training case; a is in the folds 0 and 1; fold 2 validates no case',
    );
  });
});
