import type { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Activation, parseActivation } from '@voxhelm/nn/layers/activation';
import { type OptionReader, optionReader } from '../read-options.ts';
import { DINTS_OPTIONS } from './option-names.ts';
import { type Architecture, CELL_OPERATIONS, edgesOf, type LiveParts, livePartsOf } from './topology.ts';

/*
 * DiNTS's options, by MONAI's names: those of DiNTS itself and of the space that it is built over (automl.md 2.3).
 */

/** The cells of a DiNTS, and how their outputs are weighted. */
export type Space = 'TopologyInstance' | 'TopologySearch';

/** A DiNTS's options, read and completed. */
export interface DintsOptions {
  readonly space: Space;
  readonly inChannels: number;
  readonly classes: number;
  readonly blocks: number;
  readonly depths: number;
  /** 32 * channel_mul, doubled from depth to depth; one more entry than depths. */
  readonly filters: readonly number[];
  /** Whether the stem halves the image, so that depth 0 is at half resolution. */
  readonly downsample: boolean;
  readonly activation: Activation;
  readonly normEpsilon: number;
  readonly normAffine: boolean;
  readonly paths: readonly (readonly number[])[];
  /** Per block and edge: indices of the operations that the cell has. */
  readonly operations: readonly (readonly (readonly number[])[])[];
  readonly nodes: readonly (readonly number[])[];
  readonly live: LiveParts;
}

/** Whole numbers 0..`highest` in `rows` rows of `columns`; null where the option is absent. */
function codes(
  reader: OptionReader,
  options: Readonly<Record<string, unknown>>,
  option: string,
  [rows, columns, highest]: readonly [number, number, number],
): readonly (readonly number[])[] | null {
  const value = options[option];
  if (value === undefined || value === null) return null;
  const fits = (row: unknown): boolean =>
    Array.isArray(row) &&
    row.length === columns &&
    row.every((code) => Number.isInteger(code) && code >= 0 && code <= highest);
  if (Array.isArray(value) && value.length === rows && value.every(fits)) return value as number[][];
  throw reader.wrong(option, value, `${rows} rows of ${columns} whole numbers from 0 to ${highest}`);
}

/** "INSTANCE", ["INSTANCE", {affine, eps}], or as the references write it, "instance affine". */
function readNorm(reader: OptionReader, options: Readonly<Record<string, unknown>>) {
  const value = options['norm_name'] ?? options['norm'] ?? ['INSTANCE', { affine: true }];
  const [described, settings] = Array.isArray(value) ? [value[0], value[1] ?? {}] : [value, {}];
  const [name, ...words] = String(described).toLowerCase().split(' ');
  const { affine = words.includes('affine'), eps = 1e-5, ...others } = settings as Record<string, unknown>;
  const known = name === 'instance' && words.every((word) => word === 'affine') && Object.keys(others).length === 0;
  if (!known || typeof affine !== 'boolean' || typeof eps !== 'number') {
    throw reader.wrong(
      options['norm_name'] === undefined ? 'norm' : 'norm_name',
      value,
      '["INSTANCE", {"affine": true}]',
    );
  }
  return { normAffine: affine, normEpsilon: eps };
}

function readSpace(reader: OptionReader, options: Readonly<Record<string, unknown>>): Space {
  reader.only('dints_space', 'TopologyInstance', 'TopologySearch');
  return (options['dints_space'] ?? 'TopologyInstance') as Space;
}

function readFilters(reader: OptionReader, depths: number): readonly number[] {
  const multiplier = reader.number('channel_mul', 1, 1 / 16, 16);
  // MONAI cuts the fraction off; every depth needs two channels, because a halving makes them in two parts.
  return Array.from({ length: depths + 1 }, (_, depth) => Math.trunc(32 * 2 ** depth * multiplier));
}

/** Reads options by MONAI's names and defaults; throws `invalid-request` naming the first that is wrong. */
export function readDintsOptions(options: Readonly<Record<string, unknown>>): DintsOptions {
  const reader = optionReader('DiNTS', options, DINTS_OPTIONS);
  reader.only('spatial_dims', 3);
  reader.either('norm', 'norm_name');
  const blocks = reader.count('num_blocks', 6);
  const depths = reader.count('num_depths', 3);
  const edges = edgesOf(depths).length;
  const all = Array.from({ length: blocks }, () => Array<number>(edges).fill(1));
  const paths = codes(reader, options, 'arch_code_a', [blocks, edges, 1]);
  const chosen = codes(reader, options, 'arch_code_c', [blocks, edges, CELL_OPERATIONS.length - 1]);
  if ((paths === null) !== (chosen === null)) {
    const absent = paths === null ? 'arch_code_a' : 'arch_code_c';
    throw reader.wrong(absent, undefined, 'both codes, arch_code_a and arch_code_c, or none');
  }
  const every = CELL_OPERATIONS.map((_, index) => index);
  const nodes = codes(reader, options, 'node_a', [blocks + 1, depths, 1]);
  const architecture: Architecture = {
    arch_code_a: paths ?? all,
    arch_code_c: chosen ?? all,
    node_a: nodes ?? Array.from({ length: blocks + 1 }, () => Array<number>(depths).fill(1)),
  };
  return {
    space: readSpace(reader, options),
    inChannels: reader.count('in_channels', 1),
    classes: reader.count('num_classes', 2),
    blocks,
    depths,
    filters: readFilters(reader, depths),
    downsample: reader.flag('use_downsample', true),
    activation: parseActivation(options['act_name'] ?? 'RELU'),
    ...readNorm(reader, options),
    paths: architecture.arch_code_a,
    operations: (chosen ?? all).map((block) => block.map((code) => (chosen === null ? every : [code]))),
    nodes: architecture.node_a,
    live: liveParts(reader.wrong, architecture, depths),
  };
}

function liveParts(
  wrong: (...of: [string, unknown, string]) => VoxhelmError,
  architecture: Architecture,
  depths: number,
) {
  const live = livePartsOf(architecture, depths);
  if (typeof live === 'string') {
    throw wrong('arch_code_a', architecture.arch_code_a, `paths that connect (${live})`);
  }
  return live;
}
