import { type CaseIdentity, CaseIdentity as CaseIdentitySchema } from '@voxhelm/contracts/jobs';
import { Retraining } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJsonOrNull } from '@voxhelm/prisma/json';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { heldOutOf } from './activities/held-out.ts';
import { requestOf } from './activities/run-rows.ts';
import { type RunFiles, readCases } from './run-cases.ts';
import { startSource } from './start-source.ts';

/*
 * What a model has learnt from: its own training cases, and those of every model from whose weights it went on. A comparison
 * case that is among them can judge it no more.
 */

/** What weights have learnt from. */
const Learnt = z.object({
  /** Training cases, of the run itself or of one that it started from. */
  cases: z.array(CaseIdentitySchema),
  /** Weights of which nobody here knows what they saw: files from elsewhere, and runs that are deleted. */
  unknown: z.array(z.string()),
});
export type Learnt = z.infer<typeof Learnt>;

type Started = Pick<Run, 'id' | 'datasetId' | 'request' | 'retraining' | 'casesArtifact' | 'analysisId'>;

/** All that a run's models have learnt from. */
export async function learntBy(files: RunFiles, run: Started): Promise<Learnt> {
  const [own, before] = await Promise.all([
    run.casesArtifact === null ? [] : readCases(files, run),
    learntBeforeStart(files, run),
  ]);
  return { ...before, cases: [...own.filter(({ fold }) => fold !== null).map(identityOf), ...before.cases] };
}

/** As {@link learntBy}, of the run with this id. */
export async function learntByRun(files: RunFiles, runId: string): Promise<Learnt> {
  return learntBy(files, await files.db.run.findUniqueOrThrow({ where: { id: runId } }));
}

/** The names of a dataset's comparison cases that are among those learnt from. */
export async function comparisonCasesIn(db: Transaction, datasetId: string, { cases }: Learnt): Promise<string[]> {
  const isLearnt = sameCaseAs(cases);
  return (await heldOutOf(db, datasetId)).filter(isLearnt).map(({ caseId }) => caseId);
}

/** True where the run takes over the search trials of another: models that had comparison cases must not live on. */
export async function keepsTrials(files: RunFiles, run: Started): Promise<boolean> {
  const { branch } = requestOf(run);
  if (branch?.keep !== 'trials') return false;
  const learnt = await learntByRun(files, branch.run);
  return (await comparisonCasesIn(files.db, run.datasetId, learnt)).length === 0;
}

/**
 * What the weights that a run starts from have learnt: as it was written down when the run was planned, for those runs may be
 * deleted since; told from the runs themselves where that was not done yet.
 */
async function learntBeforeStart(files: RunFiles, run: Started): Promise<Learnt> {
  const written = await files.store.find(keyOf(run));
  if (written !== null) return readJson(files.store, written, Learnt);
  return tellBeforeStart(files, run, null, requestOf(run).branch?.keep === 'trials');
}

/**
 * Writes down what the weights that the run starts from have learnt.
 * @param weightsSha256 of the weights that the request names; a bundle of ours is known by it wherever its file lies.
 */
export async function writeLearntBeforeStart(
  files: RunFiles,
  run: Started,
  weightsSha256: string | null,
): Promise<Learnt> {
  const learnt = await tellBeforeStart(files, run, weightsSha256, await keepsTrials(files, run));
  await writeJson(files.store, keyOf(run), learnt);
  return learnt;
}

async function tellBeforeStart(
  files: RunFiles,
  run: Started,
  weightsSha256: string | null,
  tookTrials: boolean,
): Promise<Learnt> {
  const { branch, plan } = requestOf(run);
  const champion = fromJsonOrNull('Run.retraining', Retraining, run.retraining)?.startFrom ?? null;
  const named = plan?.startFrom === undefined ? null : await runOf(files, plan.startFrom, weightsSha256);
  const branched = branch !== undefined && tookTrials ? branch.run : null;
  const sources = [...new Set([champion, named, branched].filter((id) => id !== null))];
  const learnt = await Promise.all(
    sources.map(async (id): Promise<Learnt> => {
      const source = await files.db.run.findUnique({ where: { id } });
      if (source === null) return { cases: [], unknown: [`run ${id}, which is deleted`] };
      const learnt = await learntBy(files, source);
      return source.datasetId === run.datasetId ? learnt : { ...learnt, cases: learnt.cases.map(foreignTo(source)) };
    }),
  );
  const foreign = plan?.startFrom !== undefined && named === null ? [plan.startFrom] : [];
  return {
    cases: learnt.flatMap(({ cases }) => cases),
    unknown: [...foreign, ...learnt.flatMap(({ unknown }) => unknown)],
  };
}

/** The run whose weights a request names; null where they are nobody's here. */
async function runOf({ db }: RunFiles, startFrom: string, weightsSha256: string | null): Promise<string | null> {
  const source = startSource(startFrom);
  if (source.kind === 'run') return source.id;
  if (source.kind === 'artifact') return /^runs\/([^/]+)\//.exec(source.key)?.[1] ?? null;
  if (weightsSha256 === null) return null;
  const bundle = await db.artifact.findFirst({ where: { sha256: weightsSha256 }, select: { runId: true } });
  return bundle?.runId ?? null;
}

function identityOf({ caseId, sha256, voxelSha256, patient }: CaseIdentity): CaseIdentity {
  return { caseId, sha256, voxelSha256, patient };
}

/** Names and patients tell cases apart within a dataset only; in another one the image and the files do. */
function foreignTo({ datasetId }: Pick<Run, 'datasetId'>): (one: CaseIdentity) => CaseIdentity {
  return ({ caseId, sha256, voxelSha256 }) => ({ caseId: `${datasetId}/${caseId}`, sha256, voxelSha256 });
}

function keyOf({ id }: Pick<Run, 'id'>): string {
  return `runs/${id}/learnt-before-start.json`;
}
