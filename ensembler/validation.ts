import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionMode } from '@voxhelm/contracts/ensemble';
import { keepLargestComponents } from '@voxhelm/imaging/components';
import { diceByClass } from '@voxhelm/imaging/metrics/dice';
import { diceByGroup } from '@voxhelm/imaging/metrics/group-scores';
import type { LabelMap } from '@voxhelm/imaging/volume';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import { byText } from './bundle-write.ts';
import { addToFusion, fusedLabels, startFusion } from './fuse.ts';
import { type LabelledCase, type Material, type Member, readTruth } from './material.ts';
import { decodeProbabilities, type QuantizedProbabilities } from './probabilities.ts';
import type { CandidateDraft, ComponentScores, ScoredCandidate } from './select.ts';
import { SLAB_VALUES } from './slabs.ts';

/*
 * What the stored validation predictions say of each candidate. Every case is read once and serves all candidates; what
 * is kept of it is numbers only.
 */

/** Progress and cancellation, between cases. */
export interface Watch {
  /** Throws `cancelled` where the job is to stop. */
  step(done: number, total: number): void;
}

/** Scores every candidate on every validation case that one of its members did not train on. */
export async function scoreCandidates(
  material: Material,
  drafts: readonly CandidateDraft[],
  store: ArtifactStore,
  watch: Watch,
): Promise<ScoredCandidate[]> {
  const scored = drafts.map((draft) => ({ ...draft, caseDice: new Map<string, number>() }));
  for (const [index, one] of material.validation.entries()) {
    watch.step(index, material.validation.length);
    const votes = await readVotes(material, one, store);
    const first = votes.values().next().value;
    if (first === undefined) continue;
    const truth = await readTruth(one, first.shape);
    const known = new Map<string, number | null>();
    for (const candidate of scored) {
      const voters = candidate.trialIds.filter((trialId) => votes.has(trialId));
      if (voters.length === 0) continue;
      // Many candidates differ only in members that may not vote here.
      const key = [voters.length > 1 ? candidate.mode : 'alone', ...[...voters].sort(byText)].join('|');
      const dice = known.has(key)
        ? (known.get(key) ?? null)
        : meanOverClasses(
            plainDice(
              fuseVotes(
                voters.map((id) => votes.get(id)!),
                candidate.mode,
                material.labels,
              ),
              truth,
              material,
            ),
          );
      known.set(key, dice);
      if (dice !== null) candidate.caseDice.set(one.caseId, dice);
    }
  }
  return scored;
}

/** Scores one candidate in detail: with and without the largest component of each class, by case id. */
export async function scoreComponents(
  material: Material,
  draft: Pick<CandidateDraft, 'trialIds' | 'mode'>,
  store: ArtifactStore,
  watch: Watch,
): Promise<Map<string, ComponentScores>> {
  const scores = new Map<string, ComponentScores>();
  for (const [index, one] of material.validation.entries()) {
    watch.step(index, material.validation.length);
    const votes = [...(await readVotes(material, one, store, draft.trialIds)).values()];
    const first = votes[0];
    if (first === undefined) continue;
    const prediction = fuseVotes(votes, draft.mode, material.labels);
    scores.set(one.caseId, componentScores(prediction, await readTruth(one, first.shape), material));
  }
  return scores;
}

/** The stored predictions of a case by members that did not train on it, by trial id, in the order of `material.members`. */
async function readVotes(
  material: Material,
  one: LabelledCase,
  store: ArtifactStore,
  only?: readonly string[],
): Promise<Map<string, QuantizedProbabilities>> {
  const votes = new Map<string, QuantizedProbabilities>();
  for (const member of membersFor(one, material.members, only)) {
    votes.set(member.trialId, decodeProbabilities(await store.read(member.stored.get(one.caseId)!.probabilities)));
  }
  return votes;
}

/** Members that predicted a case and did not train on it. */
export function membersFor(one: LabelledCase, members: readonly Member[], only?: readonly string[]): Member[] {
  return members.filter(
    (member) => member.stored.has(one.caseId) && (only === undefined || only.includes(member.trialId)),
  );
}

