import { setImmediate } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ArchitectureSearch, FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import { type AlternatingEngine, alternatingEngine } from '@voxhelm/nn/alternating-engine';
import type { ComputePrecision } from '@voxhelm/nn/compiled/autocast';
import { tf } from '@voxhelm/nn/engine';
import { Abandoned, cancelledAfter, finishesUnlessAborted, Saves, usingEngine } from '@voxhelm/nn/patience';
import type { StateValues } from '@voxhelm/nn/training-engine';
import { decodeArchitecture } from './decode.ts';
import { memoryShare, type SpaceSize } from './memory-cost.ts';
import { EDGE_LOGITS, OPERATION_LOGITS } from './network.ts';
import { expectedMemoryShare } from './network-architecture-loss.ts';
import { readDintsOptions } from './network-options.ts';
import { encodeSearch, readSearch, restoreSearch, type SearchProgress } from './network-search-checkpoint.ts';
import { openSupernet, settingsOf, supernetOf } from './network-search-steps.ts';

/*
 * The search for an architecture (Auto3DSeg's DiNTS; automl.md 1.8 and 2.3): the supernet's weights are trained on one half
 * of the cases, after a warm-up its choices on the other half by turns with them; the most probable architecture is what
 * is found. Read on from `searchArchitecture`.
 */

/** A batch in host memory: image [batch, x, y, z, channel], class indices [batch, x, y, z]. */
export interface SearchBatch {
  readonly image: Float32Array;
  readonly classes: ArrayLike<number>;
}

/** Which half of the cases a batch is of. */
export type SearchPart = 'weights' | 'architecture';

/** What a search needs of the world around it. */
export interface ArchitectureSearchOptions {
  /** With `architectureSearch`. */
  readonly plan: Plan;
  readonly precision?: ComputePrecision;
  /** A checkpoint of the same search, or null to start anew. */
  readonly startFrom: Uint8Array | null;
  /** Must be a pure function of part and step. */
  nextBatch(part: SearchPart, step: number): Promise<SearchBatch>;
  onStep?(info: { step: number; loss: number; architectureLoss: number | null; stepMs: number }): void;
  /** Keeps a checkpoint; null: nobody will go on from one. */
  readonly save: ((bytes: Uint8Array, step: number) => Promise<void>) | null;
  /**
   * When aborted, the search saves and rejects with code `cancelled` after the step it is in where steps are short; else it
   * rejects at once, and goes on later from what was saved at most a minute ago.
   */
  readonly signal: AbortSignal;
  /** Who computes; by default this thread. */
  readonly openEngine?: OpenSearchEngine;
}

/** Opens what computes a plan's search: the supernet with the weights of the plan's seed. */
export type OpenSearchEngine = (plan: Plan, precision: ComputePrecision) => Promise<AlternatingEngine>;

/** Opens the engine of a plan's search in this thread: its steps block. */
export async function openSearchEngine(plan: Plan, precision: ComputePrecision): Promise<AlternatingEngine> {
  return alternatingEngine(openSupernet(plan, precision));
}

/** Rows of a flat array. */
function rows(values: ArrayLike<number>, width: number): number[][] {
  return Array.from({ length: values.length / width }, (_, row) =>
    Array.from({ length: width }, (_unused, column) => values[row * width + column] as number),
  );
}

/** What the supernet's choices decode to. */
function decodeWeights(weights: StateValues, space: SpaceSize, progress: SearchProgress): FoundArchitecture {
  const [edges, operations] = [EDGE_LOGITS, OPERATION_LOGITS].map((name) => weights.get(name) as Float32Array);
  const edgeCount = 3 * space.depths - 2;
  const codes = (operations as Float32Array).length / (edges as Float32Array).length;
  const edgeLogits = rows(edges as Float32Array, edgeCount);
  const perEdge = rows(operations as Float32Array, codes);
  const operationLogits = edgeLogits.map((_, block) => perEdge.slice(block * edgeCount, (block + 1) * edgeCount));
  const architecture = decodeArchitecture(edgeLogits, operationLogits, space.depths);
  const expected = tf.tidy(() =>
    expectedMemoryShare(
      tf.tensor(edges as Float32Array, [edgeLogits.length, edgeCount]),
      tf.tensor(operations as Float32Array, [edgeLogits.length, edgeCount, codes]),
      space,
    ),
  );
  const expectedShare = expected.dataSync()[0] as number;
  expected.dispose();
  return {
    schemaVersion: 1,
    options: { ...architecture },
    memoryShare: memoryShare(architecture, space),
    expectedMemoryShare: expectedShare,
    steps: progress.step,
    searchMs: Math.round(progress.searchMs),
  };
}

