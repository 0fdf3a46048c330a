import { networkOf } from '@voxhelm/algorithms/networks';
import { seededRandom } from '@voxhelm/imaging/random';
import { trainLoop } from '@voxhelm/nn/trainer';
import { openEngine } from '@voxhelm/nn/training-engine';
import { markMemory, peakAbove } from '../lib/memory.ts';
import { median } from '../lib/statistics.ts';
import { splitCompiled } from './compiled.ts';
import { planOf, type StepConfiguration } from './configuration.ts';
import { type StepSplit, splitStep } from './split.ts';

/*
 * One configuration of a training step by the product's own training loop, in a process of its own, so that no other
 * configuration's peak hides its own. Argument: a StepConfiguration as JSON; prints JSON lines: {"event": "first-step"},
 * then the result. tests/bench/anchor/train_step.py is its counterpart.
 */

const WARM_UP_STEPS = 2;
/** More than will ever be done: the loop is stopped by its signal when the time is over. */
const ENDLESS = 100_000;

const configuration = JSON.parse(process.argv[2] ?? '') as StepConfiguration;
const { measureMs, minSteps, precision } = configuration;
const engine = configuration.engine === 'eager' ? 'eager' : 'compiled';
const network = networkOf(configuration.network);
const batch = randomBatch();
const marked = markMemory();

const stepTimes: number[] = [];
const waitTimes: number[] = [];
const stop = new AbortController();
let firstStepMs = Number.NaN;
let until = Number.POSITIVE_INFINITY;
let peakMb = Number.NaN;
const started = performance.now();
await trainLoop({
  network,
  plan: planOf(configuration, measureMs > 0 ? ENDLESS : 1),
  seed: 0,
  startFrom: null,
  nextBatch: async () => batch,
  validate: async () => ({ dice: null, diceByClass: {} }),
  onStep: ({ step, stepMs, waitMs }) => {
    if (step === 1) {
      firstStepMs = performance.now() - started;
      process.stdout.write('{"event":"first-step"}\n');
    }
    if (step === WARM_UP_STEPS) until = performance.now() + measureMs;
    if (step > WARM_UP_STEPS) {
      stepTimes.push(stepMs);
      waitTimes.push(waitMs);
    }
    // Read before the checkpoint that the cancelled loop writes: the anchor writes none.
    peakMb = peakAbove(marked);
    if (stepTimes.length >= minSteps && performance.now() >= until) stop.abort();
  },
  saveLast: async () => undefined,
  saveBest: async () => undefined,
  signal: stop.signal,
  openEngine: (of, plan) => openEngine(of, plan, { engine, precision }),
}).catch((error: unknown) => {
  if (!stop.signal.aborted) throw error;
});
const stepMs = stepTimes.length > 0 ? median(stepTimes) : firstStepMs;
const result = {
  stepMs,
  waitMs: median(waitTimes),
  ...(measureMs > 0 ? split() : {}),
  // What the first step took beyond a later one: tracing, loading, choosing kernels, first allocations.
  compileMs: firstStepMs - stepMs,
  firstStepMs,
  steps: stepTimes.length,
  peakMb,
};
process.stdout.write(`${JSON.stringify(result)}\n`);

function split(): StepSplit {
  if (engine === 'eager') return splitStep(configuration, network, batch);
  return splitCompiled(configuration, network, { ...batch, classes: Int32Array.from(batch.classes) }, stepMs);
}

function randomBatch() {
  const random = seededRandom('bench', 'train-step');
  const voxels = configuration.batch * configuration.patch.reduce((a, b) => a * b);
  return {
    image: Float32Array.from({ length: voxels * configuration.inChannels }, () => random() - 0.5),
    classes: Uint8Array.from({ length: voxels }, () => Math.floor(configuration.classes * random())),
  };
}
