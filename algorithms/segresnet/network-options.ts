import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Activation, parseActivation } from '@voxhelm/nn/layers/activation';
import type { Triple } from '@voxhelm/nn/layers/conv';

/*
 * SegResNetDS's options, by MONAI's names, and the geometry that follows from them (automl.md 2.1).
 */

/** A SegResNetDS's options, read and completed. */
export interface SegResNetOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly initFilters: number;
  readonly blocksDown: readonly number[];
  /** From the bottom up; one less than the levels. */
  readonly blocksUp: readonly number[];
  /** Number of heads, at most levels - 1 and at least 1. */
  readonly heads: number;
  readonly activation: Activation;
  readonly normEpsilon: number;
  /** Without affine, norms have no parameters. */
  readonly normAffine: boolean;
  /** Stride on leaving each level; all 2 where no resolution was given. */
  readonly strides: readonly Triple[];
  /** Kernel of each level; all 3 where no resolution was given. */
  readonly kernels: readonly Triple[];
}

const KNOWN = new Set([
  'spatial_dims',
  'init_filters',
  'in_channels',
  'out_channels',
  'act',
  'norm',
  'blocks_down',
  'blocks_up',
  'dsdepth',
  'upsample_mode',
  'resolution',
]);

function wrong(option: string, value: unknown, wanted: string): VoxhelmError {
  return new VoxhelmError('invalid-request', `SegResNetDS option ${option} is ${JSON.stringify(value)}`, {
    fix: `Give ${wanted}.`,
    details: { option, value },
  });
}

function count(options: Record<string, unknown>, option: string, standard: number): number {
  const value = options[option] ?? standard;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
    throw wrong(option, value, 'a whole number from 1');
  return value;
}

function counts(options: Record<string, unknown>, option: string, standard: readonly number[]): readonly number[] {
  const value = options[option] ?? standard;
  const valid = Array.isArray(value) && value.every((n) => Number.isInteger(n) && n >= 1);
  if (!valid) throw wrong(option, value, 'a list of whole numbers from 1');
  return value as number[];
}

function readNorm(value: unknown): { normEpsilon: number; normAffine: boolean } {
  const [name, settings] = Array.isArray(value) ? [value[0], value[1] ?? {}] : [value, {}];
  if (String(name).toLowerCase() !== 'instance') {
    throw wrong(
      'norm',
      value ?? 'BATCH (the default)',
      '"INSTANCE": batch norm does not fit batches of one or two patches',
    );
  }
  const { eps = 1e-5, affine = true, ...others } = settings as { eps?: number; affine?: boolean };
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw wrong('norm', value, 'no other norm options than eps and affine');
  return { normEpsilon: eps, normAffine: affine };
}

/**
 * Strides of an anisotropic network: an axis that is already coarse by a factor of 2^n waits n levels less than the finest
 * coarse one before it is halved. `resolution`: voxel sizes in mm.
 */
function stridesFor(resolution: readonly number[] | null, levels: number): Triple[] {
  if (resolution === null) return Array.from({ length: levels }, (): Triple => [2, 2, 2]);
  const coarsest = Math.max(...resolution);
  const halvings = resolution.map((size) => Math.floor(Math.log2(coarsest / size)));
  const anisotropic = Math.max(...halvings);
  return Array.from({ length: levels }, (_, level): Triple => {
    if (level >= anisotropic) return [2, 2, 2];
    return halvings.map((n) => (level >= n ? 1 : 2)) as unknown as Triple;
  });
}

function readResolution(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || value.length !== 3 || !value.every((n) => typeof n === 'number' && n > 0)) {
    throw wrong('resolution', value, 'three voxel sizes above 0');
  }
  return value as number[];
}

/** Reads options by MONAI's names and defaults; throws `invalid-request` naming the first that is wrong. */
export function readSegResNetOptions(options: Record<string, unknown>): SegResNetOptions {
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw wrong(unknown, options[unknown], `one of the options ${[...KNOWN].join(', ')}`);
  if ((options['spatial_dims'] ?? 3) !== 3) throw wrong('spatial_dims', options['spatial_dims'], '3');
  if ((options['upsample_mode'] ?? 'deconv') !== 'deconv')
    throw wrong('upsample_mode', options['upsample_mode'], '"deconv"');
  const blocksDown = counts(options, 'blocks_down', [1, 2, 2, 4]);
  const levels = blocksDown.length;
  if (levels === 0) throw wrong('blocks_down', blocksDown, 'at least one level');
  const blocksUp = counts(
    options,
    'blocks_up',
    Array.from({ length: levels - 1 }, () => 1),
  );
  if (blocksUp.length !== levels - 1)
    throw wrong('blocks_up', blocksUp, `${levels - 1} numbers, one less than blocks_down`);
  const resolution = readResolution(options['resolution']);
  const strides = stridesFor(resolution, levels);
  const dsdepth = options['dsdepth'] ?? 1;
  if (typeof dsdepth !== 'number' || !Number.isInteger(dsdepth)) throw wrong('dsdepth', dsdepth, 'a whole number');
  return {
    inChannels: count(options, 'in_channels', 1),
    outChannels: count(options, 'out_channels', 2),
    initFilters: count(options, 'init_filters', 32),
    blocksDown,
    blocksUp,
    heads: Math.max(1, Math.min(dsdepth, levels - 1)),
    activation: parseActivation(options['act'] ?? 'relu'),
    ...readNorm(options['norm']),
    strides,
    kernels: strides.map((stride) =>
      resolution === null ? [3, 3, 3] : (stride.map((n) => (n > 1 ? 3 : 1)) as unknown as Triple),
    ),
  };
}
