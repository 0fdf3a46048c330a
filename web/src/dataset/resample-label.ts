import { type Affine, affineAt, type LabelData, type LabelMap, type Vec3, voxelCount } from '@voxhelm/imaging/volume';

/**
 * A label map on another grid, by nearest neighbour through both affines; background where the label does not reach. For
 * labels that were drawn on another scan of the same patient.
 */
export function resampleLabel(label: LabelMap, target: { readonly shape: Vec3; readonly affine: Affine }): LabelMap {
  const toLabel = multiply(invert(label.affine), target.affine);
  const [sizeX, sizeY, sizeZ] = target.shape;
  const [fromX, fromY, fromZ] = label.shape;
  const data = emptyLike(label.data, voxelCount(target.shape));
  const at = (row: number, column: number): number => affineAt(toLabel, row, column);
  let out = 0;
  for (let x = 0; x < sizeX; x += 1) {
    for (let y = 0; y < sizeY; y += 1) {
      for (let z = 0; z < sizeZ; z += 1) {
        const i = Math.round(at(0, 0) * x + at(0, 1) * y + at(0, 2) * z + at(0, 3));
        const j = Math.round(at(1, 0) * x + at(1, 1) * y + at(1, 2) * z + at(1, 3));
        const k = Math.round(at(2, 0) * x + at(2, 1) * y + at(2, 2) * z + at(2, 3));
        const inside = i >= 0 && j >= 0 && k >= 0 && i < fromX && j < fromY && k < fromZ;
        data[out] = inside ? (label.data[(i * fromY + j) * fromZ + k] as number) : 0;
        out += 1;
      }
    }
  }
  return { shape: target.shape, affine: target.affine, data };
}

function emptyLike(data: LabelData, length: number): LabelData {
  if (data instanceof Uint8Array) return new Uint8Array(length);
  return data instanceof Uint16Array ? new Uint16Array(length) : new Int32Array(length);
}

/** The product of two affines (4 x 4, row by row). */
function multiply(a: Affine, b: Affine): Affine {
  return Array.from({ length: 16 }, (_, index) => {
    const [row, column] = [Math.floor(index / 4), index % 4];
    let sum = 0;
    for (let inner = 0; inner < 4; inner += 1) sum += affineAt(a, row, inner) * affineAt(b, inner, column);
    return sum;
  });
}

/** The inverse of an affine; rows of NaN where it is singular, which the check refuses before. */
function invert(affine: Affine): Affine {
  const a = (row: number, column: number): number => affineAt(affine, row, column);
  const cofactor = (row: number, column: number): number => {
    const [r0 = 0, r1 = 0] = [0, 1, 2].filter((each) => each !== row);
    const [c0 = 0, c1 = 0] = [0, 1, 2].filter((each) => each !== column);
    return ((row + column) % 2 === 0 ? 1 : -1) * (a(r0, c0) * a(r1, c1) - a(r0, c1) * a(r1, c0));
  };
  const determinant = a(0, 0) * cofactor(0, 0) + a(0, 1) * cofactor(0, 1) + a(0, 2) * cofactor(0, 2);
  const rows = [0, 1, 2].map((row) => {
    const linear = [0, 1, 2].map((column) => cofactor(column, row) / determinant);
    const shift = -linear.reduce((sum, value, column) => sum + value * a(column, 3), 0);
    return [...linear, shift];
  });
  return [...rows.flat(), 0, 0, 0, 1];
}
