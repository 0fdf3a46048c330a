import { createHash } from 'node:crypto';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { type TrainJob, TrainResult } from '@voxhelm/contracts/jobs';
import { CheckpointRef, MetricPoint } from '@voxhelm/contracts/trial';
import { decodeSafetensors } from '@voxhelm/nn/weights';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/*
 * What a trial leaves behind while it trains, so that a process may die at any moment:
 *
 *   last-<step>.safetensors   the newest two checkpoints: were the newest damaged, the one before it serves
 *   best-<step>.safetensors   the best checkpoint as each of those two knew it
 *   last.json                 the pointer to both, written after them: it never names what is not whole
 *   result.json               the result, once there is one: a job that comes again returns it
 *
 * Files carry their step in the name because the pointer must stay right while the next file is being written.
 */

/** The pruner's answer that ended a training. */
const Stopped = z.object({ reason: z.string().nullable() });
type Stopped = z.infer<typeof Stopped>;

/** The pointer's entry for one checkpoint. */
const Entry = z.object({
  checkpoint: ArtifactRef,
  step: z.number().int(),
  best: CheckpointRef.nullable(),
  /** Set where the pruner ended the training at this step: a later attempt must not train on. */
  stopped: Stopped.nullable(),
});
type Entry = z.infer<typeof Entry>;

const Pointer = z.object({
  schemaVersion: z.literal(1),
  /** Hash of the job's inputs: a checkpoint of another plan is not this trial's. */
  inputs: z.string(),
  /** Newest first. */
  checkpoints: z.array(Entry),
  /** Metric points up to the newest checkpoint that the API had not yet taken. */
  unsent: z.array(MetricPoint),
});

const StoredResult = z.object({ schemaVersion: z.literal(1), inputs: z.string(), result: TrainResult });

const KEPT_CHECKPOINTS = 2;

/** What a training goes on from. */
export interface Restored {
  readonly bytes: Uint8Array;
  readonly step: number;
  readonly stopped: Stopped | null;
}

/** The files of one trial in the artifact store. */
export interface TrialFiles {
  /** What was found damaged and passed over, in words for an operator. */
  readonly events: readonly string[];
  /**
   * The newest whole checkpoint, or null; a damaged one is passed over, and `events` says so. Before a first one of its own:
   * what the trial left from which the job goes on. Rejects where that cannot be read: beginning anew would be another trial.
   */
  restore(): Promise<{ readonly from: Restored | null; readonly unsent: MetricPoint[] }>;
  saveLast(
    bytes: Uint8Array,
    step: number,
    left: { readonly unsent: readonly MetricPoint[]; readonly stopped: Stopped | null },
  ): Promise<void>;
  saveBest(bytes: Uint8Array, step: number, dice: number | null): Promise<void>;
  best(): CheckpointRef | null;
  last(): CheckpointRef | null;
  /** The result that an earlier attempt finished with. */
  finished(): Promise<TrainResult | null>;
  finish(result: TrainResult): Promise<void>;
}

