import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import { memoryTensors, type Tensor, tf } from '@voxhelm/nn/engine';
import { decodeSafetensors } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { edgeSets, patternsOf } from './decode.ts';
import { dintsNetwork, edgeProbabilities } from './network.ts';
import { entropies, expectedMemoryShare, setProbabilities, topologyLoss } from './network-architecture-loss.ts';
import { type ArchitectureSearchOptions, openSearchEngine, searchArchitecture } from './network-search.ts';

const SPACE = { depths: 2, filters: [8, 16, 32], downsample: true };

function value(compute: () => Tensor): number[] {
  const result = tf.tidy(compute);
  const values = [...result.dataSync()];
  result.dispose();
  return values;
}

describe('the architecture’s loss', () => {
  const logits = [
    [0.5, -1, 0.2, 2],
    [-0.3, 0.1, 1, -2],
  ];
  const single = logits.map((block) => block.map((logit) => 1 / (1 + Math.exp(-logit))));
  const none = single.map((block) => block.reduce((product, p) => product * (1 - p), 1));
  const sets = edgeSets(4);
  const probabilities = single.map((block, b) =>
    sets.map((set) => set.reduce((p, bit, e) => p * (bit ? block[e]! : 1 - block[e]!), 1 / (1 - (none[b] as number)))),
  );

  test('edges and sets of edges have the probabilities that the definition says, and sets sum to 1', () => {
    value(() => edgeProbabilities(tf.tensor(logits))).forEach((p, i) =>
      expect(p).toBeCloseTo(single.flat()[i]! / (1 - none[Math.floor(i / 4)]!), 5),
    );
    value(() => setProbabilities(tf.tensor(logits))).forEach((p, i) =>
      expect(p).toBeCloseTo(probabilities.flat()[i]!, 5),
    );
    for (const sum of value(() => tf.sum(setProbabilities(tf.tensor(logits)), 1))) expect(sum).toBeCloseTo(1, 5);
  });

  test('entropies, topology and memory are what a loop over their definitions gives', () => {
    const flat = probabilities.flat();
    const entropy = -flat.reduce((sum, p) => sum + p * Math.log(p + 1e-5), 0) / flat.length;
    const zeros = () => tf.zeros([2, 4, 5]);
    const found = value(() => {
      const { edges, operations } = entropies(setProbabilities(tf.tensor(logits)), zeros());
      return tf.stack([edges, operations]);
    });
    expect(found[0]).toBeCloseTo(entropy, 5);
    expect(found[1]).toBeCloseTo(Math.log(5) / 5, 5);

    const patterns = patternsOf(sets, 2);
    let topology = 0;
    for (let pattern = 0; pattern < 3; pattern++) {
      const sum = (block: number, side: 'reads' | 'writes') =>
        sets.reduce((all, _, i) => all + (patterns[i]![side] === pattern ? probabilities[block]![i]! : 0), 0);
      const [p, q] = [sum(0, 'writes'), sum(1, 'reads')];
      topology -= p * Math.log(q + 1e-5) + (1 - p) * Math.log(1 - q + 1e-5);
    }
    expect(value(() => topologyLoss(setProbabilities(tf.tensor(logits)), 2))[0]).toBeCloseTo(topology, 4);

    // Mean operation cost 3 (0, 3, 4, 4, 4), preprocess 0, 6, 7, 0; depth 1 a quarter of depth 0's size.
    const cells = [4, 10, 11 / 4, 1];
    const used = single.reduce(
      (sum, block, b) => sum + block.reduce((all, p, e) => all + (p / (1 - none[b]!)) * cells[e]!, 0),
      0,
    );
    const share = value(() => expectedMemoryShare(tf.tensor(logits), zeros(), SPACE))[0];
    expect(share).toBeCloseTo(used / (2 * cells.reduce((a, b) => a + b, 0)), 5);
  });
});

const SEARCH = {
  steps: 20,
  warmupSteps: 2,
  memoryBudget: 0.9,
  channelMultiplier: 0.125,
  learningRate: 0.025,
  architectureLearningRate: 0.3,
  checkpointEverySteps: 100,
  seed: 1,
};

function planOf(architectureSearch: Partial<typeof SEARCH> = {}): Plan {
  const network = { class: 'DiNTS', options: { in_channels: 1, num_classes: 2, num_blocks: 2, num_depths: 2 } };
  const loss = { name: 'DiceFocalLoss', options: { softmax: true, squared_pred: true, batch: true } };
  return {
    network,
    patchSize: [16, 16, 16],
    batchSize: 1,
    training: { loss },
    architectureSearch: { ...SEARCH, ...architectureSearch },
    reasons: {},
  } as unknown as Plan;
}

