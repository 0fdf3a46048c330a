import { performance } from 'node:perf_hooks';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import { readImage } from '@voxhelm/imaging/nifti';
import { mirroredAxes } from '@voxhelm/imaging/transforms/placement';
import { disposeModels, loadModels, type ModelFile } from './ensemble-predictor.ts';
import { fuseModels, type LoadedModel } from './fuse-models.ts';
import { imageGroups, prepareImage } from './image-groups.ts';
import { type LabelledCase, type Material, type Member, readTruth } from './material.ts';
import { type ComponentScores, flipSets } from './select.ts';
import { componentScores, membersFor, type Watch } from './validation.ts';

/*
 * Mirrored copies at test time. The stored predictions are without them, so the validation cases are predicted again,
 * each by the members that did not train on it: only where the time allows it.
 */

/** The chosen members with their weights. */
export type LoadableMember = Member & { readonly model: ModelFile };

/** Validation with flips: which, and each case's scores. */
export interface FlippedScores {
  readonly flips: number[][];
  readonly scores: Map<string, ComponentScores>;
}

/**
 * Predicts the validation cases with the most thorough set of flips that fits the budget (validation now and test cases
 * later, estimated from one measured prediction). null: no axis was flipped in training, or the time does not suffice.
 * With a budget the answer depends on the machine's speed; without one it is a function of the inputs alone.
 */
export async function scoreFlips(
  material: Material,
  members: readonly LoadableMember[],
  mode: FusionPlan['mode'],
  budgetMs: number | null,
  watch: Watch,
): Promise<FlippedScores | null> {
  const sets = flipSets(members.map((member) => mirroredAxes(member.planContent.augmentation)));
  if (sets.length === 0 || material.validation.length === 0) return null;
  const startedAt = performance.now();
  const models = loadModels(members.map((member) => member.model));
  try {
    const flips = budgetMs === null ? sets[0]! : await affordable(material, members, models, sets, budgetMs);
    if (flips === undefined) return null;
    const scores = new Map<string, ComponentScores>();
    const read = ({ images }: LabelledCase) => {
      watch.step(scores.size, material.validation.length);
      return readImage(images);
    };
    for (const { voters, cases } of byVoters(material.validation, members)) {
      const votes = voters.map((voter) => models[members.indexOf(voter)] as LoadedModel);
      for await (const group of imageGroups(cases, read, votes)) {
        if (budgetMs !== null && performance.now() - startedAt > budgetMs) return null;
        const images = group.map(({ prepared }) => prepared);
        const predictions = await fuseModels(votes, images, { mode, flips }, material.labels);
        for (const [index, { item, prepared }] of group.entries()) {
          const truth = await readTruth(item, prepared.image.shape);
          scores.set(item.caseId, componentScores(predictions[index] as Uint8Array | Uint16Array, truth, material));
        }
      }
    }
    return { flips, scores };
  } finally {
    disposeModels(models);
  }
}

/** Cases by the members that may vote on them, which predict them together; cases without one are left out. */
function byVoters(
  cases: readonly LabelledCase[],
  members: readonly LoadableMember[],
): { readonly voters: readonly LoadableMember[]; readonly cases: LabelledCase[] }[] {
  const groups = new Map<string, { voters: readonly LoadableMember[]; cases: LabelledCase[] }>();
  for (const one of cases) {
    const may = new Set<Member>(membersFor(one, members));
    const voters = members.filter((member) => may.has(member));
    if (voters.length === 0) continue;
    const key = voters.map(({ trialId }) => trialId).join();
    const group = groups.get(key) ?? { voters, cases: [] };
    group.cases.push(one);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The first set whose estimated time fits. The second of two predictions is timed: the first one also warms up. */
async function affordable(
  material: Material,
  members: readonly LoadableMember[],
  models: readonly LoadedModel[],
  sets: readonly number[][][],
  budgetMs: number,
): Promise<number[][] | undefined> {
  const sample = material.validation.find((one) => membersFor(one, members).length > 0);
  if (sample === undefined) return undefined;
  const image = await readImage(sample.images);
  const predict = (): Promise<unknown> =>
    fuseModels(models.slice(0, 1), [prepareImage(image)], { mode: 'mean', flips: [] }, material.labels);
  const startedAt = performance.now();
  await predict();
  const warmAt = performance.now();
  await predict();
  const onceMs = performance.now() - warmAt;
  const leftMs = budgetMs - (performance.now() - startedAt);
  const validations = material.validation.reduce((sum, one) => sum + membersFor(one, members).length, 0);
  const tests = material.test.length * members.length;
  return sets.find((flips) => onceMs * (validations * (1 + flips.length) + tests * flips.length) <= leftMs);
}