/**
 * What members' stored predictions of a case come to together: a label value for each voxel. At most `slabValues` classes x
 * voxels are added up at once.
 */
export function fuseVotes(
  votes: readonly QuantizedProbabilities[],
  mode: FusionMode,
  labels: readonly LabelDefinition[],
  slabValues = SLAB_VALUES,
): Uint8Array | Uint16Array {
  const values = labels.map((label) => label.value);
  const voxels = votes[0]!.data.length / votes[0]!.classes;
  const most = Math.max(1, Math.floor(slabValues / labels.length));
  if (voxels <= most) return fusedPart(votes, mode, values, 0, voxels);
  const fused = Math.max(...values) > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  for (let from = 0; from < voxels; from += most) {
    fused.set(fusedPart(votes, mode, values, from, Math.min(voxels, from + most)), from);
  }
  return fused;
}

/** The labels of voxels `from` to `to` (exclusive). */
function fusedPart(
  votes: readonly QuantizedProbabilities[],
  mode: FusionMode,
  values: readonly number[],
  from: number,
  to: number,
): Uint8Array | Uint16Array {
  const fusion = startFusion(mode, values.length, to - from);
  for (const { data, classes } of votes) addToFusion(fusion, partOf(data, classes, from, to));
  return fusedLabels(fusion, values);
}

function partOf(data: Uint8Array, classes: number, from: number, to: number): Uint8Array {
  const voxels = data.length / classes;
  if (to - from === voxels) return data;
  const part = new Uint8Array(classes * (to - from));
  for (let index = 0; index < classes; index++) {
    part.set(data.subarray(index * voxels + from, index * voxels + to), index * (to - from));
  }
  return part;
}

/** Values of all classes but background. */
export function foregroundValues(labels: readonly LabelDefinition[]): number[] {
  return labels.map((label) => label.value).filter((value) => value !== 0);
}

function plainDice(
  prediction: Uint8Array | Uint16Array,
  truth: LabelMap,
  { labels, labelGroups, ignoreLabel }: Scored,
): Map<number, number | null> {
  return labelGroups === null
    ? diceByClass(prediction, truth.data, foregroundValues(labels), ignoreLabel)
    : diceByGroup(prediction, truth.data, labelGroups, ignoreLabel);
}

/** What is scored: which values are classes, and which is none. */
type Scored = Pick<Material, 'labels' | 'labelGroups' | 'ignoreLabel'>;

/** Dice by class as predicted, and with only the largest component of that class. Changes `prediction`. */
export function componentScores(
  prediction: Uint8Array | Uint16Array,
  truth: LabelMap,
  scored: Scored,
): ComponentScores {
  const { labels } = scored;
  const plain = plainDice(prediction, truth, scored);
  // What is cut off a part is cut off the whole as well: it cannot be chosen for one group alone.
  if (scored.labelGroups !== null) return { plain, largest: plain };
  // A class's component is background afterwards and never another class, so all classes can be cut at once.
  keepLargestComponents(prediction, truth.shape, foregroundValues(labels));
  return { plain, largest: plainDice(prediction, truth, scored) };
}

/** Mean over classes that count; null where none does. */
export function meanOverClasses(dice: ReadonlyMap<number, number | null>): number | null {
  const present = [...dice.values()].filter((value) => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}

/** Dice of every case where the largest component is kept of some classes. */
export function caseDiceWith(
  scores: ReadonlyMap<string, ComponentScores>,
  largestComponent: readonly number[],
): Map<string, number> {
  const dice = new Map<string, number>();
  for (const [caseId, { plain, largest }] of scores) {
    const mixed = new Map(
      [...plain].map(([value, own]) => [value, largestComponent.includes(value) ? (largest.get(value) ?? null) : own]),
    );
    const mean = meanOverClasses(mixed);
    if (mean !== null) dice.set(caseId, mean);
  }
  return dice;
}
