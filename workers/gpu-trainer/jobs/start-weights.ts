import { readFile } from 'node:fs/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { isBundle, readBundle } from '@voxhelm/ensembler/bundle-read';
import { describeMatch, type MatchedWeights, matchWeights } from '@voxhelm/nn/checkpoint-files/match-weights';
import { readStateDict } from '@voxhelm/nn/checkpoint-files/state-dict';
import { frozenSpecs } from '@voxhelm/nn/freeze';
import type { Network } from '@voxhelm/nn/network';
import type { StateValues } from '@voxhelm/nn/training-engine';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';

/** What a training begins with, and in words what it is. */
export interface StartWeights {
  readonly values: StateValues;
  readonly told: string;
}

/**
 * The weights that a plan starts from, by matching names and shapes; null where it names none. Of an ensemble bundle the
 * member that fits best, of equals the one of the plan's fold: it has not seen the cases that validate here. Throws
 * `bad-checkpoint` where nothing fits but must, and where a frozen encoder would not be whole.
 */
export async function startWeights(store: ArtifactStore, network: Network, plan: Plan): Promise<StartWeights | null> {
  const { startFrom, freeze } = plan.training;
  const frozen = frozenSpecs(network, freeze);
  if (startFrom === null) {
    if (frozen.length === 0) return null;
    throw new VoxhelmError(
      'invalid-request',
      'plan.freeze keeps the encoder as it is, but no weights are given for it',
      {
        fix: 'Give plan.startFrom: a bundle or a checkpoint.',
        details: { field: 'plan.freeze' },
      },
    );
  }
  const { match, turned } = await bestMatch(await store.localPath(startFrom.weights), network, plan);
  const source = turned === null ? startFrom.source : `${startFrom.source} (${turned})`;
  const told = `starts from ${source}: ${describeMatch(match)}`;
  if (match.values.size === 0 && startFrom.required) {
    throw new VoxhelmError('bad-checkpoint', `nothing in ${startFrom.source} fits ${network.class} of this plan`, {
      fix: 'Give weights of the same network; plan.network sets its options (width, blocks) to those of the weights.',
      details: { field: 'plan.startFrom', unused: match.unused.slice(0, 20) },
    });
  }
  const lacking = frozen.filter(({ name }) => !match.values.has(name));
  if (lacking.length > 0) {
    throw new VoxhelmError(
      'bad-checkpoint',
      `the encoder is to stay as ${startFrom.source} has it, which lacks ${lacking.length} of its ${frozen.length} parameters (${lacking[0]?.name})`,
      { fix: 'Take plan.freeze out, or set plan.network to the options that the weights were trained with.' },
    );
  }
  return { values: match.values, told };
}

/** What fits best, and in words how the file's tensors were turned; null where they were not. */
async function bestMatch(
  path: string,
  network: Network,
  plan: Plan,
): Promise<{ match: MatchedWeights; turned: string | null }> {
  const bytes = await readFile(path);
  if (!(await isBundle(path))) {
    const { tensors, turned } = readStateDict(bytes);
    return { match: matchWeights(network, tensors), turned };
  }
  const { manifest, weights } = await readBundle(path);
  const matches = manifest.members.map(({ fold, validationDice }, i) => ({
    match: matchWeights(network, readStateDict(weights[i] as Uint8Array).tensors),
    sameFold: Number(fold === plan.fold),
    dice: validationDice ?? 0,
  }));
  matches.sort((a, b) => b.match.share - a.match.share || b.sameFold - a.sameFold || b.dice - a.dice);
  const [best] = matches;
  if (best === undefined) throw new VoxhelmError('bad-bundle', `${path} has no member`);
  return { match: best.match, turned: null };
}
