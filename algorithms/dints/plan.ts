import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { checkPatch, perAxis, type Triple } from '../axes.ts';
import { withoutSearch } from '../found-architecture.ts';
import { mirrorIfLong } from '../mirroring.ts';
import { gridOf } from '../patch-grid.ts';
import { withGiven } from '../plan-given.ts';
import { because, channelsOf, lossEntry, networkEntries, optionOf, outputsOf, withEntries } from '../plan-of.ts';
import { given, readEditedPlan } from '../plan-overrides.ts';
import { withSteps } from '../plan-schedule.ts';
import { type OwnChoice, planSpace } from '../plan-space.ts';
import type { AlgorithmPlanner, PlanInput } from '../planner.ts';
import { planSpacing } from '../segresnet/geometry.ts';
import { cropRule } from '../segresnet/patch-centres.ts';
import { segresnet } from '../segresnet/plan.ts';
import { drawArchitecture } from './drawing.ts';
import { dintsMemory } from './memory.ts';
import { DINTS_OPTIONS } from './option-names.ts';
import { isWholeSearch, searchEntries, withArchitectureSteps } from './plan-search.ts';
import { defaultArchitecture } from './topology.ts';

/*
 * DiNTS's plan. Network, loss and the architecture search are Auto3DSeg's (../shared/reference/automl.md 1.8); spacing,
 * intensities, steps, optimiser and augmentation are decided as for SegResNet, so that both see the same cases.
 */

const NAME = 'dints';
/** Auto3DSeg's network on a GPU; on a CPU one whose step takes as long as SegResNet's. */
const GPU_SIZE = { num_blocks: 12, num_depths: 4, channel_mul: 1 };
const CPU_SIZE = { num_blocks: 4, num_depths: 3, channel_mul: 0.25 };

const LOSS: Plan['training']['loss'] = {
  name: 'DiceFocalLoss',
  options: {
    include_background: true,
    to_onehot_y: true,
    softmax: true,
    squared_pred: true,
    batch: true,
    smooth_nr: 1e-5,
    smooth_dr: 1e-5,
  },
};

function numberOf(options: Readonly<Record<string, unknown>>, name: string, standard: number): number {
  const value = options[name];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : standard;
}

/** The network's options: of a size by the device, and every path until a search has found some. */
function optionRules(input: PlanInput) {
  const { device, overrides } = input;
  const size = device.kind === 'cpu' ? CPU_SIZE : GPU_SIZE;
  const own = overrides.network ?? {};
  const blocks = numberOf(own, 'num_blocks', size.num_blocks);
  const depths = numberOf(own, 'num_depths', size.num_depths);
  const sized = device.kind === 'cpu' ? 'CPU: a small network' : "GPU: Auto3DSeg's";
  const untilFound = 'every path, 3x3x3 kernels at each depth: what a search replaces';
  return {
    in_channels: because(channelsOf(input), 'channels of the images'),
    num_classes: outputsOf(input),
    num_blocks: because(blocks, sized),
    num_depths: because(depths, sized),
    channel_mul: because(size.channel_mul, sized),
    use_downsample: because(true, 'Auto3DSeg'),
    ...Object.fromEntries(
      Object.entries(defaultArchitecture(blocks, depths)).map(([name, codes]) => [name, because(codes, untilFound)]),
    ),
  };
}

/** What each axis of a patch must be a multiple of. */
function divisorOf(options: Readonly<Record<string, unknown>>): Triple {
  const side = 2 ** (numberOf(options, 'num_depths', 3) - (options['use_downsample'] === false ? 1 : 0));
  return [side, side, side];
}

/** Options of a SegResNet whose patches are multiples of the same, or of a divisor of it where it halves slices later. */
function halvingAsOften([side]: Triple): Record<string, unknown> {
  return { blocks_down: Array(Math.log2(side) + 1).fill(1) };
}

