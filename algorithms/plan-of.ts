import type { AnalysisSummary, IntensityStatistics } from '@voxhelm/contracts/analysis';
import type { Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type LossConfig, type Normalization, Plan } from '@voxhelm/contracts/plan';
import { axes, type Triple } from './axes.ts';
import { GIVEN, given, type Reasoned, valuePaths } from './plan-overrides.ts';
import { stopEarlyRule, VALIDATIONS } from './plan-schedule.ts';
import { type PlanInput, PRECISION_UNMEASURED } from './planner.ts';
import { checkedSpacing } from './spacing.ts';

/*
 * How a plan is put together: every value under its path with the reason for it.
 */

/** Values by path ("training.learningRate"). */
export type PlanEntries = Readonly<Record<string, Reasoned<unknown>>>;

/** The plan of these entries. A missing or wrong one is a fault of the algorithm and throws. */
export function planOf(entries: PlanEntries): Plan {
  return withEntries({ schemaVersion: 1, reasons: {} }, entries);
}

/** A plan, or what there is of one, with these entries in place of its own; throws as {@link planOf}. */
export function withEntries({ reasons: known = {}, ...values }: Partial<Plan>, entries: PlanEntries): Plan {
  const plan: Record<string, unknown> = structuredClone(values);
  const reasons: Record<string, string> = { ...known };
  for (const [path, { value, reason }] of Object.entries(entries)) {
    const keys = path.split('.');
    const last = keys.pop() as string;
    let at = plan;
    for (const key of keys) at = (at[key] ??= {}) as Record<string, unknown>;
    at[last] = structuredClone(value);
    reasons[path] = reason;
  }
  return Plan.parse({ ...plan, reasons });
}

/** A value with its reason. */
export function because<T>(value: T, reason: string): Reasoned<T> {
  return { value, reason };
}

/** Number of channels of the images. Throws `invalid-request` where the modalities do not fit it. */
export function channelsOf({ summary, modalities }: PlanInput): number {
  const { max } = summary.image_stats.channels;
  const channels = typeof max === 'number' ? max : (max[0] ?? 1);
  if (modalities.length !== 1 && modalities.length !== channels) {
    throw new VoxhelmError(
      'invalid-request',
      `${modalities.length} modalities are given for images of ${channels} channels`,
      {
        fix: 'Give one modality for all channels, or one per channel.',
        details: { field: 'modality' },
      },
    );
  }
  return channels;
}

/** One modality for each channel. */
function modalitiesOf({ modalities }: PlanInput, channels: number): Plan['modalities'] {
  if (modalities.length === channels) return [...modalities];
  return Array<Plan['modalities'][number]>(channels).fill(modalities[0] as Plan['modalities'][number]);
}

/** What is known of a channel's foreground, and in words where from. */
export interface ChannelForeground {
  readonly intensity: IntensityStatistics;
  readonly described: string;
}

/**
 * A channel's foreground intensities: of all cases' voxels together, as nnU-Net pools them. Analyses of earlier versions have
 * the mean over cases and channels of each case's own statistics alone.
 */
function foregroundOf({ summary }: PlanInput, channel: number): ChannelForeground {
  const { intensity, pooled } = summary.image_foreground_stats;
  const own = pooled?.[channel];
  if (own !== undefined)
    return { intensity: own, described: 'of the foreground of all cases together, as nnU-Net pools it' };
  return { intensity, described: "of the foreground, the mean of the cases' own" };
}

/** A number for a reason. */
export function shownNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** Normalisations, one of each channel, with what is told of them. */
export function normalizationEntry(
  input: PlanInput,
  rule: (modality: Modality, foreground: ChannelForeground) => Reasoned<Normalization>,
  source: string,
): Reasoned<Normalization[]> {
  const entries = modalitiesOf(input, channelsOf(input)).map((modality, channel) =>
    rule(modality, foregroundOf(input, channel)),
  );
  const value = entries.map((entry) => entry.value);
  return because(value, `${[...new Set(entries.map(({ reason }) => reason))].join('; ')} (${source})`);
}

/** Cases this close to the target spacing need no resampling. */
const SAME_SPACING = 0.01;

/** The target spacing, or null where every case has it already. */
export function spacingEntry(
  summary: AnalysisSummary,
  targetMm: Triple,
  override: Triple | undefined,
  rule: string,
): Reasoned<Triple | null> {
  if (override !== undefined) return because(checkedSpacing(summary, override), GIVEN);
  const { spacing } = summary.image_stats;
  const far = (['min', 'max'] as const).some((key) =>
    axes(spacing, key).some((mm, axis) => Math.abs(mm / (targetMm[axis] as number) - 1) > SAME_SPACING),
  );
  const shown = targetMm.map((mm) => Number(mm.toPrecision(4))).join(' x ');
  if (far) return because(targetMm, `${shown} mm: ${rule}`);
  return because(null, `no resampling: every case has ${shown} mm already, which is the target (${rule})`);
}

