import { networkOf } from '@voxhelm/algorithms/networks';
import { initialState } from '@voxhelm/nn/initialize';
import type { EngineChoice, StateValues } from '@voxhelm/nn/training-engine';
import { describe, expect, test } from 'vitest';
import { tinyPlan } from './fixtures/tiny-plan.ts';
import { openEngineThread } from './training-thread.ts';

const CHOICES: readonly EngineChoice[] = [
  { engine: 'compiled', precision: 'float32' },
  { engine: 'compiled', precision: 'bfloat16' },
  { engine: 'eager', precision: 'float32' },
];

function batch(voxels: number) {
  const classes = new Uint8Array(voxels).map((_, i) => i % 3);
  return { image: Float32Array.from(classes, (value) => value - 1), classes };
}

describe.each(CHOICES)('an engine in a thread: $engine, $precision', (choice) => {
  test('leaves the thread that asks free while it computes, and gives back what it was given', async () => {
    const plan = { ...tinyPlan(), patchSize: [32, 32, 32] as [number, number, number] };
    const network = networkOf(plan.network);
    const engine = await openEngineThread(plan, choice);
    const start = initialState(network, 3, engine.groups);
    await engine.assign(start);
    const given = await engine.state();
    expect(given.get('weights')).toEqual(start.get('weights'));
    const moments = given.get('exp_avg_sq') as StateValues;
    expect([...moments.values()].every((values) => values.every((value) => value === 0))).toBe(true);

    let beats = 0;
    const beat = setInterval(() => {
      beats += 1;
    }, 1);
    const started = performance.now();
    for (let step = 1; step <= 3; step++) await engine.step(batch(32 ** 3), { step, learningRate: 1e-3, seed: 0 });
    const elapsedMs = performance.now() - started;
    clearInterval(beat);
    // Three steps that blocked would let three timers through.
    expect(beats).toBeGreaterThan(Math.min(10, elapsedMs / 50));
    expect((await engine.status()).diverged).toBeNull();
    expect(await engine.weights()).not.toEqual(start.get('weights'));
    await engine.close();
  });
});

test('what the engine refuses is thrown where it was asked', async () => {
  const engine = await openEngineThread(tinyPlan());
  await expect(engine.step(batch(8), { step: 1, learningRate: 1e-3, seed: 0 })).rejects.toThrow(/was fed 8 values/);
  await engine.close();
});
