import { seededRandom } from '@voxhelm/imaging/random';
import { applyOperation } from '@voxhelm/imaging/transforms/compose';
import { decide, type Operation, patchOf } from '@voxhelm/imaging/transforms/decide';
import { spikesOf } from '@voxhelm/imaging/transforms/decide-intensity';
import { readTransforms } from '@voxhelm/imaging/transforms/list';
import { spikesAt } from '@voxhelm/imaging/transforms/mr-artifacts';
import type { Sample } from '@voxhelm/imaging/transforms/sample';
import type { Vec3 } from '@voxhelm/imaging/volume';
import { z } from 'zod';
import { formulaValues } from '../formula.ts';
import { type ParityRow, parityRow } from '../row.ts';

/** By the image's standard deviation. TorchIO's spectra are of 32 bits, ours of 64: what differs is its rounding. */
const IMAGE_TOLERANCE = 1e-5;
/** Of a range's width: what the outermost of some hundred uniform draws leaves free of it. */
const RANGE_TOLERANCE = 0.02;
const DRAWS = 500;

const Vector = z.tuple([z.number(), z.number(), z.number()]);
const about = {
  volume: z.string(),
  image: z.object({
    shape: z.array(z.number()),
    std: z.number(),
    index: z.array(z.number()),
    value: z.array(z.number()),
  }),
};
const Case = z.discriminatedUnion('name', [
  z.object({
    name: z.literal('Motion'),
    ...about,
    parameters: z.object({ degrees: z.array(Vector), translation: z.array(Vector), times: z.array(z.number()) }),
  }),
  z.object({
    name: z.literal('Ghosting'),
    ...about,
    parameters: z.object({
      num_ghosts: z.number(),
      axis: z.number(),
      intensity: z.number(),
      restore: z.number().nullable(),
    }),
  }),
  z.object({
    name: z.literal('Spike'),
    ...about,
    parameters: z.object({ spikes_positions: z.array(Vector), intensity: z.number() }),
  }),
  z.object({
    name: z.literal('BiasField'),
    ...about,
    parameters: z.object({ order: z.number(), coefficients: z.array(z.number()) }),
  }),
]);
type Case = z.infer<typeof Case>;

const Draws = z.object({
  name: z.string(),
  options: z.record(z.string(), z.unknown()),
  p: z.number(),
  /** Smallest and largest of many draws, by what was drawn. */
  ranges: z.record(z.string(), z.tuple([z.number(), z.number()])),
});
type Draws = z.infer<typeof Draws>;

const Reference = z.object({
  kind: z.literal('torchio'),
  volumes: z.record(z.string(), z.object({ shape: Vector, affine: z.array(z.number()).length(16) })),
  cases: z.array(Case).min(1),
  draws: z.array(Draws),
});

/** Does each artifact of a `torchio` reference to its made-up image, and draws as its Random transforms do; a row each. */
export async function check(reference: unknown, _dataFolder: string): Promise<ParityRow[]> {
  const { volumes, cases, draws } = Reference.parse(reference);
  const rows = cases.map((expected) => {
    const volume = volumes[expected.volume];
    if (volume === undefined) throw new TypeError(`there is no volume ${expected.volume}`);
    return caseRow(expected, madeUpSample(volume.shape, volume.affine));
  });
  return [...rows, ...draws.flatMap(drawRows)];
}

function caseRow(expected: Case, sample: Sample): ParityRow {
  const { image } = applyOperation(operationOf(expected, sample), sample);
  const sameShape = [image.channels, ...image.shape].every((size, axis) => size === expected.image.shape[axis]);
  const errors = expected.image.index.map((at, i) =>
    Math.abs((image.data[at] ?? Number.NaN) - (expected.image.value[i] as number)),
  );
  const error = sameShape ? Math.max(...errors) / expected.image.std : Number.POSITIVE_INFINITY;
  const name = `${expected.name} ${expected.volume} ${JSON.stringify(expected.parameters)}`;
  return parityRow(name, error, IMAGE_TOLERANCE);
}

/** TorchIO's parameters as the operation that they are here. */
function operationOf(expected: Case, sample: Sample): Operation {
  switch (expected.name) {
    case 'Motion': {
      const { degrees, translation, times } = expected.parameters;
      const movements = times.map((time, i) => ({
        time,
        rotate: (degrees[i] as Vec3).map((angle) => (angle * Math.PI) / 180) as unknown as Vec3,
        translateMm: translation[i] as Vec3,
      }));
      return { kind: 'motion', movements };
    }
    case 'Ghosting': {
      const { num_ghosts: ghosts, ...same } = expected.parameters;
      return { kind: 'ghosting', ghosts, ...same };
    }
    case 'Spike':
      return spikesOf(patchOf(sample), expected.parameters.spikes_positions, expected.parameters.intensity);
    case 'BiasField':
      return { kind: 'bias', ...expected.parameters };
  }
}

