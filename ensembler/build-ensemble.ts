import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { EnsembleCandidate, EnsemblePlan, FusionPlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Evaluation } from '@voxhelm/contracts/evaluation';
import type { EnsembleJob, EnsembleJobResult } from '@voxhelm/contracts/jobs';
import { type ArtifactStore, writeJson } from '@voxhelm/storage/artifact-store';
import { bundleReadme } from './bundle-readme.ts';
import { memberPath, writeBundle } from './bundle-write.ts';
import { exampleOverlays } from './examples.ts';
import { type LoadableMember, scoreFlips } from './flips.ts';
import { type Material, type Member, readMaterial } from './material.ts';
import { weightsOfCheckpoint } from './member-weights.ts';
import { drawingsOf } from './report/drawings.ts';
import { reportPage } from './report/page.ts';
import {
  chooseCandidate,
  draftCandidates,
  isClearlyBetter,
  largestComponentClasses,
  meanDice,
  type ScoredCandidate,
} from './select.ts';
import { predictTestCases, type TestPredictions } from './test-cases.ts';
import { caseDiceWith, foregroundValues, scoreCandidates, scoreComponents, type Watch } from './validation.ts';

/** How the job is watched: `phase` is one of candidates, flips, test, bundle. */
export interface EnsembleHooks {
  onProgress(progress: { phase: string; done: number; total: number }): void;
  readonly signal: AbortSignal;
}

/**
 * The ensemble job, from trained models to the bundle: candidates are scored on stored validation predictions, one is
 * chosen and refined (flips, largest components), the test cases are predicted once with it, and the bundle is written.
 * Deterministic for the same inputs where the job has no time limit. Throws `cancelled` when the signal aborts.
 */
export async function buildEnsemble(
  job: EnsembleJob,
  store: ArtifactStore,
  hooks: EnsembleHooks,
): Promise<EnsembleJobResult> {
  const material = await readMaterial(job, store);
  const { plan, members } = await choose(material, job, store, hooks);
  const { evaluation, predictions } = await predictTestCases(
    material,
    members.map((member) => member.model),
    plan.chosen.fusion,
    { store, artifactPrefix: job.artifactPrefix, watch: watch(hooks, 'test') },
  );
  watch(hooks, 'bundle').step(0, 1);
  const written = await writeResults(job, store, { material, plan, members, evaluation, predictions });
  hooks.onProgress({ phase: 'bundle', done: 1, total: 1 });
  return {
    plan,
    testDice: evaluation?.mean.dice ?? null,
    testHd95Mm: evaluation?.mean.hd95Mm ?? null,
    ...written,
  };
}

/** Chooses on validation predictions alone; the members come in the order of the chosen trial ids, with their weights. */
async function choose(
  material: Material,
  job: EnsembleJob,
  store: ArtifactStore,
  hooks: EnsembleHooks,
): Promise<{ plan: EnsemblePlan; members: LoadableMember[] }> {
  const startedAt = performance.now();
  const scored = await scoreCandidates(material, draftCandidates(material.members), store, watch(hooks, 'candidates'));
  const best = chooseCandidate(scored);
  const members = await Promise.all(
    best.trialIds.map((trialId) => withWeights(material.members.find((member) => member.trialId === trialId)!, store)),
  );
  const plain = await scoreComponents(material, best, store, watch(hooks, 'candidates'));
  const leftMs = job.budgetMs === null ? null : job.budgetMs - (performance.now() - startedAt);
  const flipped =
    leftMs !== null && leftMs <= 0
      ? null
      : await scoreFlips(material, members, best.mode, leftMs, watch(hooks, 'flips'));
  const candidates = scored.map((candidate) => describe(candidate, [], [], candidate.caseDice));
  if (flipped) candidates.push(describe(best, flipped.flips, [], caseDiceWith(flipped.scores, [])));
  // Flips cost as many predictions as there are mirrored copies, and where left and right differ they may mislead: they
  // are taken only where they clearly help.
  const useFlips = flipped !== null && isClearlyBetter(caseDiceWith(flipped.scores, []), caseDiceWith(plain, []));
  const scores = useFlips ? flipped.scores : plain;
  const largest = largestComponentClasses([...scores.values()], foregroundValues(material.labels));
  const chosen = describe(best, useFlips ? flipped.flips : [], largest, caseDiceWith(scores, largest));
  if (largest.length > 0) candidates.push(chosen);
  return { plan: { schemaVersion: 1, chosen, candidates }, members };
}

