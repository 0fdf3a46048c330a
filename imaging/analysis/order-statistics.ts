import type { IntensityStatistics } from '@voxhelm/contracts/analysis';
import type { z } from 'zod';

/** Statistics of voxel intensities in MONAI's field names. */
export type Intensity = z.infer<typeof IntensityStatistics>;

/** The percentiles of MONAI's DataAnalyzer, as fractions. */
const QUANTILES = [0.005, 0.1, 0.9, 0.995] as const;

/** Up to this many values a plain sort is faster than two histograms. */
const SORT_BELOW = 2048;

/** A bucket with more values than this is counted by its low bits instead of being sorted (many equal voxels). */
const COUNT_ABOVE = 65_536;

/**
 * Statistics of a set of intensities, all finite: population standard deviation, the LOWER middle value as median
 * (torch's rule), percentiles interpolated linearly between neighbours. An empty set counts as the single value 0.
 */
export function intensityStatistics(values: Float32Array): Intensity {
  if (values.length === 0) return intensityStatistics(new Float32Array(1));
  let low = values[0] as number;
  let high = low;
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number;
    if (value < low) low = value;
    if (value > high) high = value;
    sum += value;
  }
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index += 1) {
    const difference = (values[index] as number) - mean;
    squares += difference * difference;
  }
  const last = values.length - 1;
  const medianRank = Math.floor(last / 2);
  const positions = QUANTILES.map((quantile) => quantile * last);
  const ranks = [medianRank, ...positions.flatMap((position) => [Math.floor(position), Math.ceil(position)])];
  const found = orderStatistics(values, ranks);
  const percentile = positions.map((position, index) => {
    const below = found[1 + index * 2] as number;
    const above = found[2 + index * 2] as number;
    return below + (position - Math.floor(position)) * (above - below);
  });
  const [p00 = 0, p10 = 0, p90 = 0, p99 = 0] = percentile;
  return {
    max: high,
    mean,
    median: found[0] as number,
    min: low,
    stdev: Math.sqrt(squares / values.length),
    percentile,
    percentile_00_5: p00,
    percentile_10_0: p10,
    percentile_90_0: p90,
    percentile_99_5: p99,
  };
}

/**
 * The values of the given ranks (0 is the smallest), without sorting everything: a histogram over the upper 16 bits of
 * the float's bits finds each rank's bucket, then only those buckets are put in order.
 */
export function orderStatistics(values: Float32Array, ranks: readonly number[]): number[] {
  if (values.length <= SORT_BELOW) {
    const sorted = values.slice().sort();
    return ranks.map((rank) => sorted[rank] as number);
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = new Uint32Array(65_536);
  for (let index = 0; index < bits.length; index += 1) {
    const bucket = orderedKey(bits[index] as number) >>> 16;
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  const buckets = bucketsOf(counts, ranks);
  const contents = collectBuckets(bits, counts, new Set(buckets.map((entry) => entry.bucket)));
  return buckets.map((entry) => floatOf(contents.get(entry.bucket)?.(entry.rankInBucket) ?? 0));
}

/** Bits of a float32 as an unsigned number of the same order. */
function orderedKey(bits: number): number {
  return (bits & 0x8000_0000) === 0 ? (bits | 0x8000_0000) >>> 0 : ~bits >>> 0;
}

const CONVERTER = new Uint32Array(1);
const CONVERTED = new Float32Array(CONVERTER.buffer);

function floatOf(key: number): number {
  CONVERTER[0] = (key & 0x8000_0000) === 0 ? ~key >>> 0 : (key & 0x7fff_ffff) >>> 0;
  return CONVERTED[0] as number;
}

function bucketsOf(counts: Uint32Array, ranks: readonly number[]): { bucket: number; rankInBucket: number }[] {
  const order = ranks.map((rank, index) => ({ rank, index })).sort((a, b) => a.rank - b.rank);
  const found: { bucket: number; rankInBucket: number }[] = [];
  let bucket = 0;
  let before = 0;
  for (const { rank, index } of order) {
    while (before + (counts[bucket] as number) <= rank) {
      before += counts[bucket] as number;
      bucket += 1;
    }
    found[index] = { bucket, rankInBucket: rank - before };
  }
  return found;
}

/** For each wanted bucket, a function from rank within it to the ordered key. */
function collectBuckets(
  bits: Uint32Array,
  counts: Uint32Array,
  wanted: ReadonlySet<number>,
): Map<number, (rank: number) => number> {
  const slots = new Int8Array(65_536).fill(-1);
  const lists = [...wanted].map((bucket, slot) => {
    slots[bucket] = slot;
    const size = counts[bucket] as number;
    return {
      bucket,
      keys: size > COUNT_ABOVE ? null : new Uint32Array(size),
      low: new Uint32Array(size > COUNT_ABOVE ? 65_536 : 0),
      used: 0,
    };
  });
  for (let index = 0; index < bits.length; index += 1) {
    const key = orderedKey(bits[index] as number);
    const slot = slots[key >>> 16] as number;
    if (slot < 0) continue;
    const list = lists[slot];
    if (list === undefined) continue;
    if (list.keys === null) list.low[key & 0xffff] = (list.low[key & 0xffff] as number) + 1;
    else {
      list.keys[list.used] = key;
      list.used += 1;
    }
  }
  return new Map(
    lists.map(({ bucket, keys, low }) => {
      if (keys !== null) {
        keys.sort();
        return [bucket, (rank: number) => keys[rank] as number];
      }
      return [bucket, (rank: number) => ((bucket << 16) | rankInHistogram(low, rank)) >>> 0];
    }),
  );
}

function rankInHistogram(counts: Uint32Array, rank: number): number {
  let before = 0;
  for (let value = 0; value < counts.length; value += 1) {
    before += counts[value] as number;
    if (before > rank) return value;
  }
  return counts.length - 1;
}
