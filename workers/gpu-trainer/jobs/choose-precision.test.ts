import { PRECISION_UNMEASURED, withPrecision } from '@voxhelm/algorithms/planner';
import type { Plan } from '@voxhelm/contracts/plan';
import type { EngineChoice, TrainingEngine } from '@voxhelm/nn/training-engine';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import { choosePrecision } from './choose-precision.ts';

const batch = { image: new Float32Array(16 ** 3), classes: new Uint8Array(16 ** 3) };
const { signal } = new AbortController();

function unmeasured(): Plan {
  return { ...tinyPlan(), reasons: { 'training.precision': PRECISION_UNMEASURED } };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A device whose steps take these milliseconds, the first of each precision longer. */
function device(stepMs: Readonly<Record<EngineChoice['precision'], number>>) {
  const opened: string[] = [];
  const closed: string[] = [];
  const open = async (_: Plan, { precision }: EngineChoice = { engine: 'compiled', precision: 'float32' }) => {
    opened.push(precision);
    const engine: Partial<TrainingEngine> = {
      groups: ['weights'],
      assign: async () => undefined,
      async step(_batch, { step }) {
        vi.advanceTimersByTime(stepMs[precision] + (step === 1 ? 1_000 : 0));
      },
      async close() {
        closed.push(precision);
      },
    };
    return engine as TrainingEngine;
  };
  return { open, opened, closed };
}

test.each([
  { float32: 60, bfloat16: 30, chosen: 'bfloat16' },
  { float32: 30, bfloat16: 60, chosen: 'float32' },
  // A gain that is not worth the lower precision.
  { float32: 100, bfloat16: 97, chosen: 'float32' },
] as const)(
  'a plan takes what the device does faster: $float32 ms in float32, $bfloat16 ms in bfloat16',
  async (of) => {
    const { open, opened, closed } = device(of);
    const plan = unmeasured();
    const planned = withPrecision(plan, await choosePrecision(plan, batch, signal, open));
    expect(planned.training.precision).toBe(of.chosen);
    const reason = planned.reasons['training.precision'];
    expect(reason).toBe(`measured on this device: ${of.bfloat16} ms a step in bfloat16, ${of.float32} ms in float32`);
    expect(closed).toEqual(opened);
  },
);

test('what the user gave is not measured, nor is anything where all is eager', async () => {
  const { open, opened } = device({ float32: 60, bfloat16: 30 });
  const given = { ...tinyPlan(), reasons: { 'training.precision': 'given by the user' } };
  expect(await choosePrecision(given, batch, signal, open)).toBeNull();
  vi.stubEnv('VOXHELM_ENGINE', 'eager');
  expect(await choosePrecision(unmeasured(), batch, signal, open)).toBeNull();
  expect(opened).toEqual([]);
});

test('a probe that is stopped does not wait for the step', async () => {
  const stop = new AbortController();
  const engine = { groups: ['weights'], assign: async () => undefined, step: () => new Promise(() => undefined) };
  const asked = choosePrecision(unmeasured(), batch, stop.signal, async () => engine as unknown as TrainingEngine);
  stop.abort(new Error('stopped'));
  await expect(asked).rejects.toThrow('stopped');
});
