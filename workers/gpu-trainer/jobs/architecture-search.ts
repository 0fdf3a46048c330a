import { searchingPlan, withArchitecture } from '@voxhelm/algorithms/found-architecture';
import { architectureSearcherOf } from '@voxhelm/algorithms/network-searchers';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import type { ProbeResult } from '@voxhelm/contracts/jobs';
import { FoundArchitecture, type Plan } from '@voxhelm/contracts/plan';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { seededPermutation } from '@voxhelm/imaging/random';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { openBatchLoader } from '../loader/batch-loader.ts';
import type { Batch } from '../loader/messages.ts';
import { openThreadPool, type ThreadPool } from '../loader/thread-pool.ts';
import { searchInThread } from '../training-thread.ts';
import type { Attempt } from './train.ts';

/*
 * The phase of a training that searches its network's architecture. In the artifact store:
 *
 *   <trial>/architecture-search.safetensors   how far the search has come: an attempt after a crash goes on from it
 *   <run>/architectures/<hash>.json           what was found: trials of the run with the same settings share it
 *   <trial>/trained-plan.json                 the trial's plan with the found architecture
 */

/** The plan to train by, and where it lies. */
export interface SearchedPlan {
  readonly plan: Plan;
  readonly artifact: ArtifactRef;
}

/** The plan with its architecture searched, by this attempt or an earlier one; null where the plan asks for no search. */
export async function searchedPlan(own: Attempt, volumes: readonly TrainingVolume[]): Promise<SearchedPlan | null> {
  const { job, plan, context } = own;
  if (plan.architectureSearch === undefined) return null;
  const hash = architectureSearcherOf(plan).hash(plan);
  const key = `runs/${job.runId}/architectures/${hash.slice(0, 16)}-${job.cases.sha256.slice(0, 16)}.json`;
  const earlier = await context.store.find(key);
  const found =
    earlier === null ? await search(own, volumes) : await readJson(context.store, earlier, FoundArchitecture);
  if (earlier === null) await writeJson(context.store, key, found);
  await context.store.remove(checkpointKey(own));
  const kept = `${Math.round(100 * found.memoryShare)} % of the cells by memory`;
  own.progress.event(
    earlier === null
      ? `found an architecture in ${found.steps} steps: ${kept}`
      : `takes over the architecture that was found before: ${kept}`,
  );
  const trained = withArchitecture(plan, found);
  const artifact = await writeJson(context.store, `${job.artifactPrefix}/trained-plan.json`, trained);
  return { plan: trained, artifact };
}

/** The cases in two halves, in an order that the search's seed decides; one case alone is in both. */
export function halves<T>(items: readonly T[], seed: number): readonly [readonly T[], readonly T[]] {
  const order = [...seededPermutation(items.length, seed, 'architecture-search')].map((index) => items[index] as T);
  const middle = Math.ceil(order.length / 2);
  return [order.slice(0, middle), items.length > 1 ? order.slice(middle) : order];
}

async function search(own: Attempt, volumes: readonly TrainingVolume[]): Promise<FoundArchitecture> {
  const { plan, pool, progress } = own;
  const { seed, steps, warmupSteps } = plan.architectureSearch as NonNullable<Plan['architectureSearch']>;
  const [weights, architecture] = halves(volumes, seed);
  progress.phase('searching');
  progress.event(`searches an architecture: ${steps} steps, the first ${warmupSteps} of weights alone`);
  // A pool of its own for the second half: a pool's threads hold one set of volumes.
  const second = openThreadPool(1);
  try {
    return await searchOn(own, { weights: [pool, weights], architecture: [second, architecture] });
  } finally {
    await second.close();
  }
}

function checkpointKey({ job }: Attempt): string {
  return `${job.artifactPrefix}/architecture-search.safetensors`;
}

type Half = readonly [ThreadPool, readonly TrainingVolume[]];

