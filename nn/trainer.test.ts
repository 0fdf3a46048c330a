import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { describe, expect, test } from 'vitest';
import { decodeLast } from './checkpoint.ts';
import { openCompiledEngine } from './compiled-engine.ts';
import { openEagerEngine } from './eager-engine.ts';
import { memoryTensors, type Tensor5D, tf } from './engine.ts';
import type { Network } from './network.ts';
import { type TrainLoopOptions, trainLoop } from './trainer.ts';
import { decodeSafetensors } from './weights.ts';

/** The smallest network that has everything a training touches: two convolutions with a smooth activation, one head. */
const network: Network = {
  class: 'Tiny',
  options: {},
  inChannels: 1,
  outChannels: 2,
  heads: 1,
  divisor: [1, 1, 1],
  specs: [
    { name: 'first.weight', shape: [4, 1, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 } },
    { name: 'head.weight', shape: [2, 4, 1, 1, 1], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 4 } },
  ],
  forward: (parameters, x) => {
    const hidden = tf.tanh(tf.conv3d(x, parameters.get('first.weight') as Tensor5D, 1, 'same'));
    return [tf.conv3d(hidden as Tensor5D, parameters.get('head.weight') as Tensor5D, 1, 'same') as Tensor5D];
  },
};

function plan(steps: number, learningRate = 0.01, changes: Partial<Plan['training']> = {}): Plan {
  return {
    batchSize: 1,
    patchSize: [8, 8, 8],
    network: { class: 'Tiny', options: {} },
    augmentation: [],
    sampling: { mode: 'class', classRatios: [1, 1] },
    inference: { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 2 },
    training: {
      steps,
      precision: 'float32',
      optimizer: 'adamw',
      learningRate,
      schedule: 'cosine',
      momentum: 0.99,
      weightDecay: 1e-5,
      ema: null,
      accumulate: 1,
      recompute: 'none',
      augmentOn: 'loader',
      startFrom: null,
      freeze: 'none',
      stopEarly: null,
      warmupSteps: 1,
      gradientClipNorm: 1,
      loss: { name: 'DiceCELoss', options: { to_onehot_y: true, softmax: true } },
      deepSupervisionWeights: [1],
      validateEverySteps: 3,
      checkpointEverySteps: 1,
      ...changes,
    },
  } as unknown as Plan;
}

/** A bright cube to find, moved by the step. */
function batchOf(step: number): { image: Float32Array; classes: Uint8Array } {
  const classes = Uint8Array.from({ length: 512 }, (_, voxel) => ((voxel + 37 * step) % 5 === 0 ? 1 : 0));
  return { image: Float32Array.from(classes, (inside, voxel) => inside + 0.1 * Math.sin(voxel + step)), classes };
}

interface Saved {
  last: Uint8Array | null;
  best: Uint8Array | null;
  losses: [number, number][];
}

function training(options: Partial<TrainLoopOptions> & { plan: Plan }): {
  run: () => ReturnType<typeof trainLoop>;
  saved: Saved;
} {
  const saved: Saved = { last: null, best: null, losses: [] };
  const run = () =>
    trainLoop({
      network,
      seed: 5,
      startFrom: null,
      nextBatch: async (step) => batchOf(step),
      validate: async (predictor, step) => {
        const { image } = batchOf(0);
        const images = [{ data: image, channels: 1, shape: [8, 8, 8] as const }];
        const [probabilities] = await predictor.predict(images, options.plan.inference, []);
        return { dice: step / 100 + (probabilities?.[0] ?? 0) * 1e-3, diceByClass: {} };
      },
      onLoss: (step, loss) => saved.losses.push([step, loss]),
      saveLast: async (bytes) => {
        saved.last = bytes;
      },
      saveBest: async (bytes) => {
        saved.best = bytes;
      },
      signal: new AbortController().signal,
      ...options,
    });
  return { run, saved };
}

