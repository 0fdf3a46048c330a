/** Where prediction and truth differ: 1 only predicted, 2 missed, 3 both but another class. Same order as both. */
export function disagreementOf(prediction: ArrayLike<number>, truth: ArrayLike<number>): Uint8Array {
  return Uint8Array.from({ length: prediction.length }, (_, index) => {
    const [a, b] = [prediction[index], truth[index]];
    if (a === b) return 0;
    return b === 0 ? 1 : a === 0 ? 2 : 3;
  });
}

/** Entropy of each voxel's class probabilities (0..255 for 0..1, [class][voxel]) over log(classes): 0 sure, 1 no idea. */
export function entropyOf(data: Uint8Array, classes: number): Float32Array {
  const voxels = data.length / classes;
  const scale = 1 / Math.log(classes);
  // p log p of the 256 possible values.
  const terms = Float64Array.from({ length: 256 }, (_, value) =>
    value === 0 ? 0 : -(value / 255) * Math.log(value / 255),
  );
  const entropy = new Float32Array(voxels);
  for (let voxel = 0; voxel < voxels; voxel += 1) {
    let sum = 0;
    for (let each = 0; each < classes; each += 1) sum += terms[data[each * voxels + voxel] as number] as number;
    entropy[voxel] = sum * scale;
  }
  return entropy;
}

/** The one tensor of a stored prediction (ensembler/probabilities.ts): safetensors, uint8, [class, x, y, z]. Throws where it is another file. */
export function readProbabilities(bytes: Uint8Array): { classes: number; shape: number[]; data: Uint8Array } {
  const headerBytes = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] } | undefined
  >;
  const tensor = header['probabilities'];
  const [classes, ...shape] = tensor?.shape ?? [];
  if (tensor?.dtype !== 'U8' || classes === undefined) throw new Error('the stored prediction holds no probabilities');
  const start = 8 + headerBytes;
  return { classes, shape, data: bytes.subarray(start + tensor.data_offsets[0], start + tensor.data_offsets[1]) };
}