/** A bright ball, elsewhere at every step. */
async function nextBatch(part: string, step: number) {
  const centre = 5 + ((step * 3 + part.length) % 6);
  const classes = Int32Array.from({ length: 4096 }, (_, voxel) => {
    const distance = (voxel >> 8) - centre;
    return Math.hypot(distance, ((voxel >> 4) & 15) - 8, (voxel & 15) - 8) < 4 ? 1 : 0;
  });
  return { image: Float32Array.from(classes, (inside, i) => inside + 0.2 * Math.sin(i)), classes };
}

function search(plan: Plan, more: Partial<ArchitectureSearchOptions> = {}): Promise<FoundArchitecture> {
  const { signal } = new AbortController();
  return searchArchitecture({ plan, startFrom: null, nextBatch, save: async () => undefined, signal, ...more });
}

// Opening a supernet takes TensorFlow a second or two each time.
describe('the search', { timeout: 180_000 }, () => {
  test('finds a network that can be built, a smaller one for a smaller memory budget, and leaves no tensor', async () => {
    const before = memoryTensors();
    const large = await search(planOf());
    const small = await search(planOf({ memoryBudget: 0.25 }));
    expect(memoryTensors()).toBe(before);
    for (const { options } of [large, small]) dintsNetwork({ ...planOf().network.options, ...options });
    expect(small.options).not.toEqual(large.options);
    expect(small.expectedMemoryShare).toBeLessThan(large.expectedMemoryShare - 0.2);
    expect(small.memoryShare).toBeLessThan(large.memoryShare);
  });

  test('stopped and resumed it finds the same, to the last digit of its losses', async () => {
    const told: number[] = [];
    const undisturbed = await search(planOf({ steps: 6 }), { onStep: ({ loss }) => told.push(loss) });
    const abort = new AbortController();
    let saved: Uint8Array | null = null;
    const again: number[] = [];
    const stopped = search(planOf({ steps: 6 }), {
      signal: abort.signal,
      onStep({ step, loss }) {
        again.push(loss);
        if (step === 4) abort.abort();
      },
      async save(bytes) {
        saved = bytes;
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    const resumed = await search(planOf({ steps: 6 }), { startFrom: saved, onStep: ({ loss }) => again.push(loss) });
    expect(again).toEqual(told);
    expect({ ...resumed, searchMs: 0 }).toEqual({ ...undisturbed, searchMs: 0 });
    await expect(search(planOf({ steps: 30 }), { startFrom: saved })).rejects.toMatchObject({ code: 'bad-checkpoint' });
  });

  test('a step of half a minute is not waited for when the search is stopped: it goes on from what was saved', async () => {
    const abort = new AbortController();
    const saved: Uint8Array[] = [];
    let asked = 0;
    const stopped = search(planOf({ checkpointEverySteps: 1 }), {
      signal: abort.signal,
      save: async (bytes) => void saved.push(bytes),
      async openEngine(plan, precision) {
        const engine = await openSearchEngine(plan, precision);
        return {
          ...engine,
          async step(...given) {
            asked += 1;
            if (asked === 2) {
              setTimeout(() => abort.abort(), 50);
              return new Promise<number>(() => undefined);
            }
            const loss = await engine.step(...given);
            await setTimeoutPromise(1_600); // Long, by the search's measure.
            return loss;
          },
        };
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled', details: { step: 1 } });
    const { metadata, tensors } = decodeSafetensors(saved[0] as Uint8Array);
    expect(JSON.parse(metadata['progress'] ?? '')).toMatchObject({ step: 1 });
    const moved = [...tensors].filter(([name, { data }]) => name.startsWith('weights.') && data.some((x) => x !== 0));
    expect(moved).not.toHaveLength(0);
  });

  test('in bfloat16 it runs and its losses stay near', async () => {
    const losses: { float32: number[]; bfloat16: number[] } = { float32: [], bfloat16: [] };
    for (const precision of ['float32', 'bfloat16'] as const) {
      await search(planOf({ steps: 4 }), { precision, onStep: ({ loss }) => losses[precision].push(loss) });
    }
    losses.float32.forEach((loss, i) => expect(losses.bfloat16[i]).toBeCloseTo(loss, 1));
  });
});