/** Names a job by all that its weights depend on. */
export function inputsOf(job: TrainJob): string {
  const parts = [job.trialId, job.plan.sha256, job.cases.sha256, job.fold, job.seed];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** What a "last" checkpoint says of its training (nn/checkpoint.ts writes it). */
const CheckpointProgress = z.object({
  step: z.number().int(),
  bestStep: z.number().int().nullable(),
  bestDice: z.number().nullable(),
  diceByClass: z.record(z.string(), z.number().nullable()),
  trainMs: z.number(),
  waitMs: z.number().default(0),
  validationMs: z.number(),
});

/** Reads how far a "last" checkpoint's training had come, without loading its weights; throws `bad-checkpoint`. */
export function decodeProgress(bytes: Uint8Array): z.infer<typeof CheckpointProgress> {
  const parsed = CheckpointProgress.safeParse(JSON.parse(decodeSafetensors(bytes).metadata['progress'] ?? 'null'));
  if (parsed.success) return parsed.data;
  throw new VoxhelmError('bad-checkpoint', `the checkpoint's progress is not readable: ${parsed.error.message}`);
}

/** Opens a trial's files; reads nothing yet. */
export function openTrialFiles(store: ArtifactStore, job: TrainJob): TrialFiles {
  const inputs = inputsOf(job);
  const key = (name: string): string => `${job.artifactPrefix}/${name}`;
  const stepName = (kind: string, step: number): string => key(`${kind}-${String(step).padStart(8, '0')}.safetensors`);
  let entries: Entry[] = [];
  let best: CheckpointRef | null = null;
  /** Keys that the pointer named or will name; those it no longer names are removed. */
  const written = new Set<string>();

  const events: string[] = [];

  /** A JSON file of the trial, or null where there is none or it is damaged. */
  async function read<S extends z.ZodType>(name: string, schema: S): Promise<z.infer<S> | null> {
    const ref = await store.find(key(name));
    if (ref === null) return null;
    try {
      return await readJson(store, ref, schema);
    } catch (error) {
      events.push(`${ref.uri} cannot be used and is ignored: ${toErrorRecord(error).message}`);
      return null;
    }
  }

  const isAdopted = ({ artifact }: CheckpointRef): boolean => artifact.uri === job.continueFrom?.best?.artifact.uri;

  /** What the trial left from which this one goes on; null where it begins anew. */
  async function adopted(): Promise<Restored | null> {
    const { continueFrom } = job;
    if (continueFrom === undefined) return null;
    const bytes = await store.read(continueFrom.last.artifact);
    best = continueFrom.best;
    return { bytes, step: continueFrom.last.step, stopped: null };
  }

  async function removeUnnamed(): Promise<void> {
    const named = new Set(entries.flatMap((entry) => [entry.checkpoint.uri, entry.best?.artifact.uri]));
    for (const uri of written) {
      if (named.has(uri)) continue;
      await store.remove(uri);
      written.delete(uri);
    }
  }

  return {
    events,

    async restore() {
      const pointer = await read('last.json', Pointer);
      if (pointer === null) return { from: await adopted(), unsent: [] };
      if (pointer.inputs !== inputs) {
        events.push('the checkpoints found belong to another plan, dataset or seed and are ignored');
        return { from: await adopted(), unsent: [] };
      }
      for (const entry of pointer.checkpoints) {
        written.add(entry.checkpoint.uri);
        // The best may be another trial's, from whose checkpoint this one went on: never removed from here.
        if (entry.best !== null && !isAdopted(entry.best)) written.add(entry.best.artifact.uri);
      }
      for (const [index, entry] of pointer.checkpoints.entries()) {
        try {
          const bytes = await store.read(entry.checkpoint);
          if (entry.best !== null) await store.localPath(entry.best.artifact); // Checks its hash.
          entries = pointer.checkpoints.slice(index);
          best = entry.best;
          return { from: { bytes, step: entry.step, stopped: entry.stopped }, unsent: pointer.unsent };
        } catch (error) {
          events.push(`the checkpoint of step ${entry.step} is ignored: ${toErrorRecord(error).message}`);
        }
      }
      return { from: await adopted(), unsent: pointer.unsent };
    },

    async saveLast(bytes, step, { unsent, stopped }) {
      const checkpoint = await store.write(stepName('last', step), bytes);
      written.add(checkpoint.uri);
      entries = [{ checkpoint, step, best, stopped }, ...entries.filter((entry) => entry.step < step)].slice(
        0,
        KEPT_CHECKPOINTS,
      );
      const pointer: z.infer<typeof Pointer> = { schemaVersion: 1, inputs, checkpoints: entries, unsent: [...unsent] };
      await writeJson(store, key('last.json'), pointer);
      await removeUnnamed();
    },

    async saveBest(bytes, step, dice) {
      const artifact = await store.write(stepName('best', step), bytes);
      written.add(artifact.uri);
      best = { artifact, step, dice };
    },

    best: () => best,
    last() {
      const newest = entries[0];
      return newest === undefined ? null : { artifact: newest.checkpoint, step: newest.step, dice: null };
    },

    async finished() {
      const stored = await read('result.json', StoredResult);
      return stored?.inputs === inputs ? stored.result : null;
    },

    async finish(result) {
      const stored: z.infer<typeof StoredResult> = { schemaVersion: 1, inputs, result };
      await writeJson(store, key('result.json'), stored);
    },
  };
}