test('the loss falls, and a training resumed in the middle ends bit for bit as one that was not interrupted', async () => {
  const whole = training({ plan: plan(20) });
  const result = await whole.run();
  expect(result).toMatchObject({ outcome: 'completed', step: 20, bestStep: 20 });
  expect(whole.saved.losses.map(([step]) => step)).toEqual([10, 20]);
  expect(whole.saved.losses[1]?.[1]).toBeLessThan(whole.saved.losses[0]?.[1] ?? 0);

  const abort = new AbortController();
  const first = training({ plan: plan(20), signal: abort.signal, onStep: ({ step }) => step === 7 && abort.abort() });
  await expect(first.run()).rejects.toMatchObject({ code: 'cancelled' });
  const second = training({ plan: plan(20), startFrom: first.saved.last });
  expect(await second.run()).toMatchObject({ outcome: 'completed', step: 20 });
  expect(Buffer.from(second.saved.best ?? []).equals(Buffer.from(whole.saved.best ?? []))).toBe(true);
});

test('no tensor is left over steps, validations and checkpoints', async () => {
  const before = memoryTensors();
  const during: number[] = [];
  await training({ plan: plan(12), onStep: () => during.push(memoryTensors()) }).run();
  expect(memoryTensors()).toBe(before);
  // Unread losses come and go; everything else stays as it is from the first step on.
  expect(Math.max(...during) - Math.min(...during)).toBeLessThanOrEqual(10);
});

/** Trains by a plan until its process dies in step 31, and returns the checkpoint that is left, through a file. */
async function killed(options: Partial<TrainLoopOptions> & { plan: Plan }): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-trainer-'));
  const file = join(folder, 'last.safetensors');
  const first = training({
    ...options,
    async nextBatch(step) {
      if (step > 30) throw new Error('killed');
      return batchOf(step);
    },
    saveLast: (bytes) => writeFile(file, bytes),
  });
  await expect(first.run()).rejects.toThrow('killed');
  const bytes = await readFile(file);
  await rm(folder, { recursive: true });
  return bytes;
}

const eagerly = { openEngine: async (one, given) => openEagerEngine(one, given) } satisfies Partial<TrainLoopOptions>;

test('a killed training in bfloat16 resumes to the same curve and the same weights', async () => {
  const own = plan(60, 0.01, { precision: 'bfloat16', checkpointEverySteps: 15 });
  const whole = training({ plan: own });
  await whole.run();
  const resumed = training({ plan: own, startFrom: await killed({ plan: own }) });
  await resumed.run();
  const later = whole.saved.losses.filter(([step]) => step > 30);
  expect(resumed.saved.losses).toEqual(later.map(([step, loss]) => [step, expect.closeTo(loss, 5)]));
  const [a, b] = [whole, resumed].map(({ saved }) => decodeSafetensors(saved.best ?? new Uint8Array()).tensors);
  for (const [name, { data }] of a ?? []) {
    data.forEach((value, i) => expect(b?.get(name)?.data[i]).toBeCloseTo(value, 5));
  }
});

test.each([
  { from: 'compiled, float32', into: 'compiled, bfloat16', precise: 2 },
  { from: 'compiled, bfloat16', into: 'compiled, float32', precise: 2 },
  { from: 'compiled, float32', into: 'eager, float32', precise: 4 },
  { from: 'eager, float32', into: 'compiled, float32', precise: 4 },
])('a training of the $from engine goes on in the $into one, through its checkpoint file', async (way) => {
  const as = (choice: string) => ({
    plan: plan(60, 0.01, { precision: choice.endsWith('bfloat16') ? 'bfloat16' : 'float32', checkpointEverySteps: 15 }),
    ...(choice.startsWith('eager') ? eagerly : {}),
  });
  const whole = training(as(way.from));
  await whole.run();
  const last = await killed(as(way.from));
  const other = training({ ...as(way.into), startFrom: last });
  await other.run();
  const later = whole.saved.losses.filter(([step]) => step > 30);
  expect(other.saved.losses).toEqual(later.map(([step, loss]) => [step, expect.closeTo(loss, way.precise)]));
});

test('a loss that is not finite ends the training as diverged, naming the step', async () => {
  const nan = training({
    plan: plan(20),
    nextBatch: async (step) => {
      const batch = batchOf(step);
      if (step === 4) batch.image[100] = Number.NaN;
      return batch;
    },
  });
  const result = await nan.run();
  expect(result.outcome).toBe('diverged');
  expect(result.reason).toContain('step 4');
});

test('a checkpoint of another plan is refused', async () => {
  const first = training({ plan: plan(3) });
  await first.run();
  const other = training({ plan: plan(3, 0.02), startFrom: first.saved.last });
  await expect(other.run()).rejects.toBeInstanceOf(VoxhelmError);
});