function describe(
  candidate: ScoredCandidate,
  flips: number[][],
  largestComponent: number[],
  caseDice: ReadonlyMap<string, number>,
): EnsembleCandidate {
  const fusion: FusionPlan = { mode: candidate.mode, flips, largestComponent };
  return {
    rule: candidate.rule,
    n: candidate.n,
    fusion,
    trialIds: [...candidate.trialIds],
    validationDice: meanDice(caseDice),
    validationCases: caseDice.size,
  };
}

async function withWeights(member: Member, store: ArtifactStore): Promise<LoadableMember> {
  const checkpoint = await store.read(member.checkpoint);
  const weights = weightsOfCheckpoint(checkpoint, member.planContent, `checkpoint ${member.checkpoint.uri}`);
  return { ...member, model: { plan: member.planContent, weights } };
}

interface Results {
  readonly material: Material;
  readonly plan: EnsemblePlan;
  readonly members: readonly LoadableMember[];
  readonly evaluation: Evaluation | null;
  readonly predictions: TestPredictions;
}

/** Writes test.json, report.html and bundle.zip to the store. */
async function writeResults(
  job: EnsembleJob,
  store: ArtifactStore,
  { material, plan, members, evaluation, predictions }: Results,
): Promise<{ test: ArtifactRef | null; bundle: ArtifactRef; reportHtml: ArtifactRef }> {
  const page = reportPage({
    run: { ...material.report, name: job.name },
    createdAt: job.createdAt,
    labels: material.labels,
    members,
    drawings: drawingsOf(material.members, members),
    plan,
    test: evaluation,
    overlays: await exampleOverlays(material, members, evaluation, predictions, store),
    datasetFingerprint: job.datasetFingerprint,
    seed: job.seed,
  });
  const report = Buffer.from(page);
  const test = evaluation && (await writeJson(store, `${job.artifactPrefix}/test.json`, evaluation));
  const reportHtml = await store.write(`${job.artifactPrefix}/report.html`, report);
  return { test, bundle: await storeBundle(job, store, { material, plan, members, evaluation }, report), reportHtml };
}

async function storeBundle(
  job: EnsembleJob,
  store: ArtifactStore,
  { material, plan, members, evaluation }: Omit<Results, 'predictions'>,
  report: Uint8Array,
): Promise<ArtifactRef> {
  const paths = members.map((member, index) => memberPath(index, member.algorithm, member.fold));
  const files = new Map<string, Uint8Array>([
    ['report.html', report],
    ['LICENSES/README.txt', Buffer.from(bundleReadme(job.name))],
    ...members.map((member, index): [string, Uint8Array] => [paths[index]!, member.model.weights]),
  ]);
  const temporary = join(tmpdir(), `voxhelm-bundle-${randomUUID()}.zip`);
  try {
    await writeBundle(
      temporary,
      {
        schemaVersion: 1,
        kind: 'voxhelm-ensemble-bundle',
        name: job.name,
        createdAt: job.createdAt,
        labels: [...material.labels],
        modalities: members[0]!.planContent.modalities,
        datasetFingerprint: job.datasetFingerprint,
        members: members.map((member, index) => ({
          trialId: member.trialId,
          algorithm: member.algorithm,
          fold: member.fold,
          step: member.step,
          validationDice: member.validationDice,
          weights: paths[index]!,
          plan: member.planContent,
        })),
        fusion: plan.chosen.fusion,
        ensemble: plan,
        test: evaluation,
        seed: job.seed,
        versions: { voxhelm: '0.1.0', bundle: '1', node: process.versions.node },
      },
      files,
    );
    return await store.writeFile(`${job.artifactPrefix}/bundle.zip`, temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}

function watch(hooks: EnsembleHooks, phase: string): Watch {
  return {
    step(done, total) {
      if (hooks.signal.aborted)
        throw new VoxhelmError('cancelled', `the ensemble job was stopped (${phase} ${done} of ${total})`);
      hooks.onProgress({ phase, done, total });
    },
  };
}
