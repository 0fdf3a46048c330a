import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outputShape } from '@voxhelm/nn/sliding-window';
import type { Predictor } from '@voxhelm/nn/window-predictor';
import { openArtifactStore } from '@voxhelm/storage/artifact-store';
import { describe, expect, it } from 'vitest';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import { openThreadPool } from '../loader/thread-pool.ts';
import { loadValidationCases, splitFold } from './load-cases.ts';
import { meanScores, type PredictedCase, predictCases, storePredictions } from './validate.ts';

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

describe('storePredictions', () => {
  const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus/', import.meta.url));
  /** Sure of class 1 in every voxel. */
  const predictor: Predictor = {
    classes: 3,
    predict: async (images) =>
      images.map((image) => {
        const [x, y, z] = outputShape(image);
        const voxels = x * y * z;
        return new Float32Array(3 * voxels).fill(1, voxels, 2 * voxels);
      }),
    dispose: () => undefined,
  };

  it('scores each case in full, while time is; after the time of the budget Dice alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'voxhelm-validate-'));
    const pool = openThreadPool(1);
    const plan = tinyPlan();
    const files = ['hippocampus_001', 'hippocampus_003'].map((caseId) => ({
      caseId,
      images: [join(SAMPLES, 'imagesTr', `${caseId}.nii.gz`)],
      label: join(SAMPLES, 'labelsTr', `${caseId}.nii.gz`),
    }));
    const cases = await loadValidationCases(pool, files, plan, () => undefined);
    const store = (scoreUntilMs: number) =>
      storePredictions(predictor, cases, plan, {
        ...{ store: openArtifactStore(folder), prefix: 'p', signal: new AbortController().signal, pool, scoreUntilMs },
        onCase: () => undefined,
      });
    const scored = await store(Number.POSITIVE_INFINITY);
    expect(scored).toHaveLength(2);
    for (const { dice, diceByClass, classes } of scored) {
      expect(classes?.['1']?.dice).toBe(diceByClass['1']);
      expect(classes?.['1']?.hd95Mm).toBeGreaterThan(5);
      expect(classes?.['1']?.volumeError).toBeGreaterThan(5);
      expect(classes?.['2']).toMatchObject({ dice: 0, hd95Mm: null, volumeError: -1 });
      expect(dice).toBeCloseTo((classes?.['1']?.dice ?? 0) / 2, 12);
    }
    const [whole, slabs] = [
      await predictCases(predictor, cases, plan),
      await predictCases(predictor, cases, plan, 999),
    ];
    for (const [i, one] of slabs.entries()) {
      const same = whole[i] as PredictedCase;
      expect({ ...one, probabilities: null }).toEqual({ ...same, probabilities: null });
      expect(one.probabilities).toEqual(Uint8Array.from(same.probabilities, (p) => 255 * p));
    }
    const late = await store(Date.now() - 1);
    expect(late).toEqual(scored.map(({ classes: _, ...rest }) => rest));
    await pool.close();
    await rm(folder, { recursive: true });
  });
});
