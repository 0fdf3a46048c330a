import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Activation, parseActivation } from '@voxhelm/nn/layers/activation';
import type { Triple } from '@voxhelm/nn/layers/conv';
import { type Norm, parseNorm } from '@voxhelm/nn/layers/norm';
import { isIsotropicMode, UPSAMPLE_MODES, type UpsampleMode } from '@voxhelm/nn/layers/upsample';
import { SEGRESNET_OPTIONS } from './option-names.ts';

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
  readonly norm: Norm;
  readonly upsampleMode: UpsampleMode;
  /** Stride on leaving each level; all 2 where no resolution was given. */
  readonly strides: readonly Triple[];
  /** Kernel of each level; all 3 where no resolution was given. */
  readonly kernels: readonly Triple[];
}

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

/** Blocks of each level; a level may have none. */
function counts(options: Record<string, unknown>, option: string, standard: readonly number[]): readonly number[] {
  const value = options[option] ?? standard;
  const valid = Array.isArray(value) && value.every((n) => Number.isInteger(n) && n >= 0);
  if (!valid) throw wrong(option, value, 'a list of whole numbers');
  return value as number[];
}

function readNorm(value: unknown, initFilters: number): Norm {
  const norm = parseNorm('SegResNetDS', value ?? 'BATCH');
  // Every level has a power of 2 times as many channels.
  if (initFilters % norm.groups !== 0)
    throw wrong('norm', value, `num_groups that divide init_filters, ${initFilters}`);
  return norm;
}

function readUpsampleMode(value: unknown, strides: readonly Triple[]): UpsampleMode {
  const mode = (value ?? 'deconv') as UpsampleMode;
  if (!UPSAMPLE_MODES.includes(mode)) throw wrong('upsample_mode', value, `one of ${UPSAMPLE_MODES.join(', ')}`);
  if (isIsotropicMode(mode) && strides.some((stride) => stride.some((step) => step !== 2))) {
    throw wrong('upsample_mode', value, 'another mode: with this resolution some axes are halved later than others');
  }
  return mode;
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
  const unknown = Object.keys(options).find((name) => !SEGRESNET_OPTIONS.includes(name));
  if (unknown !== undefined)
    throw wrong(unknown, options[unknown], `one of the options ${SEGRESNET_OPTIONS.join(', ')}`);
  if ((options['spatial_dims'] ?? 3) !== 3) throw wrong('spatial_dims', options['spatial_dims'], '3');
  if ((options['preprocess'] ?? null) !== null) {
    throw wrong('preprocess', options['preprocess'], 'null: images are preprocessed by the plan, ahead of the network');
  }
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
  // With less MONAI's network has no head at all and gives features.
  if (typeof dsdepth !== 'number' || !Number.isInteger(dsdepth) || dsdepth < 1) {
    throw wrong('dsdepth', dsdepth, 'a whole number from 1');
  }
  const initFilters = count(options, 'init_filters', 32);
  return {
    inChannels: count(options, 'in_channels', 1),
    outChannels: count(options, 'out_channels', 2),
    initFilters,
    blocksDown,
    blocksUp,
    heads: Math.max(1, Math.min(dsdepth, levels - 1)),
    activation: parseActivation(options['act'] ?? 'relu'),
    norm: readNorm(options['norm'], initFilters),
    upsampleMode: readUpsampleMode(options['upsample_mode'], strides.slice(0, levels - 1)),
    strides,
    kernels: strides.map((stride) =>
      resolution === null ? [3, 3, 3] : (stride.map((n) => (n > 1 ? 3 : 1)) as unknown as Triple),
    ),
  };
}
