import { Augmentation, type Plan } from '@voxhelm/contracts/plan';
import { indexClasses, sampleBatch, type TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import { openBatchLoader } from './batch-loader.ts';
import { openThreadPool, type ThreadPool } from './thread-pool.ts';

/** As a request names them, defaults filled in. */
const namedTransforms = (json: unknown): Augmentation[] => z.array(Augmentation).parse(json);

const plan: Plan = {
  ...tinyPlan(),
  augmentation: [
    { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
    { name: 'gaussian-noise', probability: 0.5, standardDeviation: 0.1 },
    ...namedTransforms([
      { name: 'Rand3DElasticd', prob: 0.5, sigma_range: [1, 2], magnitude_range: [2, 4], units: 'mm' },
      { name: 'RandHistogramShiftd', prob: 0.5 },
      { name: 'RandomMotion', p: 0.3 },
    ]),
  ],
};

/** A small volume on shared memory with a ball of class 1. */
function volume(radius: number): TrainingVolume {
  const side = 20;
  const image = new Float32Array(new SharedArrayBuffer(side ** 3 * 4));
  const classes = new Uint8Array(new SharedArrayBuffer(side ** 3));
  for (let index = 0; index < side ** 3; index += 1) {
    const at = [Math.floor(index / side ** 2), Math.floor(index / side) % side, index % side];
    const distance = Math.hypot(...at.map((position) => position - side / 2));
    image[index] = distance;
    classes[index] = distance < radius ? 1 : 0;
  }
  return {
    image,
    channels: 1,
    shape: [side, side, side],
    spacingMm: [1, 1, 1],
    classes,
    classVoxels: indexClasses(classes, 3),
  };
}

const volumes = [volume(3), volume(5), volume(7)];

describe('openBatchLoader', () => {
  let pool: ThreadPool;
  beforeAll(() => {
    pool = openThreadPool(2);
  });
  afterAll(() => pool.close());

  it('gives exactly the batches that the sampler gives, in order, from any step on', async () => {
    const loader = await openBatchLoader({ pool, volumes, plan, seed: 11, lastStep: 20 });
    for (const step of [7, 8, 9, 10, 11, 3, 4, 20]) {
      expect(await loader.next(step), `step ${step}`).toEqual(sampleBatch(volumes, plan, 11, step));
    }
  });

  it('makes batches while the device computes, and measures the wait where it cannot', async () => {
    const loader = await openBatchLoader({ pool, volumes, plan, seed: 1, lastStep: 100 });
    await loader.next(1);
    const afterFirst = loader.waitedMs();
    expect(afterFirst).toBeGreaterThan(0);
    blockFor(400); // As a step of the device blocks this thread.
    await loader.next(2);
    await loader.next(3);
    expect(loader.waitedMs() - afterFirst).toBeLessThan(100);
  });

  it('tells why a batch cannot be made', async () => {
    const wrong = { ...plan, sampling: { mode: 'class' as const, classRatios: [1] } };
    const loader = await openBatchLoader({ pool, volumes, plan: wrong, seed: 1, lastStep: 5 });
    await expect(loader.next(1)).rejects.toMatchObject({ name: 'VoxhelmError', code: 'invalid-request' });
  });

  it('refuses an empty set of cases', async () => {
    await expect(openBatchLoader({ pool, volumes: [], plan, seed: 1, lastStep: 5 })).rejects.toMatchObject({
      code: 'bad-dataset',
    });
  });
});

function blockFor(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