/** The weights' learning rate is halved each 0.4 of the steps after the warm-up. */
const HALVED_EVERY = 0.4;

/** Weights' learning rate at a step, from 1. */
function learningRateAt({ learningRate, steps, warmupSteps }: ArchitectureSearch, step: number): number {
  return learningRate * 0.5 ** Math.floor((step - 1) / Math.max(1, HALVED_EVERY * (steps - warmupSteps)));
}

interface Losses {
  readonly loss: number;
  /** null in the warm-up. */
  readonly architectureLoss: number | null;
}

/** A search under way. */
interface Search {
  readonly options: ArchitectureSearchOptions;
  readonly engine: AlternatingEngine;
  readonly saves: Saves;
  progress: SearchProgress;
}

/** One step: of the weights, and after the warm-up of the choices. */
async function compute({ options, engine }: Search, step: number): Promise<Losses> {
  const settings = settingsOf(options.plan);
  const batchOf = async (part: SearchPart) => {
    const { image, classes } = await options.nextBatch(part, step);
    return { image, classes: Int32Array.from(classes) };
  };
  const loss = await engine.step('weights', await batchOf('weights'), {
    step,
    learningRate: learningRateAt(settings, step),
    factor: 0,
  });
  const turn = step - settings.warmupSteps;
  if (turn <= 0) return { loss, architectureLoss: null };
  const architectureLossNow = await engine.step('architecture', await batchOf('architecture'), {
    step: turn,
    learningRate: settings.architectureLearningRate,
    factor: (turn - 1) / (settings.steps - settings.warmupSteps),
  });
  return { loss, architectureLoss: architectureLossNow };
}

function cancelled({ progress }: Search): VoxhelmError {
  return cancelledAfter('the architecture search', progress.step);
}

async function save({ options, engine, progress, saves }: Search): Promise<void> {
  if (options.save === null || saves.step === progress.step) return;
  const write = options.save;
  await saves.save(progress.step, async () => {
    await write(encodeSearch(options.plan, await readSearch(engine), progress), progress.step);
  });
}

/** Runs one step. Where it is long and a stop is asked for meanwhile, it is left alone: the search goes on from what is saved. */
async function runStep(search: Search, step: number): Promise<{ losses: Losses; stepMs: number }> {
  const { options, saves } = search;
  // TensorFlow prepares a kind of step when it first runs: the second kind takes about as long as the first one did.
  const prepares = step === settingsOf(options.plan).warmupSteps + 1;
  const started = performance.now();
  const computing = compute(search, step);
  if ((saves.mayAbandon || prepares) && !(await finishesUnlessAborted(computing, options.signal))) {
    throw new Abandoned(cancelledAfter('the architecture search', saves.step));
  }
  const losses = await computing;
  const stepMs = performance.now() - started;
  search.progress = { step, searchMs: search.progress.searchMs + stepMs };
  return { losses, stepMs };
}

async function run(search: Search): Promise<FoundArchitecture> {
  const { options, engine } = search;
  const { plan, signal } = options;
  const { steps, checkpointEverySteps } = settingsOf(plan);
  while (search.progress.step < steps) {
    const step = search.progress.step + 1;
    const { losses, stepMs } = await runStep(search, step);
    if (!Number.isFinite(losses.loss) || !Number.isFinite(losses.architectureLoss ?? 0)) {
      throw new VoxhelmError('diverged', `the architecture search's loss was no number at step ${step}`, {
        fix: 'Lower the learning rate of plan.architectureSearch.',
      });
    }
    options.onStep?.({ step, ...losses, stepMs });
    await setImmediate();
    const isDue = search.saves.afterStep(stepMs);
    if (signal.aborted || isDue || step % checkpointEverySteps === 0) await save(search);
    if (signal.aborted) throw cancelled(search);
  }
  return decodeWeights(await engine.read('weights'), readDintsOptions(supernetOf(plan).options), search.progress);
}

/**
 * Searches by `plan.architectureSearch` and returns what it found. Deterministic: from a checkpoint it goes on as if it had
 * never stopped. Rejects with `cancelled` (after saving), `diverged` naming the step, or `bad-checkpoint`.
 */
export async function searchArchitecture(options: ArchitectureSearchOptions): Promise<FoundArchitecture> {
  const { plan, precision = 'float32', startFrom, signal } = options;
  const opening = (options.openEngine ?? openSearchEngine)(plan, precision);
  const stopped = (): VoxhelmError => cancelledAfter('the architecture search', 0);
  return usingEngine(opening, signal, stopped, async (engine) => {
    const progress = startFrom === null ? { step: 0, searchMs: 0 } : await restoreSearch(plan, engine, startFrom);
    return run({ options, engine, progress, saves: new Saves(progress.step) });
  });
}