test('a long step is not waited for when the training is cancelled: it goes on from what was saved', async () => {
  const own = plan(9, 0.01, { checkpointEverySteps: 2, validateEverySteps: 9 });
  const engine = openCompiledEngine(network, own, 'float32');
  const never = new Promise<void>(() => undefined);
  let [asked, read] = [0, 0];
  const controller = new AbortController();
  const job = training({
    plan: own,
    signal: controller.signal,
    openEngine: async () => ({
      ...engine,
      async step(batch, numbers) {
        asked += 1;
        if (asked === 4) {
          setTimeout(() => controller.abort(), 50);
          return never;
        }
        await engine.step(batch, numbers);
        if (asked === 3) await setTimeoutPromise(1_600); // Long, by the loop's measure.
      },
      async state() {
        read += 1;
        return await engine.state();
      },
    }),
  });
  const started = performance.now();
  await expect(job.run()).rejects.toMatchObject({ code: 'cancelled', details: { step: 2 } });
  expect(performance.now() - started).toBeLessThan(1_600 + 4_000);
  const { progress } = decodeLast(network, own, job.saved.last as Uint8Array);
  expect(progress.step).toBe(2);
  // Of large networks a read takes longer than it may after every step.
  expect(read).toBe(1);
});

describe('a plan with SGD, a mean of the weights and two micro-batches a step', () => {
  const changes = {
    optimizer: 'sgd-nesterov',
    schedule: 'polynomial',
    momentum: 0.9,
    ema: 0.9,
    accumulate: 2,
  } as const;
  const own = plan(20, 0.05, changes);
  const nextBatch = async (step: number) => {
    const [a, b] = [batchOf(2 * step), batchOf(2 * step + 1)];
    return {
      image: Float32Array.of(...a.image, ...b.image),
      classes: Uint8Array.of(...a.classes, ...b.classes),
    };
  };

  test('resumes to the same weights, whose mean is what is kept as best', async () => {
    const whole = training({ plan: own, nextBatch });
    expect(await whole.run()).toMatchObject({ outcome: 'completed', step: 20 });
    expect(whole.saved.losses[1]?.[1]).toBeLessThan(whole.saved.losses[0]?.[1] ?? 0);
    const abort = new AbortController();
    const onStep = ({ step }: { step: number }) => step === 7 && abort.abort();
    const first = training({ plan: own, nextBatch, signal: abort.signal, onStep });
    await expect(first.run()).rejects.toMatchObject({ code: 'cancelled' });
    const { tensors } = decodeSafetensors(first.saved.last ?? new Uint8Array());
    const names = ['', 'optimizer.momentum_buffer.', 'ema.'].map((prefix) => `${prefix}head.weight`);
    for (const name of names) expect(tensors.has(name)).toBe(true);
    const second = training({ plan: own, nextBatch, startFrom: first.saved.last });
    await second.run();
    expect(Buffer.from(second.saved.best ?? []).equals(Buffer.from(whole.saved.best ?? []))).toBe(true);
  });

  test('draws the same curve in both engines', async () => {
    const compiled = training({ plan: own, nextBatch });
    const eager = training({ plan: own, nextBatch, ...eagerly });
    await compiled.run();
    await eager.run();
    compiled.saved.losses.forEach(([step, loss], i) => {
      expect([step, loss]).toEqual([eager.saved.losses[i]?.[0], expect.closeTo(eager.saved.losses[i]?.[1] ?? 0, 4)]);
    });
    const [a, b] = [compiled, eager].map(({ saved }) => decodeSafetensors(saved.best ?? new Uint8Array()).tensors);
    for (const [name, { data }] of a ?? []) {
      data.forEach((value, i) => expect(value).toBeCloseTo(b?.get(name)?.data[i] ?? Number.NaN, 3));
    }
  });

  test('leaves no tensor behind when computed eagerly', async () => {
    const before = memoryTensors();
    await training({ plan: own, nextBatch, ...eagerly }).run();
    expect(memoryTensors()).toBe(before);
  });
});

