import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CaseDice,
  chooseCandidate,
  comparePaired,
  draftCandidates,
  flipSets,
  isClearlyBetter,
  largestComponentClasses,
  type ScoredCandidate,
  type SelectionMember,
} from './select.ts';

const memberList = fc
  .uniqueArray(
    fc.record({
      trialId: fc.string({ minLength: 1, maxLength: 4 }),
      fold: fc.integer({ min: 0, max: 4 }),
      validationDice: fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
    }),
    { selector: (member) => member.trialId, minLength: 1, maxLength: 12 },
  )
  .map((members) => members as SelectionMember[]);

function dice(values: readonly number[], first = 0): CaseDice {
  return new Map(values.map((value, index) => [`case${first + index}`, value]));
}

function candidate(over: Partial<ScoredCandidate>): ScoredCandidate {
  return { rule: 'best-n', n: 1, mode: 'mean', trialIds: ['a'], folds: 1, caseDice: dice([0.8, 0.8, 0.8]), ...over };
}

describe('candidates', () => {
  test('are the same whatever the order of the members', () => {
    fc.assert(
      fc.property(memberList, fc.infiniteStream(fc.nat()), (members, keys) => {
        const shuffled = members
          .map((member) => ({ member, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ member }) => member);
        expect(draftCandidates(shuffled)).toEqual(draftCandidates(members));
      }),
    );
  });

  test('best-n takes the n best; best-per-fold the best of each fold', () => {
    fc.assert(
      fc.property(memberList, (members) => {
        const byId = new Map(members.map((member) => [member.trialId, member]));
        for (const draft of draftCandidates(members)) {
          const picked = draft.trialIds.map((id) => byId.get(id)!);
          const worst = Math.min(...picked.map((member) => member.validationDice));
          const left = members.filter((member) => !draft.trialIds.includes(member.trialId));
          if (draft.rule === 'best-n') {
            expect(left.every((member) => member.validationDice <= worst)).toBe(true);
          } else {
            expect(new Set(picked.map((member) => member.fold)).size).toBe(picked.length);
            for (const member of picked)
              expect(
                left.every((other) => other.fold !== member.fold || other.validationDice <= member.validationDice),
              ).toBe(true);
          }
          expect(draft.n).toBe(picked.length);
          expect(draft.n).toBeLessThanOrEqual(5);
        }
      }),
    );
  });

  test('both rules and both fusions are tried', () => {
    const members = [0, 1, 2].map((fold) => ({ trialId: `t${fold}`, fold, validationDice: 0.8 + fold / 100 }));
    expect(draftCandidates(members).map((draft) => `${draft.rule} ${draft.n} ${draft.mode}`)).toEqual([
      'best-per-fold 3 mean',
      'best-per-fold 3 vote',
      'best-n 1 mean',
      'best-n 2 mean',
      'best-n 2 vote',
      'best-n 3 mean',
      'best-n 3 vote',
    ]);
  });

  test('the best of another algorithm joins the best of each fold, unless it is far behind on its own fold', () => {
    const members: SelectionMember[] = [0, 1, 2].map((fold) => ({
      ...{ trialId: `s${fold}`, algorithm: 'segresnet', fold, validationDice: 0.8 + fold / 100 },
    }));
    const diverse = (other: number) =>
      draftCandidates([
        ...members,
        { trialId: 'u-worse', algorithm: 'unet', fold: 0, validationDice: other - 0.01 },
        { trialId: 'u', algorithm: 'unet', fold: 0, validationDice: other },
      ]).find((draft) => draft.rule === 'diverse' && draft.mode === 'mean');
    expect(diverse(0.75)).toMatchObject({ trialIds: ['s0', 's1', 's2', 'u'], n: 4, folds: 3 });
    expect(diverse(0.6)).toBeUndefined();
    const level = (rule: 'diverse' | 'best-per-fold', n: number) => candidate({ rule, n, folds: 3 });
    expect(chooseCandidate([level('best-per-fold', 3), level('diverse', 4)]).rule).toBe('diverse');
    const clearlyBetter = candidate({ rule: 'best-per-fold', n: 3, folds: 3, caseDice: dice([0.9, 0.9, 0.9]) });
    expect(chooseCandidate([clearlyBetter, level('diverse', 4)]).rule).toBe('best-per-fold');
  });

  test('a collapsed member is in none, even where its fold has no other', () => {
    const drafts = draftCandidates([
      { trialId: 'good', fold: 0, validationDice: 0.85 },
      { trialId: 'collapsed', fold: 1, validationDice: 0.02 },
    ]);
    expect(drafts.flatMap((draft) => draft.trialIds)).not.toContain('collapsed');
  });

  test('where all members are at zero, they are still candidates', () => {
    expect(draftCandidates([{ trialId: 'a', fold: 0, validationDice: 0 }])).not.toEqual([]);
  });
});

