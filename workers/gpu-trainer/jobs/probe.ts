import { networkOf } from '@voxhelm/algorithms/networks';
import { planSmaller } from '@voxhelm/algorithms/plan-smaller';
import { withPrecision } from '@voxhelm/algorithms/planner';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type ProbeJob, type ProbeResult, TrainingCase } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { decodeProbabilities, encodeProbabilities } from '@voxhelm/ensembler/probabilities';
import { foregroundValues, fuseVotes } from '@voxhelm/ensembler/validation';
import { diceByClass } from '@voxhelm/imaging/metrics/dice';
import type { LabelMap } from '@voxhelm/imaging/volume';
import { startState } from '@voxhelm/nn/initialize';
import { cancelledAfter, usingEngine } from '@voxhelm/nn/patience';
import { trainLoop } from '@voxhelm/nn/trainer';
import { createWindowPredictor, type Predictor } from '@voxhelm/nn/window-predictor';
import { readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { type BatchLoader, openBatchLoader } from '../loader/batch-loader.ts';
import type { ValidationCase } from '../loader/messages.ts';
import { loaderThreads, openThreadPool } from '../loader/thread-pool.ts';
import { inThread, openEngineThread } from '../training-thread.ts';
import { probeSearch } from './architecture-search.ts';
import { choosePrecision } from './choose-precision.ts';
import { type JobContext, residentMemoryMb } from './context.ts';
import { loadTrainingCases, loadValidationCases, splitFold } from './load-cases.ts';
import { type StartWeights, startWeights } from './start-weights.ts';
import { residentPeakMb, type StepsMemory, watchStepsMemory } from './steps-memory.ts';
import { type PredictedCase, predictCases } from './validate.ts';

const WARM_UP_STEPS = 2; // The first steps allocate and choose algorithms.
const STEPS = WARM_UP_STEPS + 4;
/** Cases that are read; loading is extrapolated from all but the first, which starts the threads as well. */
const LOADED_CASES = 5;
/** A first prediction longer than this is taken as it is; a shorter one is repeated warm. */
const REPEAT_BELOW_MS = 10_000;

/** What the parts of a probe work with. */
interface Probing {
  readonly job: ProbeJob;
  readonly context: JobContext;
  /** In the precision that was chosen. */
  readonly plan: Plan;
  readonly loader: BatchLoader;
  readonly given: StartWeights | null;
  readonly validation: ValidationCase;
  readonly memory: StepsMemory;
  tell(phase: string): void;
}

/** What a prediction of one case costs (milliseconds). */
type PredictionCost = Required<Pick<ProbeResult, 'predictCaseMs' | 'fuseCaseMs'>>;

/**
 * Measures what a step, a prediction and a start cost, by a few real steps of the plan on real cases. Where their loss is no number,
 * the times are true all the same, and the result says so: whether the run goes on is not the probe's to decide.
 */
export async function probe(job: ProbeJob, context: JobContext): Promise<ProbeResult> {
  const planned = await readJson(context.store, job.plan, Plan);
  const asked = planSmaller(
    planned,
    plannerOf(planned.algorithm).patchGrid(planned),
    context.smaller,
    context.smallerWhy,
  );
  const cases = splitFold(await readJson(context.store, job.cases, z.array(TrainingCase)), asked.fold);
  const pool = openThreadPool(loaderThreads(), context.settings.caseCache);
  const memory = watchStepsMemory();
  const tell = (phase: string): void => context.progress({ phase, memoryMb: residentMemoryMb() });
  try {
    tell('loading');
    // Weights that do not fit are told before anything is trained.
    const given = await startWeights(context.store, networkOf(asked.network), asked);
    const load = (some: typeof cases.training) => loadTrainingCases(pool, some, asked, () => tell('loading'));
    const first = await load(cases.training.slice(0, 1));
    const loadStart = performance.now();
    const others = await load(cases.training.slice(1, LOADED_CASES));
    const loadMsPerCase = others.length === 0 ? 0 : (performance.now() - loadStart) / others.length;
    const volumes = [...first, ...others];
    const [validation] = await loadValidationCases(
      pool,
      [...cases.validation, ...cases.training].slice(0, 1),
      asked,
      () => tell('loading'),
    );
    if (validation === undefined) throw new VoxhelmError('internal', 'the probe has no case to predict');
    const loader = await openBatchLoader({ pool, volumes, plan: asked, seed: job.seed, lastStep: STEPS });
    tell('training');
    const firstBatch = await loader.next(1);
    const choosingFrom = performance.now();
    const precision = await choosePrecision(asked, firstBatch, context.signal);
    // No training measures precisions: it is no part of what a start costs.
    const choosingMs = performance.now() - choosingFrom;
    const plan = withPrecision(asked, precision);
    const probing: Probing = { job, context, plan, loader, given, validation, memory, tell };
    const { stepMs, firstBatchAt, diverged, prediction } = await timeSteps(probing);
    const cost = prediction ?? (await timeStartingWeights(probing));
    const search = await probeSearch(plan, await loader.next(1), context.signal);
    if (search.cost !== null) memory.stepsEnd(); // Its steps are the larger ones.
    const unread = cases.training.length + cases.validation.length - volumes.length - 1;
    // A training's rate may be drawn anew, that of a search of an architecture is not: it is the one to be told.
    const fault = search.diverged ?? diverged;
    return {
      stepMs,
      ...cost,
      startMs: Math.max(0, firstBatchAt - context.startedAtMs - choosingMs + Math.max(0, unread) * loadMsPerCase),
      tookMs: performance.timeOrigin + performance.now() - context.startedAtMs,
      peakMemoryMb: residentPeakMb(),
      ...memory.measured(volumes.length + 1),
      precision,
      ...(given === null ? {} : { startedFrom: given.told }),
      smaller: context.smaller,
      ...(context.smaller === 0 ? {} : { smallerWhy: context.smallerWhy }),
      architectureSearch: search.cost,
      ...(fault === null ? {} : { diverged: fault }),
    };
  } finally {
    memory.close();
    await pool.close();
  }
}

/** The plan's first steps as a training does them, warm-up included; and a prediction by their weights, where these are numbers. */
async function timeSteps({ job, context, plan, loader, given, validation, memory, tell }: Probing): Promise<{
  readonly stepMs: number;
  readonly firstBatchAt: number;
  readonly diverged: NonNullable<ProbeResult['diverged']> | null;
  /** null where the weights are no numbers. */
  readonly prediction: PredictionCost | null;
}> {
  const stepTimes: number[] = [];
  let firstBatchAt = Number.NaN;
  let prediction: PredictionCost | null = null;
  const { outcome, reason } = await trainLoop({
    network: networkOf(plan.network),
    plan: {
      ...plan,
      training: { ...plan.training, steps: Math.max(STEPS, plan.training.steps), validateEverySteps: STEPS },
    },
    until: STEPS,
    seed: job.seed,
    startFrom: null,
    ...(given === null ? {} : { initialWeights: given.values }),
    signal: context.signal,
    openEngine: inThread,
    nextBatch(step) {
      if (Number.isNaN(firstBatchAt)) firstBatchAt = performance.timeOrigin + performance.now();
      return loader.next(step);
    },
    onStep(info) {
      stepTimes.push(info.stepMs + info.waitMs);
      tell('training');
    },
    async validate(predictor) {
      tell('validating');
      memory.stepsEnd();
      prediction = await timePrediction(predictor, validation, plan);
      return { dice: null, diceByClass: {} };
    },
    saveLast: () => Promise.resolve(),
    saveBest: () => Promise.resolve(),
  });
  const diverged =
    outcome === 'diverged' ? { of: 'training' as const, reason: reason ?? 'the loss was no number' } : null;
  // Of long steps a divergence may have been seen before the last.
  const counted = stepTimes.length > WARM_UP_STEPS ? stepTimes.slice(WARM_UP_STEPS) : stepTimes;
  return { stepMs: median(counted), firstBatchAt, diverged, prediction };
}

/** A prediction by the weights that the training begins with: it costs what any other does. */
function timeStartingWeights(probing: Probing): Promise<PredictionCost> {
  const { job, context, plan, given, validation } = probing;
  probing.tell('validating');
  probing.memory.stepsEnd();
  const cancelled = (): VoxhelmError => cancelledAfter('the probe', STEPS);
  return usingEngine(openEngineThread(plan), context.signal, cancelled, async (engine) => {
    await engine.assign(startState(job.seed, engine.groups, given?.values));
    return timePrediction(createWindowPredictor(networkOf(plan.network), plan, engine.predict), validation, plan);
  });
}

/** Predicts a case, and where that is quick once more, warm. */
async function timePrediction(predictor: Predictor, validation: ValidationCase, plan: Plan): Promise<PredictionCost> {
  let cost: PredictionCost = { predictCaseMs: 0, fuseCaseMs: 0 };
  for (let round = 0; round < 2 && cost.predictCaseMs <= REPEAT_BELOW_MS; round += 1) {
    const startedAt = performance.now();
    const [predicted] = await predictCases(predictor, [validation], plan);
    const predictCaseMs = performance.now() - startedAt;
    const fuseCaseMs = fusionMs((predicted as PredictedCase).probabilities, validation.truth, plan);
    cost = { predictCaseMs, fuseCaseMs };
  }
  return cost;
}

/** What the ensemble does with one stored prediction of a case (milliseconds): read, add, decide, score. */
function fusionMs(probabilities: PredictedCase['probabilities'], { data, shape }: LabelMap, plan: Plan): number {
  const stored = encodeProbabilities(probabilities, plan.labels.length, shape);
  const startedAt = performance.now();
  const fused = fuseVotes([decodeProbabilities(stored)], 'mean', plan.labels);
  diceByClass(fused, data, foregroundValues(plan.labels));
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new VoxhelmError('internal', 'the probe finished no step');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