test('given weights are begun with, and those that are not given are drawn as ever', async () => {
  const seen: Record<string, Float32Array | undefined>[] = [];
  const begin = async (options: Partial<TrainLoopOptions>) => {
    const job = training({
      plan: plan(1),
      ...options,
      openEngine: async (one, given) => {
        const engine = openEagerEngine(one, given);
        return {
          ...engine,
          async assign(state) {
            await engine.assign(state);
            const weights = await engine.weights();
            const [first, head] = ['first.weight', 'head.weight'].map((name) => weights.get(name));
            seen.push({ first, head });
          },
        };
      },
    });
    await job.run();
  };
  const head = new Float32Array(8).fill(0.25);
  await begin({});
  await begin({ initialWeights: new Map([['head.weight', head]]) });
  expect(seen[1]?.['head']).toEqual(head);
  expect(seen[1]?.['first']).toEqual(seen[0]?.['first']);
});

test('a flat curve ends the training as completed, and a later attempt trains no further', async () => {
  const stopEarly = { fromShare: 0.3, validations: 3, leastGain: 0.001 };
  const own = plan(30, 0.01, { stopEarly });
  const validate = async () => ({ dice: 0.7, diceByClass: {} });
  const first = training({ plan: own, validate });
  const ended = await first.run();
  expect(ended).toMatchObject({ outcome: 'completed', step: 9, bestStep: 3, reason: expect.stringMatching(/flat/) });
  const steps: number[] = [];
  const again = training({ plan: own, validate, startFrom: first.saved.last, onStep: ({ step }) => steps.push(step) });
  expect(await again.run()).toEqual(ended);
  expect(steps).toEqual([]);
});

test('where the budget ends first, the training ends in time with a validated checkpoint, and says so', async () => {
  const own = plan(10_000, 0.01, { validateEverySteps: 10_000 });
  const ends = { atMs: Date.now() + 1_500, validationMs: 100, leastSteps: 0 };
  const job = training({ plan: own, ends });
  const result = await job.run();
  expect(Date.now()).toBeLessThan(ends.atMs + 500);
  expect(result).toMatchObject({ outcome: 'completed', bestStep: result.step });
  expect(result.reason).toMatch(/^ended at step \d+ of 10000, in time for the run's budget$/);
  expect(job.saved.best).not.toBeNull();
});

test('a training that begins when the time is up leaves the time to others, but for the steps that it must do', async () => {
  const ends = { atMs: Date.now() - 1, validationMs: 0, leastSteps: 0 };
  const late = await training({ plan: plan(10), ends }).run();
  expect(late).toMatchObject({ outcome: 'pruned', step: 0, bestStep: null });
  const first = await training({ plan: plan(10), ends: { ...ends, leastSteps: 4 } }).run();
  expect(first).toMatchObject({ outcome: 'completed', step: 4, bestStep: 4 });
});

test('two micro-batches make the step that one batch of both makes', async () => {
  const both = async () => ({
    image: Float32Array.of(...batchOf(1).image, ...batchOf(2).image),
    classes: Uint8Array.of(...batchOf(1).classes, ...batchOf(2).classes),
  });
  const finals = await Promise.all(
    [{ ...plan(3, 0.01, { accumulate: 2 }) }, { ...plan(3), batchSize: 2 }].map(async (one) => {
      const run = training({ plan: one, nextBatch: both });
      await run.run();
      return decodeSafetensors(run.saved.best ?? new Uint8Array()).tensors.get('head.weight')?.data;
    }),
  );
  finals[0]?.forEach((value, i) => expect(value).toBeCloseTo(finals[1]?.[i] ?? Number.NaN, 4));
});

test('patches augmented on the device are the same in both engines', async () => {
  const augmentation = [
    { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
    { name: 'gaussian-smooth', probability: 0.5, sigmaVoxels: [0.5, 1] },
    { name: 'gaussian-noise', probability: 0.5, standardDeviation: 0.1 },
    { name: 'scale-intensity', probability: 0.5, factor: 0.3 },
    { name: 'shift-intensity', probability: 0.5, offset: 0.1 },
    { name: 'gamma', probability: 0.5, range: [0.7, 1.5] },
  ] as const;
  const curve = async (augmentOn: 'loader' | 'device', options: Partial<TrainLoopOptions> = {}) => {
    const own = { ...plan(20, 0.01, { augmentOn }), augmentation: structuredClone([...augmentation]) } as Plan;
    const job = training({ plan: own, ...options });
    await job.run();
    return job.saved.losses.map(([, loss]) => loss);
  };
  const compiled = await curve('device');
  const eager = await curve('device', { ...eagerly });
  compiled.forEach((loss, i) => expect(loss).toBeCloseTo(eager[i] ?? Number.NaN, 4));
  expect(await curve('loader')).not.toEqual(compiled);
});
