import { type Affine, affineAt, type LabelMap, spacingOf, type Vec3, type Volume } from '@voxhelm/imaging/volume';
import type { Picture } from './png.ts';

/*
 * One slice of a case with the outlines of truth and prediction drawn on it, as a picture.
 */

/** Green for the truth, orange for the prediction: told apart with the common colour blindnesses, and on grey. */
export const TRUTH_COLOUR = [64, 220, 120] as const;
export const PREDICTION_COLOUR = [255, 140, 40] as const;

/** Pictures are enlarged by whole factors until their longer side has about this many pixels. */
const PICTURE_PIXELS = 320;

/**
 * The slice (across the axis closest to head-foot) with the most labelled voxels of the truth (of the prediction where
 * the truth is empty), windowed to its 1st..99th percentile, with both outlines. All three share one grid.
 */
export function overlayPicture(image: Volume, truth: LabelMap, prediction: LabelMap): Picture {
  const axis = closestAxis(image.affine, 2);
  const across = closestAxis(image.affine, 0, axis);
  const down = (3 - axis - across) as 0 | 1 | 2;
  const at = fullestSlice(truth, axis) ?? fullestSlice(prediction, axis) ?? Math.floor(image.shape[axis] / 2);
  const width = image.shape[across];
  const height = image.shape[down];
  const index = sliceIndexer(image.shape, axis, at, across, down);
  const spacing = spacingOf(image.affine);
  const factor = Math.max(1, Math.floor(PICTURE_PIXELS / Math.max(width, height)));
  const stretch = Math.min(8, Math.max(1, Math.round((factor * spacing[down]) / spacing[across])));
  const view: View = {
    width,
    height,
    scaleX: factor,
    scaleY: stretch,
    // Pictures run right and down; radiology shows the patient's left on the right and the front at the top.
    mirrorX: affineAt(image.affine, 0, across) > 0 || affineAt(image.affine, 1, across) > 0,
    mirrorY: affineAt(image.affine, 1, down) > 0 || affineAt(image.affine, 2, down) > 0,
  };
  const grey = windowed(image, index, width, height);
  return draw(view, grey, slice(truth, index, width, height), slice(prediction, index, width, height));
}

interface View {
  readonly width: number;
  readonly height: number;
  readonly scaleX: number;
  readonly scaleY: number;
  readonly mirrorX: boolean;
  readonly mirrorY: boolean;
}

type Indexer = (column: number, row: number) => number;

function sliceIndexer(shape: Vec3, axis: number, at: number, across: number, down: number): Indexer {
  const strides = [shape[1] * shape[2], shape[2], 1];
  const base = at * strides[axis]!;
  return (column, row) => base + column * strides[across]! + row * strides[down]!;
}

/** The array axis whose direction is closest to a world axis (0 right, 1 front, 2 up); never `taken`. */
function closestAxis(affine: Affine, world: number, taken?: number): 0 | 1 | 2 {
  const spacing = spacingOf(affine);
  const alignment = ([0, 1, 2] as const).map((axis) =>
    axis === taken ? -1 : Math.abs(affineAt(affine, world, axis)) / (spacing[axis] || 1),
  );
  return alignment.indexOf(Math.max(...alignment)) as 0 | 1 | 2;
}

function fullestSlice(labels: LabelMap, axis: 0 | 1 | 2): number | null {
  const { shape, data } = labels;
  const counts = new Float64Array(shape[axis]);
  let voxel = 0;
  for (let x = 0; x < shape[0]; x++)
    for (let y = 0; y < shape[1]; y++)
      for (let z = 0; z < shape[2]; z++) if (data[voxel++] !== 0) counts[[x, y, z][axis]!]! += 1;
  const most = Math.max(...counts);
  return most > 0 ? counts.indexOf(most) : null;
}

/** A slice's intensities of the first channel as 0..255 between their 1st and 99th percentile. */
function windowed(image: Volume, index: Indexer, width: number, height: number): Uint8Array {
  const values = new Float32Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) values[row * width + column] = image.data[index(column, row)]!;
  const sorted = values.slice().sort();
  const low = sorted[Math.floor((sorted.length - 1) * 0.01)]!;
  const high = sorted[Math.ceil((sorted.length - 1) * 0.99)]!;
  return Uint8Array.from(values, (value) => Math.max(0, Math.min(255, ((value - low) / (high - low || 1)) * 255)));
}

function slice(labels: LabelMap, index: Indexer, width: number, height: number): Int32Array {
  const out = new Int32Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) out[row * width + column] = labels.data[index(column, row)]!;
  return out;
}

/** Enlarges the slice and draws the edges between different labels: truth first, prediction on top, one pixel inside. */
function draw(view: View, grey: Uint8Array, truth: Int32Array, prediction: Int32Array): Picture {
  const width = view.width * view.scaleX;
  const height = view.height * view.scaleY;
  const rgb = new Uint8Array(width * height * 3);
  const cell = (x: number, y: number): number => {
    const column = Math.floor(x / view.scaleX);
    const row = Math.floor(y / view.scaleY);
    return (
      (view.mirrorY ? view.height - 1 - row : row) * view.width + (view.mirrorX ? view.width - 1 - column : column)
    );
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const shade = grey[cell(x, y)]!;
      const colour = isOutline(prediction, cell, x, y, width, height, 1)
        ? PREDICTION_COLOUR
        : isOutline(truth, cell, x, y, width, height, 2)
          ? TRUTH_COLOUR
          : ([shade, shade, shade] as const);
      rgb.set(colour, (y * width + x) * 3);
    }
  }
  return { width, height, rgb };
}

/** True for pixels of a labelled cell that have another label within `reach` pixels. */
function isOutline(
  labels: Int32Array,
  cell: (x: number, y: number) => number,
  x: number,
  y: number,
  width: number,
  height: number,
  reach: number,
): boolean {
  const own = labels[cell(x, y)]!;
  if (own === 0) return false;
  for (const [dx, dy] of [
    [-reach, 0],
    [reach, 0],
    [0, -reach],
    [0, reach],
  ] as const) {
    const nextX = x + dx;
    const nextY = y + dy;
    if (nextX < 0 || nextY < 0 || nextX >= width || nextY >= height) return true;
    if (labels[cell(nextX, nextY)] !== own) return true;
  }
  return false;
}
