/*
 * Sliding-window inference by MONAI's rules (automl.md 4.1): where windows lie, how much each voxel of a window counts, and
 * how overlapping windows blend. Plain arrays; the caller computes the windows.
 */

/** Numbers along x, y, z. */
export type Triple = readonly [number, number, number];

/** How windows overlap and blend. */
export interface WindowOptions {
  readonly windowSize: Triple;
  /** Fraction (0..1) of a window shared with its neighbour. */
  readonly overlap: number;
  readonly mode: 'gaussian' | 'constant';
  /** Standard deviation of the gaussian as a fraction of the window. */
  readonly sigmaScale: number;
}

/** Smallest weight of a gaussian map, so that no voxel is divided by almost nothing (MONAI's 1e-3). */
const SMALLEST_WEIGHT = 1e-3;

/** Starts of the windows along one axis of `length` >= `window` voxels; the last is shifted back to end at the border. */
export function windowStarts(length: number, window: number, overlap: number): number[] {
  if (length <= window) return [0];
  const step = Math.max(1, Math.floor(window * (1 - overlap)));
  const starts: number[] = [];
  for (let start = 0; ; start += step) {
    starts.push(Math.min(start, length - window));
    if (start + window >= length) return starts;
  }
}

/** Starts of all windows in x-major order over a volume that is at least as large as the window. */
export function windowPositions(shape: Triple, window: Triple, overlap: number): Triple[] {
  const [xs, ys, zs] = [0, 1, 2].map((axis) =>
    windowStarts(shape[axis] as number, window[axis] as number, overlap),
  ) as [number[], number[], number[]];
  return xs.flatMap((x) => ys.flatMap((y) => zs.map((z): Triple => [x, y, z])));
}

function gaussian(length: number, sigmaScale: number): Float64Array {
  const sigma = sigmaScale * length;
  return Float64Array.from({ length }, (_, i) => Math.exp(-((i - (length - 1) / 2) ** 2) / (2 * sigma * sigma)));
}

/** The weight of each voxel of a window, [x][y][z]. */
export function importanceMap({ windowSize, mode, sigmaScale }: WindowOptions): Float32Array {
  const [sx, sy, sz] = windowSize;
  const map = new Float32Array(sx * sy * sz).fill(1);
  if (mode === 'constant') return map;
  const [gx, gy, gz] = windowSize.map((n) => gaussian(n, sigmaScale)) as [Float64Array, Float64Array, Float64Array];
  let smallest = Number.POSITIVE_INFINITY;
  for (let x = 0, i = 0; x < sx; x++) {
    for (let y = 0; y < sy; y++) {
      for (let z = 0; z < sz; z++, i++) {
        const weight = gx[x]! * gy[y]! * gz[z]!;
        map[i] = weight;
        if (weight < smallest) smallest = weight;
      }
    }
  }
  const floor = Math.max(smallest, SMALLEST_WEIGHT);
  return map.map((weight) => Math.max(weight, floor));
}

/** Where an image lies in the volume that windows walk: padded evenly where it is smaller, the odd voxel at the end. */
export interface PaddedShape {
  readonly shape: Triple;
  readonly before: Triple;
}

/** The padded shape of an image for windows of a size. */
export function padToWindow(shape: Triple, window: Triple): PaddedShape {
  const padded = shape.map((n, axis) => Math.max(n, window[axis] as number)) as unknown as Triple;
  const before = shape.map((n, axis) => Math.floor(((padded[axis] as number) - n) / 2)) as unknown as Triple;
  return { shape: padded, before };
}

/**
 * Copies one window of an image into `target` at window number `slot`: image [channel][x][y][z], target
 * [slot][x][y][z][channel]; zeros where the window reaches over the image. `start` is in the image's voxels, may be negative.
 */
export function extractWindow(
  image: Float32Array,
  channels: number,
  shape: Triple,
  start: Triple,
  window: Triple,
  target: Float32Array,
  slot: number,
): void {
  const [sx, sy, sz] = shape;
  const [wx, wy, wz] = window;
  const base = slot * wx * wy * wz * channels;
  target.fill(0, base, base + wx * wy * wz * channels);
  for (let c = 0; c < channels; c++) {
    for (let x = Math.max(0, -start[0]); x < wx && x + start[0] < sx; x++) {
      for (let y = Math.max(0, -start[1]); y < wy && y + start[1] < sy; y++) {
        const from = ((c * sx + x + start[0]) * sy + y + start[1]) * sz + start[2];
        const to = base + (x * wy + y) * wz * channels + c;
        for (let z = Math.max(0, -start[2]); z < wz && z + start[2] < sz; z++) {
          target[to + z * channels] = image[from + z]!;
        }
      }
    }
  }
}

/** Weighted sums over windows, in the image's own grid. */
export interface Blend {
  /** [class][x][y][z] */
  readonly sums: Float32Array;
  /** [x][y][z] */
  readonly weights: Float32Array;
}

/** An empty blend. */
export function startBlend(classes: number, shape: Triple): Blend {
  const voxels = shape[0] * shape[1] * shape[2];
  return { sums: new Float32Array(classes * voxels), weights: new Float32Array(voxels) };
}

