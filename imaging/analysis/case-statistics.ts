import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
import { toRas } from '../geometry.ts';
import { type LabelData, type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from '../volume.ts';
import { type Intensity, intensityPart, intensityStatistics } from './intensity-statistics.ts';
import { labelComponents } from './label-components.ts';

/** A case's names, copied into its statistics. */
export interface CaseNames {
  readonly caseId: string;
  readonly image: string;
  readonly label: string;
}

/**
 * Statistics of one case in MONAI's DataAnalyzer's fields (../shared/reference/automl.md 1.4): axes RAS first; image
 * intensities over the box of voxels above 0, foreground over label > 0, and each label by itself with its components.
 * Image and label must be of one shape, all intensities finite.
 */
export function caseStatistics(image: Volume, label: LabelMap, names: CaseNames): CaseAnalysis {
  const ras = toRas(image);
  const rasLabel = toRas(label);
  const groups = groupVoxels(rasLabel.data);
  const voxels = voxelCount(ras.shape);
  const channels = Array.from({ length: ras.channels }, (_, channel) =>
    channelStatistics(ras.data.subarray(channel * voxels, (channel + 1) * voxels), ras.shape, rasLabel.data, groups),
  );
  const components = labelComponents(rasLabel.data, ras.shape);
  const spacing = [...spacingOf(ras.affine)];
  const shape = [...ras.shape];
  const foreground = channels.map((channel) => channel.foreground);
  return {
    caseId: names.caseId,
    image_filepath: names.image,
    label_filepath: names.label,
    image_stats: {
      shape: channels.map(() => shape),
      channels: ras.channels,
      cropped_shape: channels.map((channel) => channel.croppedShape),
      spacing,
      sizemm: channels.map(() => shape.map((size, axis) => size * (spacing[axis] ?? 1))),
      intensity: channels.map((channel) => channel.cropped),
    },
    image_foreground_stats: { intensity: foreground },
    label_stats: {
      labels: groups.values,
      image_intensity: foreground,
      label: groups.values.map((value, index) => {
        const own = components.filter((component) => component.value === value);
        return {
          value,
          image_intensity: channels.map((channel) => channel.byLabel[index] as Intensity),
          foreground_percentage: (groups.sizes[index] ?? 0) / voxels,
          shape: own.map((component) => [...component.box]),
          ncomponents: own.length,
        };
      }),
    },
  };
}

/** Labels present, ascending, and how many voxels each has. */
interface Groups {
  readonly values: number[];
  readonly sizes: number[];
  /** From label value to its position in `values`. */
  readonly positions: ReadonlyMap<number, number>;
}

function groupVoxels(labels: LabelData): Groups {
  const counts = new Map<number, number>();
  let start = 0;
  for (let index = 1; index <= labels.length; index += 1) {
    if (index < labels.length && labels[index] === labels[start]) continue;
    const value = labels[start] as number;
    counts.set(value, (counts.get(value) ?? 0) + index - start);
    start = index;
  }
  const values = [...counts.keys()].sort((a, b) => a - b);
  return {
    values,
    sizes: values.map((value) => counts.get(value) ?? 0),
    positions: new Map(values.map((value, position) => [value, position])),
  };
}

interface ChannelStatistics {
  readonly croppedShape: number[];
  readonly cropped: Intensity;
  readonly foreground: Intensity;
  readonly byLabel: readonly Intensity[];
}

function channelStatistics(values: Float32Array, shape: Vec3, labels: LabelData, groups: Groups): ChannelStatistics {
  const box = positiveBox(values, shape);
  const sorted = gatherByLabel(values, labels, groups);
  const starts: number[] = [];
  let start = 0;
  for (const size of groups.sizes) {
    starts.push(start);
    start += size;
  }
  const parts = groups.sizes.map((size, index) =>
    intensityPart(sorted.subarray(starts[index], (starts[index] ?? 0) + size)),
  );
  const cropped = box === null ? null : crop(values, shape, box);
  return {
    croppedShape: box === null ? [0, 0, 0] : box.high.map((high, axis) => high - (box.low[axis] ?? 0) + 1),
    // Mostly the box is the whole image: then its values are those of all labels together.
    cropped: intensityStatistics(cropped === null ? [] : cropped === values ? parts : [intensityPart(cropped)]),
    foreground: intensityStatistics(parts.filter((_, index) => (groups.values[index] ?? 0) > 0)),
    byLabel: parts.map((part) => intensityStatistics([part])),
  };
}

/** The intensities label by label (ascending), so that each label's and the foreground's are contiguous. */
function gatherByLabel(values: Float32Array, labels: LabelData, groups: Groups): Float32Array {
  const result = new Float32Array(values.length);
  const next = new Float64Array(groups.sizes.length);
  groups.sizes.forEach((size, index) => {
    if (index + 1 < next.length) next[index + 1] = (next[index] ?? 0) + size;
  });
  // Neighbours mostly share their label: one look-up and one copy a run.
  let start = 0;
  for (let index = 1; index <= labels.length; index += 1) {
    if (index < labels.length && labels[index] === labels[start]) continue;
    const group = groups.positions.get(labels[start] as number) ?? 0;
    const to = next[group] ?? 0;
    result.set(values.subarray(start, index), to);
    next[group] = to + index - start;
    start = index;
  }
  return result;
}

interface Box {
  readonly low: number[];
  readonly high: number[];
}

/** Bounding box of the voxels above 0; null where there is none. */
function positiveBox(values: Float32Array, [sizeX, sizeY, sizeZ]: Vec3): Box | null {
  const low = [sizeX, sizeY, sizeZ];
  const high = [-1, -1, -1];
  for (let x = 0; x < sizeX; x += 1) {
    for (let y = 0; y < sizeY; y += 1) {
      const offset = (x * sizeY + y) * sizeZ;
      let first = 0;
      while (first < sizeZ && !((values[offset + first] as number) > 0)) first += 1;
      if (first === sizeZ) continue;
      let last = sizeZ - 1;
      while (!((values[offset + last] as number) > 0)) last -= 1;
      low[0] = Math.min(low[0] as number, x);
      high[0] = x;
      low[1] = Math.min(low[1] as number, y);
      high[1] = Math.max(high[1] as number, y);
      low[2] = Math.min(low[2] as number, first);
      high[2] = Math.max(high[2] as number, last);
    }
  }
  return (high[0] as number) < 0 ? null : { low, high };
}

function crop(values: Float32Array, [sizeX, sizeY, sizeZ]: Vec3, { low, high }: Box): Float32Array {
  const [lowX = 0, lowY = 0, lowZ = 0] = low;
  const [highX = 0, highY = 0, highZ = 0] = high;
  const depth = highZ - lowZ + 1;
  const size = (highX - lowX + 1) * (highY - lowY + 1) * depth;
  if (size === sizeX * sizeY * sizeZ) return values;
  const result = new Float32Array(size);
  let to = 0;
  for (let x = lowX; x <= highX; x += 1) {
    for (let y = lowY; y <= highY; y += 1) {
      const from = (x * sizeY + y) * sizeZ + lowZ;
      result.set(values.subarray(from, from + depth), to);
      to += depth;
    }
  }
  return result;
}
