import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { DatalistCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type TrainingCase, type TrainJob, TrainResult } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { startFakeApi } from '@voxhelm/gpu-trainer/fixtures/fake-api';
import { superviseJob } from '@voxhelm/gpu-trainer/supervise';
import { folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { rounded } from '../lib/statistics.ts';

/** What a training is of. */
export interface Wanted {
  readonly name: string;
  readonly plan: Plan;
  readonly training: readonly DatalistCase[];
  readonly validation: readonly DatalistCase[];
  /** The training from whose best weights it starts; null: drawn from the seed. */
  readonly from: Trained | null;
}

/** A training that is done. */
export interface Trained {
  readonly best: ArtifactRef;
  readonly bestDice: number | null;
  readonly bestStep: number | null;
  /** A step with its wait for the batch, and a validation. */
  readonly stepSeconds: number;
  readonly validationSeconds: number;
  /** The whole job: process, reading the cases, training, storing predictions. */
  readonly wallSeconds: number;
  /** [step, Dice] of each validation. */
  readonly curve: readonly (readonly [number, number])[];
  /** When a validation first reached a Dice; null where none did. */
  reached(dice: number): { readonly step: number; readonly seconds: number; readonly dice: number } | null;
}

/** Trainings one after another by the trainer's own job, each in a process of its own. */
export interface Trainings {
  train(wanted: Wanted): Promise<Trained>;
  close(): Promise<void>;
}

const ENTRY = new URL('../../../workers/gpu-trainer/job.ts', import.meta.url);

/** Opens a place for trainings in a folder. */
export async function openTrainings(folder: string, seed: number): Promise<Trainings> {
  const store = folderStore(folder);
  const api = await startFakeApi();

  async function train({ name, plan, training, validation, from }: Wanted): Promise<Trained> {
    const trialId = name.replaceAll(' ', '-');
    const placed = (cases: readonly DatalistCase[], fold: number): TrainingCase[] =>
      cases.map(({ caseId, images, label }) => ({ caseId, images, label, fold }));
    const startFrom = from && { source: 'the champion', weights: from.best, required: true };
    const own = { ...plan, training: { ...plan.training, startFrom, stopEarly: null } };
    const job: TrainJob = {
      kind: 'train',
      runId: 'bench',
      trialId,
      plan: await writeJson(store, `${trialId}/plan.json`, own),
      cases: await writeJson(store, `${trialId}/cases.json`, [...placed(validation, 0), ...placed(training, 1)]),
      fold: 0,
      seed,
      lease: 1,
      artifactPrefix: `${trialId}/training`,
      prunable: false,
      ends: null,
    };
    api.points.clear();
    const started = performance.now();
    const outcome = await superviseJob({
      entry: ENTRY,
      request: { type: 'job', job, attempt: 1, smaller: 0, settings },
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const wallSeconds = (performance.now() - started) / 1_000;
    if (!outcome.ok) {
      throw new VoxhelmError('internal', `training "${name}" failed: ${outcome.error.message}\n${outcome.logTail}`);
    }
    const result = TrainResult.parse(outcome.value);
    if (result.best === null) throw new VoxhelmError('internal', `training "${name}" left no checkpoint`);
    return trainedOf(result, result.best.artifact, wallSeconds, curveOf(api.points));
  }

  const settings = { url: api.url, apiKey: undefined, artifacts: folder, caseCache: null };
  return { train, close: () => api.close() };
}

/** The points of series "dice", by step. */
function curveOf(points: ReadonlyMap<string, number>): (readonly [number, number])[] {
  return [...points]
    .flatMap(([key, value]) => (key.startsWith('dice@') ? [[Number(key.slice(5)), value] as const] : []))
    .sort(([a], [b]) => a - b);
}

function trainedOf(result: TrainResult, best: ArtifactRef, wallSeconds: number, curve: Trained['curve']): Trained {
  const stepSeconds = (result.trainMs + (result.waitMs ?? 0)) / 1_000 / result.step;
  const validationSeconds = result.validationMs / 1_000 / Math.max(1, curve.length);
  return {
    best,
    bestDice: result.bestDice,
    bestStep: result.bestStep,
    ...{ stepSeconds, validationSeconds, wallSeconds },
    curve: curve.map(([step, dice]) => [step, rounded(dice)]),
    reached(wanted) {
      const index = curve.findIndex(([, dice]) => dice >= wanted);
      const [step, dice] = curve[index] ?? [];
      if (step === undefined || dice === undefined) return null;
      const seconds = step * stepSeconds + (index + 1) * validationSeconds;
      return { step, seconds: rounded(seconds), dice: rounded(dice) };
    },
  };
}