/** Adds one window's output, `values` from `offset` on as [x][y][z][class], times its importance. */
export function addWindow(
  blend: Blend,
  classes: number,
  shape: Triple,
  start: Triple,
  window: Triple,
  values: Float32Array,
  offset: number,
  importance: Float32Array,
): void {
  const [sx, sy, sz] = shape;
  const [wx, wy, wz] = window;
  const voxels = sx * sy * sz;
  const { sums, weights } = blend;
  const first = Math.max(0, -start[2]);
  const end = Math.min(wz, sz - start[2]);
  for (let x = Math.max(0, -start[0]); x < wx && x + start[0] < sx; x++) {
    for (let y = Math.max(0, -start[1]); y < wy && y + start[1] < sy; y++) {
      const to = ((x + start[0]) * sy + y + start[1]) * sz + start[2];
      const row = (x * wy + y) * wz;
      for (let z = first; z < end; z++) weights[to + z]! += importance[row + z]!;
      // Class by class: classes lie a whole volume apart.
      for (let c = 0; c < classes; c++) {
        const sum = c * voxels + to;
        const from = offset + row * classes + c;
        for (let z = first; z < end; z++) sums[sum + z]! += importance[row + z]! * values[from + z * classes]!;
      }
    }
  }
}

/** Divides the sums by the weights, in place, and returns them: [class][x][y][z]. */
export function finishBlend({ sums, weights }: Blend, classes: number): Float32Array {
  const voxels = weights.length;
  for (let c = 0; c < classes; c++) {
    for (let v = 0; v < voxels; v++) sums[c * voxels + v]! /= weights[v]!;
  }
  return sums;
}

/** Planes of an image across its first axis, `to` exclusive. */
export interface Planes {
  readonly from: number;
  readonly to: number;
}

/** An image on the preprocessed grid: [channel][x][y][z]. */
export interface WindowedImage {
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Triple;
  /** Where given, only these planes are asked for: the output has no others, and their values are those of the whole. */
  readonly planes?: Planes;
}

/** Voxels of the output along each axis. */
export function outputShape({ shape, planes }: Pick<WindowedImage, 'shape' | 'planes'>): Triple {
  return planes === undefined ? shape : [planes.to - planes.from, shape[1], shape[2]];
}

/** An image whose windows are being blended. */
interface OpenImage {
  readonly image: WindowedImage;
  readonly starts: readonly Triple[];
  /** Of the planes that are asked for. */
  readonly blend: Blend;
}

/** Number of windows that an image takes, or those of its planes that are asked for. */
export function windowCount(shape: Triple, window: Triple, overlap: number, planes?: Planes): number {
  return windowStartsOf({ shape, ...(planes === undefined ? {} : { planes }) }, window, overlap).length;
}

/** Starts of an image's windows in its own voxels, x-major; only those that reach the planes that are asked for. */
function windowStartsOf(
  { shape, planes }: Pick<WindowedImage, 'shape' | 'planes'>,
  window: Triple,
  overlap: number,
): Triple[] {
  const { shape: padded, before } = padToWindow(shape, window);
  const starts = windowPositions(padded, window, overlap).map(
    (start) => start.map((at, axis) => at - (before[axis] as number)) as unknown as Triple,
  );
  if (planes === undefined) return starts;
  return starts.filter(([x]) => x < planes.to && x + window[0] > planes.from);
}

/**
 * Cuts a list into groups, in order, as small as fills a batch of windows: what is in memory at once is one group. The
 * groups follow from the list alone, so that the same images always share the same batches.
 */
export function fillBatches<T>(items: readonly T[], windowsOf: (item: T) => number, batch: number): T[][] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    if (room <= 0) {
      groups.push([]);
      room = batch;
    }
    groups.at(-1)?.push(item);
    room -= windowsOf(item);
  }
  return groups;
}

/**
 * Blended outputs [class][x][y][z] of a function over the windows of images, in the images' order. Batches are filled
 * across images, so that only the last one is not full. `compute` takes `count` windows as [count][x][y][z][channel] and
 * gives [count][x][y][z][class]; it gets at most `batch` at once.
 */
export async function slidingWindows(
  images: readonly WindowedImage[],
  classes: number,
  options: WindowOptions & { readonly batch: number },
  compute: (windows: Float32Array, count: number) => Promise<Float32Array>,
): Promise<Float32Array[]> {
  const { windowSize, batch } = options;
  const importance = importanceMap(options);
  const open = images.map((image) => openImage(image, classes, options));
  const queue = open.flatMap((each) => each.starts.map((start) => ({ ...each, start })));
  const size = importance.length;
  for (let first = 0; first < queue.length; first += batch) {
    const group = queue.slice(first, first + batch);
    const channels = images[0]?.channels as number;
    const windows = new Float32Array(group.length * size * channels);
    group.forEach(({ image, start }, slot) => {
      extractWindow(image.data, channels, image.shape, start, windowSize, windows, slot);
    });
    const values = await compute(windows, group.length);
    group.forEach(({ image, start, blend }, slot) => {
      const within: Triple = [start[0] - (image.planes?.from ?? 0), start[1], start[2]];
      addWindow(blend, classes, outputShape(image), within, windowSize, values, slot * size * classes, importance);
    });
  }
  return open.map(({ blend }) => finishBlend(blend, classes));
}

function openImage(image: WindowedImage, classes: number, { windowSize, overlap }: WindowOptions): OpenImage {
  return {
    image,
    starts: windowStartsOf(image, windowSize, overlap),
    blend: startBlend(classes, outputShape(image)),
  };
}