function planDints(input: PlanInput): Plan {
  const { overrides } = input;
  const edited = overrides.plans?.[NAME];
  if (edited !== undefined) {
    const plan = readEditedPlan(NAME, edited, input.fold);
    checkPatch(plan.patchSize, divisorOf(plan.network.options), `plan.plans.${NAME}.patchSize`);
    return plan;
  }
  if (overrides.freeze === 'encoder') throw noEncoder();
  const { network: _network, plans: _plans, patchSize: ownPatch, ...others } = overrides;
  const network = networkEntries(
    input,
    because('DiNTS', 'the network of the algorithm dints (MONAI DiNTS)'),
    optionRules(input),
  );
  const divisor = divisorOf({
    num_depths: optionOf(network, 'num_depths'),
    use_downsample: optionOf(network, 'use_downsample'),
  });
  if (ownPatch !== undefined) checkPatch(ownPatch, divisor, 'plan.patchSize');
  const base = segresnet.plan({
    ...input,
    // A given patch decides batch and steps too; a SegResNet that halves as often takes it.
    overrides: ownPatch === undefined ? others : { ...others, patchSize: ownPatch, network: halvingAsOften(divisor) },
  });
  const patchSize = given<Triple>(ownPatch, () =>
    because(
      perAxis((axis) => divisor[axis] * Math.max(2, Math.floor(base.patchSize[axis] / divisor[axis]))),
      `${base.reasons['patchSize']}; here multiples of ${divisor.join(', ')}`,
    ),
  );
  const { workingMm } = planSpacing(input.summary, overrides.spacingMm);
  const plan = withEntries(withoutNetwork(base), {
    algorithm: because(NAME, "the run's algorithms"),
    patchSize,
    ...network,
    'training.optimizer': because(base.training.optimizer, 'AdamW, as SegResNet (Auto3DSeg: SGD at 0.2)'),
    'training.gradientClipNorm': because(
      base.training.gradientClipNorm,
      "nnU-Net, as SegResNet (Auto3DSeg's DiNTS: 0.5): a guard against one bad batch",
    ),
    'training.loss': lossEntry(
      input,
      LOSS,
      'Auto3DSeg: DiceFocal with squared predictions over the batch, background included',
    ),
    'training.deepSupervisionWeights': because([1], 'one output'),
    'sampling.mode': cropRule(input, workingMm, patchSize.value),
    ...searchEntries(input, base.batchSize),
  });
  return mirrorIfLong(withGiven(plan, input), plan.training.steps);
}

/** A plan to which another network is given. */
function withoutNetwork({ network: _, reasons, ...rest }: Plan): Partial<Plan> {
  const kept = Object.entries(reasons).filter(([path]) => !path.startsWith('network.'));
  return { ...rest, reasons: Object.fromEntries(kept) };
}

function noEncoder(): VoxhelmError {
  return new VoxhelmError('invalid-request', 'DiNTS has no encoder that could be frozen: its cells go up and down', {
    fix: `Take plan.freeze out, or name algorithms of which ${NAME} is none.`,
    details: { field: 'plan.freeze' },
  });
}

/** On a GPU the memory budget of a whole search, which is searched anew for each. */
function memoryBudgets({ architectureSearch: search }: Plan): OwnChoice | null {
  if (search === undefined || !isWholeSearch(search)) return null;
  const values = [...new Set([0.2, 0.5, search.memoryBudget])];
  return { key: 'memoryBudget', path: 'architectureSearch.memoryBudget', values };
}

/** Auto3DSeg's DiNTS: an architecture search, then training of what was found. */
export const dints: AlgorithmPlanner = {
  name: NAME,
  title: 'DiNTS',
  // 18 s where SegResNet takes 23, after a search of at least 15 (the sample's plans on two idle cores, 25 November 2026).
  pace: 1.6,
  networkOptions: DINTS_OPTIONS,
  hasEncoder: false,
  plan: planDints,
  patchGrid: (plan) => gridOf(divisorOf(plan.network.options)),
  memory: dintsMemory,
  ...planSpace({ algorithm: NAME, augmentation: false, ownKey: 'memoryBudget', own: memoryBudgets }),
  withSteps,
  withSearchSteps: withArchitectureSteps,
  adopt(plan, trained) {
    if (plan.architectureSearch === undefined) return plan;
    const names = ['arch_code_a', 'arch_code_c', 'node_a'];
    const pick = (values: Readonly<Record<string, unknown>>, prefix = '') =>
      Object.fromEntries(names.map((name) => [prefix + name, values[prefix + name]]));
    const rest = withoutSearch(plan);
    return {
      ...rest,
      network: { ...rest.network, options: { ...rest.network.options, ...pick(trained.network.options) } },
      reasons: { ...rest.reasons, ...(pick(trained.reasons, 'network.options.') as Record<string, string>) },
    };
  },
  drawing: drawArchitecture,
};
