/** Up to this many values a plain sort is faster than two histograms. */
const SORT_BELOW = 4096;

/** A bucket with more values than this is counted by its low bits instead of being sorted (many equal voxels). */
const COUNT_ABOVE = 65_536;

/** Values of the upper and of the lower 16 bits of a float32. */
const HALF = 65_536;

/*
 * Loops over voxels are functions of their own here: V8 compiles a short function once, while a long one with several
 * loops is compiled and thrown away after each of them (it cost 0.3 s a thread).
 */

/** A part of a set of intensities, with the histogram that finds its order statistics; counted once, used in several sets. */
export interface CountedValues {
  readonly values: Float32Array;
  /** How many values begin with each 16 bits, in the order of the floats; null for few values. */
  readonly counts: Uint32Array | null;
}

/** Prepares intensities (finite) for {@link orderStatistics}. */
export function countValues(values: Float32Array): CountedValues {
  if (values.length <= SORT_BELOW) return { values, counts: null };
  const counts = new Uint32Array(HALF);
  addCounts(bitsOf(values), counts);
  return { values, counts };
}

/**
 * The values of the given ranks (0 is the smallest) of all parts together, without sorting everything: the histogram
 * over the upper 16 bits finds each rank's bucket, then only those buckets are put in order.
 */
export function orderStatistics(parts: readonly CountedValues[], ranks: readonly number[]): number[] {
  const total = parts.reduce((sum, part) => sum + part.values.length, 0);
  if (total <= SORT_BELOW) {
    const sorted = join(parts, total).sort();
    return ranks.map((rank) => sorted[rank] as number);
  }
  const counts = mergeCounts(parts);
  const buckets = bucketsOf(counts, ranks);
  const contents = collectBuckets(parts, counts, [...new Set(buckets.map((entry) => entry.bucket))]);
  return buckets.map((entry) => floatOf(contents.get(entry.bucket)?.(entry.rankInBucket) ?? 0));
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function join(parts: readonly CountedValues[], total: number): Float32Array {
  const joined = new Float32Array(total);
  let offset = 0;
  for (const { values } of parts) {
    joined.set(values, offset);
    offset += values.length;
  }
  return joined;
}

function mergeCounts(parts: readonly CountedValues[]): Uint32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && only.counts !== null) return only.counts;
  const first = parts.find((part) => part.counts !== null);
  const merged = first?.counts?.slice() ?? new Uint32Array(HALF);
  for (const part of parts) {
    if (part === first) continue;
    if (part.counts === null) addCounts(bitsOf(part.values), merged);
    else addInto(part.counts, merged);
  }
  return merged;
}

/** Bits of a float32 as an unsigned number of the same order: negative ones reversed, below the positive ones. */
function orderedKey(bits: number): number {
  return (bits ^ ((bits >> 31) | 0x8000_0000)) >>> 0;
}

function addCounts(bits: Uint32Array, counts: Uint32Array): void {
  const length = bits.length;
  for (let index = 0; index < length; index += 1) {
    const bucket = orderedKey(bits[index] as number) >>> 16;
    counts[bucket] = (counts[bucket] as number) + 1;
  }
}

function addInto(source: Uint32Array, target: Uint32Array): void {
  for (let index = 0; index < HALF; index += 1) target[index] = (target[index] as number) + (source[index] as number);
}

const CONVERTER = new Uint32Array(1);
const CONVERTED = new Float32Array(CONVERTER.buffer);

function floatOf(key: number): number {
  CONVERTER[0] = (key & 0x8000_0000) === 0 ? ~key : key & 0x7fff_ffff;
  return CONVERTED[0] as number;
}

interface BucketRank {
  readonly bucket: number;
  readonly rankInBucket: number;
}

function bucketsOf(counts: Uint32Array, ranks: readonly number[]): BucketRank[] {
  const order = ranks.map((rank, index) => ({ rank, index })).sort((a, b) => a.rank - b.rank);
  const found: BucketRank[] = [];
  let place = { bucket: 0, before: 0 };
  for (const { rank, index } of order) {
    place = advance(counts, place.bucket, place.before, rank);
    found[index] = { bucket: place.bucket, rankInBucket: rank - place.before };
  }
  return found;
}

/** From a bucket with so many values before it to the bucket that holds the value of this rank. */
function advance(
  counts: Uint32Array,
  bucket: number,
  before: number,
  rank: number,
): { bucket: number; before: number } {
  let current = bucket;
  let passed = before;
  for (let size = counts[current] as number; passed + size <= rank; size = counts[current] as number) {
    passed += size;
    current += 1;
  }
  return { bucket: current, before: passed };
}

/** For each wanted bucket, a function from rank within it to the ordered key. */
function collectBuckets(
  parts: readonly CountedValues[],
  counts: Uint32Array,
  wanted: readonly number[],
): Map<number, (rank: number) => number> {
  // Bucket -> where its next key goes; small buckets lie behind each other in one array.
  const next = new Int32Array(HALF).fill(-1);
  const small = wanted.filter((bucket) => (counts[bucket] as number) <= COUNT_ABOVE);
  const starts = new Map<number, number>();
  let size = 0;
  for (const bucket of small) {
    starts.set(bucket, size);
    next[bucket] = size;
    size += counts[bucket] as number;
  }
  const keys = new Uint32Array(size);
  for (const { values } of parts) copyKeys(bitsOf(values), next, keys);
  return new Map(
    wanted.map((bucket) => {
      const start = starts.get(bucket);
      if (start === undefined) {
        const low = new Uint32Array(HALF);
        for (const { values } of parts) addLowCounts(bitsOf(values), bucket, low);
        return [bucket, (rank: number) => ((bucket << 16) | advance(low, 0, 0, rank).bucket) >>> 0];
      }
      const own = keys.subarray(start, start + (counts[bucket] as number)).sort();
      return [bucket, (rank: number) => own[rank] as number];
    }),
  );
}

function copyKeys(bits: Uint32Array, next: Int32Array, keys: Uint32Array): void {
  const length = bits.length;
  for (let index = 0; index < length; index += 1) {
    const key = orderedKey(bits[index] as number);
    const to = next[key >>> 16] as number;
    if (to >= 0) {
      keys[to] = key;
      next[key >>> 16] = to + 1;
    }
  }
}

function addLowCounts(bits: Uint32Array, bucket: number, low: Uint32Array): void {
  const length = bits.length;
  for (let index = 0; index < length; index += 1) {
    const key = orderedKey(bits[index] as number);
    if (key >>> 16 === bucket) low[key & 0xffff] = (low[key & 0xffff] as number) + 1;
  }
}