/** The value at a path inside another; the value itself at "". */
export function valueAt(value: unknown, path: string): unknown {
  if (path === '') return value;
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

/** Options of the network, each with its reason, the user's in place of the rule's. */
export function networkEntries(
  input: PlanInput,
  className: Reasoned<string>,
  rules: Readonly<Record<string, Reasoned<unknown>>>,
): Record<string, Reasoned<unknown>> {
  const overrides = input.overrides.network ?? {};
  const options = { ...rules };
  for (const [key, value] of Object.entries(overrides)) {
    // An option that is an object is given as a whole: what the rules say inside it goes.
    for (const inner of Object.keys(options)) if (inner.startsWith(`${key}.`)) delete options[inner];
    for (const path of valuePaths(value, key))
      options[path] = because(valueAt(value, path.slice(key.length + 1)), GIVEN);
  }
  return {
    'network.class': className,
    ...Object.fromEntries(Object.entries(options).map(([key, entry]) => [`network.options.${key}`, entry])),
  };
}

/** An option among {@link networkEntries}, the user's or the rule's; undefined where there is none. */
export function optionOf(network: PlanEntries, name: string): unknown {
  return network[`network.options.${name}`]?.value;
}

/** Reasons of a training that begins from nothing and moves everything. */
const DRAWN = 'no weights are given to begin with';
const ALL_TRAINED = 'every weight is trained';

/** The groups of labels that the plan tells apart by sigmoids: the dataset's, where all of them are among its labels. */
function groupsEntry({ labelGroups, labels }: PlanInput): Reasoned<Plan['labelGroups']> {
  if (labelGroups == null) return because(null, 'labels exclude each other: a softmax tells them apart');
  const values = new Set(labels.map(({ value }) => value));
  const written = labelGroups.map(({ writes }) => writes);
  if (written.length !== values.size - 1 || written.some((value) => !values.has(value))) {
    return because(null, "the dataset's groups of labels are not of these labels: a softmax tells them apart");
  }
  const groups = labelGroups.map((group) => ({ ...group, values: [...group.values] }));
  return because(groups, 'labels that are parts of one another: a sigmoid for each group (Auto3DSeg, nnU-Net)');
}

/** Outputs of the network, with the reason. */
export function outputsOf(input: PlanInput): Reasoned<number> {
  const groups = groupsEntry(input).value;
  return groups === null
    ? because(input.labels.length, 'number of labels, background included')
    : because(groups.length, 'number of groups of labels, a sigmoid each');
}

/** Auto3DSeg's loss, of SegResNet and SwinUNETR alike: DiceCE with squared predictions, background included. */
export const AUTO3DSEG_LOSS: LossConfig = {
  name: 'DiceCELoss',
  options: {
    include_background: true,
    to_onehot_y: true,
    softmax: true,
    squared_pred: true,
    smooth_nr: 0,
    smooth_dr: 1e-5,
  },
};

/** What is told of a loss of groups of labels. */
export const OF_GROUPS = 'of a sigmoid for each group, and no group is background';

/** The loss over groups of labels, which are found by a sigmoid each: none of them is a background that could be left out. */
export function lossOfGroups(loss: LossConfig): LossConfig {
  const { softmax: _, use_softmax: __, ...options } = loss.options as Record<string, unknown>;
  // A focal loss is of sigmoids where it is not told otherwise.
  const activation = loss.name === 'FocalLoss' ? {} : { sigmoid: true };
  return { ...loss, options: { ...options, ...activation, include_background: true } } as LossConfig;
}

/** The loss of a plan: where groups overlap, of a sigmoid for each instead of a softmax over all. */
export function lossEntry(input: PlanInput, loss: LossConfig, reason: string): Reasoned<LossConfig> {
  if (groupsEntry(input).value === null) return because(loss, reason);
  return because(lossOfGroups(loss), `${reason}; ${OF_GROUPS}`);
}

/** The value of voxels that nobody labelled. */
function ignoreEntry({ ignoreLabel }: PlanInput): Reasoned<number | null> {
  return ignoreLabel == null
    ? because(null, 'the dataset labels every voxel')
    : because(
        ignoreLabel,
        "the dataset's ignore label: such voxels count neither in the loss nor in a score (nnU-Net)",
      );
}

/** What every plan says alike: whose it is, and what the user's overrides or Voxhelm's own habits decide. */
export function sharedEntries(
  input: PlanInput,
  algorithm: string,
  channels: number,
  steps: number,
  checkpointEverySteps: number,
): Record<string, Reasoned<unknown>> {
  const { overrides } = input;
  return {
    algorithm: because(algorithm, "the run's algorithms"),
    fold: because(input.fold, 'the fold that this bundle is for'),
    labels: because(
      input.labels.map(({ value, name }) => ({ value, name })),
      "the dataset's labels, or the request's",
    ),
    labelGroups: groupsEntry(input),
    ignoreLabel: ignoreEntry(input),
    modalities: because(modalitiesOf(input, channels), "the dataset's modality, or the request's"),
    'training.precision': because('float32', PRECISION_UNMEASURED),
    'training.ema': because(null, 'the original keeps the weights themselves'),
    'training.accumulate': because(1, 'every batch makes a step'),
    'training.recompute': because('none', 'nothing is computed twice where memory is not short'),
    'training.augmentOn': because('loader', "the loader's threads work while the device computes"),
    'training.startFrom': because(null, DRAWN),
    'training.freeze': because('none', ALL_TRAINED),
    'training.stopEarly': stopEarlyRule(overrides.steps),
    'training.validateEverySteps': given(overrides.validateEverySteps, () =>
      because(Math.max(1, Math.ceil(steps / VALIDATIONS)), `about ${VALIDATIONS} validations`),
    ),
    'training.checkpointEverySteps': given(overrides.checkpointEverySteps, () =>
      because(checkpointEverySteps, `at most ${checkpointEverySteps} steps are lost with a trainer`),
    ),
    'inference.mode': because('gaussian', 'patches are least sure at their edges'),
    'inference.sigmaScale': because(0.125, "MONAI's and nnU-Net's default"),
  };
}