async function searchOn(
  own: Attempt,
  parts: Readonly<Record<'weights' | 'architecture', Half>>,
): Promise<FoundArchitecture> {
  const { plan, context, api, progress, signal } = own;
  const { steps, warmupSteps, seed } = plan.architectureSearch as NonNullable<Plan['architectureSearch']>;
  const loaderOf = ([pool, volumes]: Half, lastStep: number) =>
    openBatchLoader({ pool, volumes, plan: searchingPlan(plan), seed, lastStep });
  const loaders = {
    weights: await loaderOf(parts.weights, steps),
    architecture: await loaderOf(parts.architecture, steps),
  };
  const key = checkpointKey(own);
  const start = (startFrom: Uint8Array | null): Promise<FoundArchitecture> =>
    architectureSearcherOf(plan).search({
      plan,
      precision: plan.training.precision,
      startFrom,
      signal,
      openEngine: searchInThread,
      nextBatch: (part, step) => loaders[part].next(step),
      onStep({ step, loss, architectureLoss }) {
        progress.tell();
        const points = [{ series: 'search.loss', step, value: loss }];
        if (architectureLoss !== null)
          points.push({ series: 'search.architectureLoss', step, value: architectureLoss });
        api.addPoints(points).catch(() => undefined); // A refusal aborts `signal`.
      },
      async save(bytes) {
        await context.store.write(key, bytes);
      },
    });
  context.log('info', `searches the architecture for ${steps} steps, ${warmupSteps} of them warm-up`, { steps });
  const saved = await context.store.find(key);
  if (saved === null) return start(null);
  try {
    return await start(await context.store.read(saved));
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    if (code !== 'bad-checkpoint' && code !== 'storage') throw error;
    progress.event(`the architecture search's checkpoint cannot be used, it begins anew: ${message}`);
    return start(null);
  }
}

/** Steps of each kind that a probe measures; the first of each is not counted, for TensorFlow optimises its graph then. */
const PROBED_STEPS = 3;

/** What a search ahead of a training costs; null where there is none, or where its loss was no number, which is then told. */
export interface ProbedSearch {
  readonly cost: ProbeResult['architectureSearch'];
  readonly diverged: NonNullable<ProbeResult['diverged']> | null;
}

/** Measures what the search ahead of a training costs, by a few of its steps on one batch. `measure`: another one in tests. */
export async function probeSearch(
  plan: Plan,
  batch: Batch,
  signal: AbortSignal,
  measure: typeof searchCost = searchCost,
): Promise<ProbedSearch> {
  const settings = plan.architectureSearch;
  if (settings === undefined) return { cost: null, diverged: null };
  const own = itemsOf(batch, plan.batchSize * plan.training.accumulate, searchingPlan(plan).batchSize);
  try {
    return { cost: await measure(plan, settings, own, signal), diverged: null };
  } catch (error) {
    if (!(error instanceof VoxhelmError) || error.code !== 'diverged') throw error;
    return { cost: null, diverged: { of: 'architecture-search', reason: error.message } };
  }
}

/** `wanted` of a batch's `items`; a search that takes more of them than a training sees them again. */
function itemsOf({ image, classes }: Batch, items: number, wanted: number): Batch {
  const again = <A extends Float32Array | Uint8Array>(values: A, to: A): A => {
    for (let at = 0; at < to.length; at += values.length) to.set(values.subarray(0, to.length - at), at);
    return to;
  };
  return {
    image: again(image, new Float32Array((image.length / items) * wanted)),
    classes: again(classes, new Uint8Array((classes.length / items) * wanted)),
  };
}

async function searchCost(
  plan: Plan,
  settings: NonNullable<Plan['architectureSearch']>,
  batch: Batch,
  signal: AbortSignal,
): Promise<ProbedSearch['cost']> {
  const times: number[] = [];
  const started = performance.now();
  await architectureSearcherOf(plan).search({
    plan: { ...plan, architectureSearch: { ...settings, warmupSteps: PROBED_STEPS, steps: 2 * PROBED_STEPS } },
    precision: plan.training.precision,
    startFrom: null,
    signal,
    openEngine: searchInThread,
    nextBatch: () => Promise.resolve(batch),
    onStep: ({ stepMs }) => times.push(stepMs),
    save: null,
  });
  const allMs = performance.now() - started;
  const shortest = (from: number): number => Math.min(...times.slice(from + 1, from + PROBED_STEPS));
  const [warmupStepMs, stepMs] = [shortest(0), shortest(PROBED_STEPS)];
  return { openMs: Math.max(0, allMs - PROBED_STEPS * (warmupStepMs + stepMs)), warmupStepMs, stepMs };
}
