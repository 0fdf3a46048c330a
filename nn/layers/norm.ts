import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor1D, type Tensor5D, tf } from '../engine.ts';
import { type ForwardMode, type ParameterSpec, type Parameters, parameter, type StoredBuffer } from '../network.ts';
import { type Activation, activate } from './activation.ts';
import { groupNorm } from './group-norm.ts';
import { normAct as instanceNormAct, NORM_EPSILON } from './instance-norm.ts';
import { followStatistics, normalizeByStatistics } from './running-statistics.ts';

/*
 * The norms that MONAI's option `norm` names, with their parameters under PyTorch's names.
 */

/** A norm, read and completed. */
export interface Norm {
  /** What one mean and variance is taken over: a channel of a sample, of the batch, or a group of channels of a sample. */
  readonly kind: 'instance' | 'batch' | 'group';
  /** Of the kind `group`; 1 else. */
  readonly groups: number;
  readonly epsilon: number;
  /** Without affine the norm has no scale and no bias. */
  readonly affine: boolean;
  /** Share of a step's statistics in the running ones, by which the network predicts; null: it keeps none. */
  readonly momentum: number | null;
}

const SUPPORTED =
  '"INSTANCE", "BATCH" (or "SYNCBATCH") with eps, affine, momentum and track_running_stats, or ["GROUP", {"num_groups": 4}] with eps and affine';

/** Which settings a norm takes, its PyTorch defaults, and what it is. */
const NORMS: Readonly<Record<string, { kind: Norm['kind']; tracks: boolean; settings: readonly string[] }>> = {
  instance: { kind: 'instance', tracks: false, settings: ['eps', 'affine', 'momentum', 'track_running_stats'] },
  batch: { kind: 'batch', tracks: true, settings: ['eps', 'affine', 'momentum', 'track_running_stats'] },
  // In one process PyTorch's SyncBatchNorm is its BatchNorm.
  syncbatch: { kind: 'batch', tracks: true, settings: ['eps', 'affine', 'momentum', 'track_running_stats'] },
  group: { kind: 'group', tracks: false, settings: ['num_groups', 'eps', 'affine'] },
};

/**
 * Reads MONAI's option `norm`: a name, or [name, settings]; norms are affine where nothing else is said, as SegResNetDS makes
 * them. Throws `invalid-request` naming the option and what is wrong in it.
 */
export function parseNorm(network: string, value: unknown): Norm {
  const wrong = (what: string): VoxhelmError =>
    new VoxhelmError('invalid-request', `${network} option norm is ${JSON.stringify(value)}: ${what}`, {
      fix: `Give ${SUPPORTED}.`,
      details: { option: 'norm', value },
    });
  const [given, settings] = Array.isArray(value)
    ? [value[0], (value[1] ?? {}) as Record<string, unknown>]
    : [value, {}];
  const name = String(given).toLowerCase();
  const known = Object.hasOwn(NORMS, name) ? NORMS[name] : undefined;
  if (known === undefined) throw wrong(`the norm ${JSON.stringify(given)} is not built`);
  const unknown = Object.keys(settings).find((key) => !known.settings.includes(key));
  if (unknown !== undefined) throw wrong(`${name} has no setting ${unknown}`);
  const { eps = NORM_EPSILON, affine = true, momentum = 0.1, num_groups: groups = 1 } = settings;
  const { track_running_stats: tracks = known.tracks } = settings;
  if (typeof eps !== 'number' || !(eps > 0)) throw wrong('eps is no number above 0');
  if (typeof affine !== 'boolean') throw wrong('affine is neither true nor false');
  if (typeof tracks !== 'boolean') throw wrong('track_running_stats is neither true nor false');
  if (typeof momentum !== 'number' || !(momentum >= 0 && momentum <= 1))
    throw wrong('momentum is no number from 0 to 1');
  if (known.kind === 'group' && !Object.hasOwn(settings, 'num_groups')) throw wrong('num_groups is missing');
  if (typeof groups !== 'number' || !Number.isInteger(groups) || groups < 1)
    throw wrong('num_groups is no number from 1');
  return { kind: known.kind, groups, epsilon: eps, affine, momentum: tracks ? momentum : null };
}

/** Parameters and running statistics of a norm of so many channels, in the order of PyTorch's state dict. */
export function normSpecs(name: string, channels: number, norm: Norm): ParameterSpec[] {
  const specs: ParameterSpec[] = [];
  const add = (part: string, kind: ParameterSpec['kind'], rule: 'ones' | 'zeros'): void => {
    specs.push({ name: `${name}.${part}`, shape: [channels], kind, init: { rule } });
  };
  if (norm.affine) {
    add('weight', 'scale', 'ones');
    add('bias', 'vector', 'zeros');
  }
  if (norm.momentum !== null) {
    add('running_mean', 'statistic', 'zeros');
    add('running_var', 'statistic', 'ones');
  }
  return specs;
}

/** PyTorch's counters of batches beside the running statistics of a network; with a momentum nothing depends on them. */
export function batchCounters(specs: readonly ParameterSpec[]): Map<string, StoredBuffer> {
  const means = specs.filter(({ name }) => name.endsWith('.running_mean'));
  return new Map(
    means.map(({ name }) => [
      name.replace(/running_mean$/, 'num_batches_tracked'),
      { dtype: 'I64', shape: [], data: new BigInt64Array(1) },
    ]),
  );
}

/**
 * The norm of that name, then the activation. In training by the batch's own statistics, which the running ones follow; else by
 * the running ones where it keeps them. `x`: [batch, x, y, z, channel]; the shape stays.
 */
export function normAct(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  norm: Norm,
  activation: Activation,
  mode: Pick<ForwardMode, 'training'>,
): Tensor5D {
  const channels = x.shape[4];
  // Without affine the scale is 1 and the bias 0.
  const scale = (norm.affine ? parameter(parameters, `${name}.weight`) : tf.ones([channels])) as Tensor1D;
  const bias = (norm.affine ? parameter(parameters, `${name}.bias`) : tf.zeros([channels])) as Tensor1D;
  if (norm.kind === 'group') return activate(groupNorm(x, scale, bias, norm.groups, norm.epsilon), activation);
  let input = x;
  if (norm.momentum !== null) {
    const mean = parameter(parameters, `${name}.running_mean`) as Tensor1D;
    const variance = parameter(parameters, `${name}.running_var`) as Tensor1D;
    if (!mode.training) {
      return activate(normalizeByStatistics(x, { mean, variance }, scale, bias, norm.epsilon), activation);
    }
    input = followStatistics(x, { mean, variance }, norm.momentum, norm.kind);
  }
  if (norm.kind === 'instance') return instanceNormAct(input, scale, bias, activation, norm.epsilon);
  // A batch norm is the instance norm of the whole batch as one sample.
  const [batch, sx, sy, sz] = x.shape;
  const whole = tf.reshape(input, [1, batch * sx, sy, sz, channels]) as Tensor5D;
  return tf.reshape(instanceNormAct(whole, scale, bias, activation, norm.epsilon), x.shape);
}
