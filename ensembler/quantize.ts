/** Probabilities of 0..1 in a byte each: what of a validation is stored. */
export function quantize(probabilities: Float32Array): Uint8Array {
  const data = new Uint8Array(probabilities.length);
  for (let index = 0; index < data.length; index++) data[index] = Math.round(probabilities[index]! * 255);
  return data;
}
