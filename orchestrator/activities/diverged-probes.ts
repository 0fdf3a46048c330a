import type { AlgorithmPlanner } from '@voxhelm/algorithms/planner';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ProbeResult } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import type { NamedSpace } from '@voxhelm/search/narrow';
import { compileSpace } from '@voxhelm/search/space';
import type { LeftOut } from '@voxhelm/search/worth-trying';

/*
 * What becomes of an algorithm whose loss was no number in the probe's first steps. Where a search draws its learning rate, another
 * one may do: it is tried, and the run says what was seen. Where the user gave the rate, every trial would end as the probe did:
 * the algorithm is left out, and where none remains the run ends at once.
 */

/** An algorithm with its plan and what its probe measured. */
export interface ProbedPlan {
  readonly name: string;
  readonly planner: Pick<AlgorithmPlanner, 'space'>;
  readonly plan: Plan;
  readonly probe: Pick<ProbeResult, 'diverged'>;
}

/** The probed algorithms that a search may try, and those that it may not. */
export interface TriedOrLeftOut<P> {
  readonly tried: P[];
  readonly leftOut: LeftOut[];
}

/** Divides probed algorithms by whether a trial may do better. Throws `diverged`, naming each with its numbers, where none may. */
export function triedDespiteDivergence<P extends ProbedPlan>(probed: readonly P[]): TriedOrLeftOut<P> {
  const lost = probed.filter((one) => !mayLearn(one));
  const tried = probed.filter((one) => !lost.includes(one));
  if (tried.length === 0 && lost.length > 0) {
    throw new VoxhelmError('diverged', lost.map((one) => `${one.name}: ${seen(one)}`).join('; '), {
      fix: fixOf(lost),
      details: Object.fromEntries(lost.map(({ name, probe }) => [name, probe.diverged?.reason])),
    });
  }
  return {
    tried,
    leftOut: lost.map((one) => ({ name: one.name, reason: `it diverged while it was measured: ${seen(one)}` })),
  };
}

/** Whether a training of it may come to something: nothing diverged, or the rate that did is drawn anew. */
export function mayLearn(one: ProbedPlan): boolean {
  return one.probe.diverged === undefined || isDrawn(one);
}

/**
 * The space and defaults of an algorithm whose plan's learning rate diverged, with the least rate that its search may draw as the
 * default: the first trial, of a look the only one, would repeat what the probe saw. As they are where nothing diverged, or where
 * the user's own space has one rate.
 */
export function withLeastRate<N extends NamedSpace>(named: N, { probe }: Pick<ProbedPlan, 'probe'>): N {
  if (probe.diverged === undefined) return named;
  const domain = compileSpace(named.space).find(({ path }) => path === 'learningRate')?.domain;
  if (domain?.kind !== 'range') return named;
  return { ...named, defaults: { ...named.defaults, learningRate: domain.low } };
}

/** Tells of an algorithm that is tried though its plan's own numbers diverged. */
export function divergedEvent(one: ProbedPlan) {
  if (one.probe.diverged === undefined) return [];
  const message = `${one.name} diverged while it was measured: ${seen(one)}. Its first trial takes the least rate of the search, others draw theirs.`;
  return [{ key: `diverged:${one.name}`, type: 'algorithm.diverged', message, data: { algorithm: one.name } }];
}

/** Whether a trial may have another learning rate than the plan's. A search of an architecture has one rate, whatever is drawn. */
function isDrawn({ planner, plan, probe }: ProbedPlan): boolean {
  return probe.diverged?.of !== 'architecture-search' && Object.hasOwn(planner.space(plan), 'learningRate');
}

/** What the probe saw, with the numbers that made it so. */
function seen({ plan, probe }: ProbedPlan): string {
  const { diverged } = probe;
  if (diverged?.of === 'architecture-search') {
    return `${diverged.reason}, with learningRate ${plan.architectureSearch?.learningRate} of its architecture search`;
  }
  const { learningRate, gradientClipNorm, optimizer } = plan.training;
  const clipped = gradientClipNorm === null ? 'no gradientClipNorm' : `gradientClipNorm ${gradientClipNorm}`;
  return `${diverged?.reason}, with ${optimizer}, learningRate ${learningRate} and ${clipped}`;
}

function fixOf(lost: readonly ProbedPlan[]): string {
  if (lost.every(({ probe }) => probe.diverged?.of === 'architecture-search')) {
    return 'Lower the learningRate of plan.architectureSearch.';
  }
  const clips = lost.some(({ plan }) => plan.training.gradientClipNorm === null);
  const clip = clips ? ", or give a gradientClipNorm (nnU-Net's is 12)" : '';
  return `Lower learningRate in the plan, or leave it out, so that the search draws it${clip}.`;
}
