import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { LabelDefinition, LabelGroup, Modality } from '@voxhelm/contracts/dataset';
import type { Device, Plan, StartFrom } from '@voxhelm/contracts/plan';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import type { Point } from '@voxhelm/contracts/trial';
import type { SearchSpace } from '@voxhelm/search/space';
import type { MemoryModel } from './memory-model.ts';
import type { PatchGrid } from './patch-grid.ts';

/** What a plan is made from: statistics, the device, and what the user fixed. No voxel, no tensor. */
export interface PlanInput {
  readonly summary: AnalysisSummary;
  readonly device: Device;
  /** Including background (value 0). */
  readonly labels: readonly LabelDefinition[];
  /** Where labels are parts of one another; absent or null: they exclude each other. */
  readonly labelGroups?: readonly LabelGroup[] | null;
  /** Value of voxels that nobody labelled; absent or null: every voxel is labelled. */
  readonly ignoreLabel?: number | null;
  /** One for all channels, or one per channel. */
  readonly modalities: readonly Modality[];
  /** Valid training cases of the whole dataset, all folds together. */
  readonly trainingCases: number;
  readonly fold: number;
  /** Trainings that share the device's memory: on a CPU one for each trainer of the machine. Absent: one. */
  readonly trainingsAtOnce?: number;
  readonly overrides: PlanOverrides;
  /** The weights that `overrides.startFrom` names, once they are in the artifact store. */
  readonly startFrom?: StartFrom | null;
}

/**
 * The pure half of an algorithm: what Voxhelm asks of each alike. The other half, the network,
 * is found in networks.ts by the class name in `plan.network`. algorithm-contract.ts is the suite that each must pass.
 */
export interface AlgorithmPlanner {
  /** As in requests and points: "segresnet". */
  readonly name: string;
  /** For people: "SegResNet". */
  readonly title: string;
  /**
   * Expected time of its training, relative to the others' on the same data and device: which one is measured first, and whether a
   * budget has time to measure it at all. From then on the measured times hold.
   */
  readonly pace: number;
  /** Every option that a request may set of its network: the network's own names. */
  readonly networkOptions: readonly string[];
  /** Whether its network has an encoder that can be frozen. */
  readonly hasEncoder: boolean;
  /** The resolved plan, each value with its reason. Throws `invalid-request` for an override that cannot work. */
  plan(input: PlanInput): Plan;
  /** Which patches the plan's network can take: what a plan is made smaller by. */
  patchGrid(plan: Plan): PatchGrid;
  /** What the plan's training takes of its device's memory, by what was measured elsewhere. No searched point takes more. */
  memory(plan: Plan): MemoryModel;
  /** Every name that {@link AlgorithmPlanner.space} may give a parameter, whatever the plan. */
  readonly searched: readonly string[];
  /** What a search may vary around this plan, names without the algorithm's prefix. Nothing that the user fixed. */
  space(plan: Plan): SearchSpace;
  /** The plan's own values of the space's parameters: the point that changes nothing. */
  defaults(plan: Plan): Point;
  /** The plan with a study's point applied (names with the algorithm's prefix: "segresnet.learningRate"). */
  configure(plan: Plan, point: Readonly<Point>): Plan;
  /** The plan with another number of steps; warm-up, and validations where not given, follow. */
  withSteps(plan: Plan, steps: number, validateEverySteps?: number): Plan;
  /** Where a training begins with a search of its own: the plan with a search of so many steps. */
  withSearchSteps?(plan: Plan, steps: number): Plan;
  /**
   * Where a training decides of its own plan: this plan with what another training found (a fold takes over the
   * architecture that the search's winner found).
   */
  adopt?(plan: Plan, trained: Plan): Plan;
  /** Where a plan has something to draw: an SVG element for the report, and a sentence about it. */
  drawing?(plan: Plan): { readonly svg: string; readonly caption: string } | null;
}

/** The reason of `training.precision` in a plan whose device has not been measured yet. */
export const PRECISION_UNMEASURED = 'until the device has been measured';

/** The plan in the precision that a probe found faster, with its reason; as it is where the probe chose none. */
export function withPrecision(
  plan: Plan,
  chosen: { readonly value: Plan['training']['precision']; readonly reason: string } | null,
): Plan {
  if (chosen === null) return plan;
  return {
    ...plan,
    training: { ...plan.training, precision: chosen.value },
    reasons: { ...plan.reasons, 'training.precision': chosen.reason },
  };
}
