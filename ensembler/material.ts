import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import {
  EnsembleCandidateMember,
  type EnsembleJob,
  RunReport,
  TrainingCase,
  ValidationPredictions,
} from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { readLabel } from '@voxhelm/imaging/nifti';
import type { LabelMap } from '@voxhelm/imaging/volume';
import { type ArtifactStore, readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/** A trained model with what is stored of it. */
export interface Member extends EnsembleCandidateMember {
  readonly planContent: Plan;
  /** Stored predictions of the cases of its own fold, by case id. */
  readonly stored: ReadonlyMap<string, ValidationPredictions['cases'][number]>;
}

/** A case with a truth. */
export type LabelledCase = TrainingCase & { readonly label: string };

/** Everything that the ensemble job works on, read and checked. */
export interface Material {
  readonly members: readonly Member[];
  /** Cases of some fold that a member can vote on, sorted by id. */
  readonly validation: readonly LabelledCase[];
  /** Test cases with labels, sorted by id. */
  readonly test: readonly LabelledCase[];
  readonly labels: readonly LabelDefinition[];
  /** Where labels are parts of one another, what is scored instead of them; null: the labels. */
  readonly labelGroups: Plan['labelGroups'];
  /** Voxels of this value in a truth are not scored; null: there are none. */
  readonly ignoreLabel: number | null;
  readonly report: RunReport;
}

/** Reads a job's inputs; throws `invalid-request` where there is no member or members do not fit together. */
export async function readMaterial(job: EnsembleJob, store: ArtifactStore): Promise<Material> {
  const cases = await readJson(store, job.cases, z.array(TrainingCase));
  const foldOf = new Map(cases.map((one) => [one.caseId, one.fold]));
  const members = await Promise.all(
    (await readJson(store, job.members, z.array(EnsembleCandidateMember))).map((member) =>
      readMember(member, foldOf, store),
    ),
  );
  const [first] = members;
  if (first === undefined) {
    throw new VoxhelmError('invalid-request', `run ${job.runId} has no trained model to make an ensemble of`, {
      fix: 'Give the run a larger budget, or look at its trials: each says why it did not complete.',
    });
  }
  checkAlike(first, members);
  const labelled = cases.filter(isLabelled).sort((a, b) => (a.caseId < b.caseId ? -1 : 1));
  return {
    members,
    validation: labelled.filter((one) => members.some((member) => member.stored.has(one.caseId))),
    test: labelled.filter((one) => one.fold === null),
    labels: first.planContent.labels,
    labelGroups: first.planContent.labelGroups,
    ignoreLabel: first.planContent.ignoreLabel,
    report: await readJson(store, job.report, RunReport),
  };
}

/** A member may vote only on cases of its own fold: it was trained on all others. */
async function readMember(
  member: EnsembleCandidateMember,
  foldOf: ReadonlyMap<string, number | null>,
  store: ArtifactStore,
): Promise<Member> {
  const planContent = await readJson(store, member.plan, Plan);
  const predictions = await readJson(store, member.predictions, ValidationPredictions);
  const own = predictions.cases.filter((one) => foldOf.get(one.caseId) === member.fold);
  return { ...member, planContent, stored: new Map(own.map((one) => [one.caseId, one])) };
}

function isLabelled(one: TrainingCase): one is LabelledCase {
  return one.label !== null;
}

function checkAlike(first: Member, members: readonly Member[]): void {
  const ids = new Set<string>();
  for (const member of members) {
    if (ids.has(member.trialId)) throw mismatch(`trial ${member.trialId} is listed twice`);
    ids.add(member.trialId);
    for (const field of ['labels', 'modalities'] as const) {
      if (JSON.stringify(member.planContent[field]) !== JSON.stringify(first.planContent[field]))
        throw mismatch(`trials ${first.trialId} and ${member.trialId} have plans with different ${field}`);
    }
  }
}

function mismatch(message: string): VoxhelmError {
  return new VoxhelmError('invalid-request', message, { fix: 'Make the ensemble of trials of one run only.' });
}

/** A case's truth; throws `bad-image` where it lies on another grid than `shape`. */
export async function readTruth(one: LabelledCase, shape: readonly number[]): Promise<LabelMap> {
  const truth = await readLabel(one.label);
  if (truth.shape.join() !== shape.join()) {
    throw new VoxhelmError(
      'bad-image',
      `${one.label}: the label has shape ${truth.shape.join('x')}, the prediction of case ${one.caseId} ${shape.join('x')}`,
      { fix: 'The files were changed after training; register the dataset again.' },
    );
  }
  return truth;
}
