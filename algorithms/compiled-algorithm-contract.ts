import type { Plan } from '@voxhelm/contracts/plan';
import { initialState } from '@voxhelm/nn/initialize';
import type { Network } from '@voxhelm/nn/network';
import { type Batch, type EngineChoice, openEngine, type TrainingEngine } from '@voxhelm/nn/training-engine';
import { stateGroups } from '@voxhelm/nn/training-state';
import { expect, test } from 'vitest';

/*
 * What every network must hold of the compiled engine: it is the eager one to rounding, and a training may change engine and
 * precision on its way.
 */

const EAGER: EngineChoice = { engine: 'eager', precision: 'float32' };
const FLOAT32: EngineChoice = { engine: 'compiled', precision: 'float32' };
const BFLOAT16: EngineChoice = { engine: 'compiled', precision: 'bfloat16' };
const LEARNING_RATE = 1e-3;

/** A bright half of the patch to find, with a pattern that leaves no symmetry. */
function batchOf(plan: Plan): Batch {
  const [x, y, z] = plan.patchSize;
  const voxels = plan.batchSize * plan.training.accumulate * x * y * z;
  const classes = Uint8Array.from({ length: voxels }, (_, voxel) => (voxel % (x * y * z) < (x * y * z) / 2 ? 1 : 0));
  const image = Float32Array.from(
    { length: voxels * plan.modalities.length },
    (_, i) => 2 * (classes[Math.floor(i / plan.modalities.length)] as number) - 1 + 0.3 * Math.sin(i * i),
  );
  return { image, classes };
}

async function train(engine: TrainingEngine, plan: Plan, from: number, steps: number): Promise<number[]> {
  const batch = batchOf(plan);
  const losses: number[] = [];
  for (let step = from; step < from + steps; step++) {
    await engine.step(batch, { step, learningRate: LEARNING_RATE, seed: 6 });
    losses.push((await engine.status()).loss);
  }
  return losses;
}

/** Largest difference as a fraction of the largest value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [most, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
    largest = Math.max(largest, Math.abs(a[i] as number));
  }
  return most / largest;
}

/** Registers the tests for one network, small enough to be trained in a test. */
export function testCompiled(network: Network, plan: Plan): void {
  const start = initialState(network, 4, stateGroups(plan));
  const open = async (choice: EngineChoice): Promise<TrainingEngine> => {
    const engine = await openEngine(network, plan, choice);
    await engine.assign(start);
    return engine;
  };

  test('compiled, it predicts and trains as eagerly, and nearly so in bfloat16', async () => {
    const windows = batchOf(plan).image.slice(0, plan.patchSize.reduce((a, b) => a * b) * plan.modalities.length);
    const outcome = async (choice: EngineChoice) => {
      const engine = await open(choice);
      const logits = await engine.predict(windows, 1);
      const losses = await train(engine, plan, 1, 4);
      await engine.close();
      return { logits, losses };
    };
    const [eager, float32, bfloat16] = [await outcome(EAGER), await outcome(FLOAT32), await outcome(BFLOAT16)];
    expect(difference(eager.logits, float32.logits)).toBeLessThan(1e-5);
    expect(difference(eager.losses.slice(0, 1), float32.losses.slice(0, 1))).toBeLessThan(1e-5);
    // Activations with a kink flip near it, and Adam's first steps divide by tiny moments.
    expect(difference(eager.losses, float32.losses)).toBeLessThan(2e-3);
    expect(difference(eager.losses, bfloat16.losses)).toBeLessThan(0.05);
  });

  test('a training changes engine and precision on its way, and its loss goes on falling', async () => {
    const losses: number[] = [];
    let state = start;
    for (const [i, choice] of [EAGER, BFLOAT16, FLOAT32].entries()) {
      const engine = await open(choice);
      if (i > 0) await engine.assign(state);
      losses.push(...(await train(engine, plan, 1 + 4 * i, 4)));
      state = await engine.state();
      await engine.close();
    }
    // No jump where engines change.
    for (const at of [4, 8]) expect(losses[at]).toBeLessThan(1.1 * (losses[at - 1] as number));
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  });
}