describe('the choice', () => {
  test('does not depend on the order of the candidates', () => {
    const list = fc.uniqueArray(
      fc.record({
        rule: fc.constantFrom('best-n' as const, 'best-per-fold' as const),
        n: fc.integer({ min: 1, max: 5 }),
        mode: fc.constantFrom('mean' as const, 'vote' as const),
        folds: fc.integer({ min: 1, max: 5 }),
        values: fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 6 }),
      }),
      { selector: (one) => `${one.rule} ${one.n} ${one.mode} ${one.folds}`, minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(list, (ones) => {
        const candidates = ones.map(({ values, ...one }) =>
          candidate({ ...one, caseDice: dice(values.map((v) => v / 100)) }),
        );
        expect(chooseCandidate([...candidates].reverse())).toBe(chooseCandidate(candidates));
      }),
    );
  });

  test('within the noise, more folds and members win', () => {
    const few = candidate({ n: 1, folds: 1, caseDice: dice([0.8, 0.9, 0.7]) });
    const many = candidate({ n: 3, folds: 3, caseDice: dice([0.81, 0.88, 0.69, 0.5, 0.5, 0.5]) });
    expect(chooseCandidate([few, many])).toBe(many);
  });

  test('beyond the noise, the better one wins, on the cases that both cover', () => {
    const few = candidate({ n: 1, folds: 1, caseDice: dice([0.9, 0.91, 0.92]) });
    const many = candidate({ n: 3, folds: 3, caseDice: dice([0.8, 0.82, 0.81, 0.99, 0.99, 0.99]) });
    expect(chooseCandidate([few, many])).toBe(few);
  });

  test('an easy fold is no merit: a higher mean on other cases does not win', () => {
    const easyFold = candidate({ n: 1, folds: 1, caseDice: dice([0.95, 0.96], 10) });
    const allFolds = candidate({ n: 2, folds: 2, caseDice: dice([0.7, 0.71]) });
    expect(chooseCandidate([easyFold, allFolds])).toBe(allFolds);
  });

  test('one shared case proves nothing', () => {
    expect(isClearlyBetter(dice([0.9]), dice([0.1]))).toBe(false);
  });

  test('mean of probabilities goes before vote where they do as well', () => {
    const both = (mode: 'mean' | 'vote'): ScoredCandidate => candidate({ n: 3, folds: 3, mode });
    expect(chooseCandidate([both('vote'), both('mean')]).mode).toBe('mean');
  });

  test('the standard error is that of paired differences', () => {
    const { cases, difference, standardError } = comparePaired(dice([0.9, 0.7, 0.8]), dice([0.8, 0.7, 0.6]));
    expect(cases).toBe(3);
    expect(difference).toBeCloseTo(0.1, 10);
    expect(standardError).toBeCloseTo(0.1 / Math.sqrt(3), 10);
  });
});

describe('largest component', () => {
  const one = (plain: number | null, largest: number | null) => ({
    plain: new Map([[1, plain]]),
    largest: new Map([[1, largest]]),
  });

  test('is kept only where the mean Dice strictly rises', () => {
    expect(largestComponentClasses([one(0.8, 0.9), one(0.8, 0.75)], [1])).toEqual([1]);
    expect(largestComponentClasses([one(0.8, 0.8)], [1])).toEqual([]);
    expect(largestComponentClasses([one(0.8, 0.7)], [1])).toEqual([]);
  });

  test('cases without the class do not count', () => {
    expect(largestComponentClasses([one(null, null), one(0.8, 0.9)], [1])).toEqual([1]);
    expect(largestComponentClasses([one(null, null)], [1])).toEqual([]);
  });
});

describe('flips', () => {
  test('only axes that all members were trained on', () => {
    expect(
      flipSets([
        [0, 1, 2],
        [0, 1],
      ])[0],
    ).toEqual([[0], [1], [0, 1]]);
    expect(flipSets([[0], [1]])).toEqual([]);
    expect(flipSets([[], [0]])).toEqual([]);
  });

  test('three axes give seven mirrored copies, or three where time is short', () => {
    expect(flipSets([[2, 0, 1]]).map((set) => set.length)).toEqual([7, 3]);
  });
});
