/*
 * Nearest-neighbour resampling meets exact halves all the time (1 mm to 1.5 mm: every other voxel), and which neighbour
 * then wins is decided by the last bit of the position. Networks and label statistics of MONAI users were made with
 * PyTorch's affine_grid and grid_sample in float64, so their arithmetic is repeated here, operation by operation; with it
 * the label counts of ../shared/reference/spatial.json are met to the voxel.
 */

/**
 * For each of `toSize` output voxels of an axis, the input voxel that is nearest to position i * step, where `fromSize`
 * voxels are there to choose from.
 */
export function nearestPositions(fromSize: number, toSize: number, step: number): Int32Array {
  // Normalised coordinates (align_corners=False): [-1, 1] spans the outer edges of the first and last voxel.
  const inverse = 1 / (2 / toSize);
  const scale = (2 / fromSize) * step * inverse;
  const shift = (2 / fromSize) * step * (-(1 / toSize - 1) * inverse) + (1 / fromSize - 1);
  return Int32Array.from({ length: toSize }, (_, index) => {
    const base = toSize === 1 ? 0 : (linspace(index, toSize) * (toSize - 1)) / toSize;
    const position = ((base * scale + shift + 1) * fromSize - 1) / 2;
    return roundHalfEven(Math.min(fromSize - 1, Math.max(0, position)));
  });
}

/** To the nearest integer, exact halves to the even one (C's nearbyint, Python's round). */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Element `index` of `count` even steps from -1 to 1, from whichever end is nearer, with fused multiply and add. */
function linspace(index: number, count: number): number {
  const step = 2 / (count - 1);
  return index < Math.floor(count / 2)
    ? fusedMultiplyAdd(step, index, -1)
    : fusedMultiplyAdd(-step, count - 1 - index, 1);
}

/** a * b + c with one rounding (Dekker's exact product, Knuth's exact sum). */
function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const [highA, lowA] = split(a);
  const [highB, lowB] = split(b);
  const productError = lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
  const sum = product + c;
  const back = sum - product;
  const sumError = product - (sum - back) + (c - back);
  return sum + (sumError + productError);
}

/** Two halves of 26 bits each (Veltkamp). */
function split(value: number): [number, number] {
  const spread = value * 134_217_729;
  const high = spread - (spread - value);
  return [high, value - high];
}