/** The image of tests/parity/transforms/make_torchio.py. */
function madeUpSample(shape: Vec3, affine: readonly number[]): Sample {
  const voxels = shape[0] * shape[1] * shape[2];
  const data = formulaValues(2 * voxels, 3, 0.2);
  for (let i = 0; i < voxels; i++) {
    const row = Math.floor(i / shape[2]);
    const [x, y, z] = [Math.floor(row / shape[1]), row % shape[1], i % shape[2]];
    const first = 3 + Math.sin(0.5 * x) + Math.cos(0.7 * y) + 0.1 * z;
    const second = 2 + Math.cos(0.3 * x + 0.4 * y) * Math.sin(0.6 * z);
    data[i] = (data[i] as number) + Math.fround(first);
    data[voxels + i] = (data[voxels + i] as number) + Math.fround(second);
  }
  return { image: { shape, channels: 2, data, affine }, label: null };
}

/** The least and the most of everything that a Random transform draws, against TorchIO's. */
function drawRows({ name, options, p, ranges }: Draws): ParityRow[] {
  const [transform] = readTransforms([{ name, ...options }]);
  if (transform === undefined || !('p' in transform)) throw new TypeError(`${name} is none of TorchIO's`);
  const found = new Map<string, [number, number]>();
  const sample = madeUpSample([4, 3, 2], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  for (let i = 0; i < DRAWS; i++) {
    const operations = decide(seededRandom('draw', i), transform, sample);
    for (const [key, value] of operations.length === 0
      ? nothingDrawn(name)
      : operations.flatMap((o) => drawn(o, sample))) {
      const [low, high] = found.get(key) ?? [value, value];
      found.set(key, [Math.min(low, value), Math.max(high, value)]);
    }
  }
  const part = `${name} ${JSON.stringify(options)} draws`;
  const rows = Object.entries(ranges).map(([key, [low, high]]) => {
    const [ownLow, ownHigh] = found.get(key) ?? [Number.NaN, Number.NaN];
    const off = Math.max(Math.abs(ownLow - low), Math.abs(ownHigh - high));
    return parityRow(`${part} ${key}`, high > low ? off / (high - low) : off, high > low ? RANGE_TOLERANCE : 0);
  });
  return [...rows, parityRow(`${part} with p`, Math.abs(transform.p - p), 0)];
}

/** No ghost and no spike is an operation that is not there. */
function nothingDrawn(name: string): [string, number][] {
  return [[name === 'RandomGhosting' ? 'ghosts' : 'spikes', 0]];
}

/** The numbers that an operation was drawn with, by the names of make_torchio.py. */
function drawn(operation: Operation, sample: Sample): [string, number][] {
  switch (operation.kind) {
    case 'motion':
      return [
        ['movements', operation.movements.length],
        ...operation.movements.flatMap(({ time, rotate, translateMm }, i): [string, number][] => [
          [`time ${i}`, time],
          ...rotate.map((angle): [string, number] => ['degrees', (angle * 180) / Math.PI]),
          ...translateMm.map((mm): [string, number] => ['translation', mm]),
        ]),
      ];
    case 'ghosting': {
      const { axis, ghosts, intensity, restore } = operation;
      const kept: [string, number][] = restore === null ? [] : [['restore', restore]];
      return [['axis', axis], ['ghosts', ghosts], ['intensity', intensity], ...kept];
    }
    case 'spike': {
      const { image } = sample;
      const spikes = operation.spikes[0] ?? [];
      const channel = image.data.subarray(0, image.data.length / image.channels);
      const [unit] = spikesAt(channel, image.shape, [[0, 0, 0]], 1);
      return [
        ['spikes', spikes.length],
        ['intensity', (spikes[0]?.height ?? Number.NaN) / (unit?.height ?? Number.NaN)],
        ...spikes.flatMap(({ place }) => place.map((share): [string, number] => ['position', share])),
      ];
    }
    case 'bias':
      return [
        ['terms', operation.coefficients.length],
        ...operation.coefficients.map((one): [string, number] => ['coefficient', one]),
      ];
    default:
      throw new TypeError(`${operation.kind} is no artifact of MR`);
  }
}
