/* node:zlib for the browser, as far as NIfTI files need it. */
import { Gunzip, gunzipSync as gunzipWhole, gzipSync as gzipWhole } from 'fflate';

export const constants = { Z_SYNC_FLUSH: 2 };

interface Options {
  readonly finishFlush?: number;
  readonly chunkSize?: number;
  readonly maxOutputLength?: number;
}

/** With Z_SYNC_FLUSH the input may end anywhere: what it holds so far comes back. Never more than `maxOutputLength`. */
export function gunzipSync(bytes: Uint8Array, options: Options = {}): Uint8Array {
  const limit = options.maxOutputLength ?? Number.POSITIVE_INFINITY;
  if (options.finishFlush !== constants.Z_SYNC_FLUSH && options.chunkSize !== undefined) {
    // The trailer's ISIZE: what a bomb unpacks to must not even be allocated.
    const trailer = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.byteLength > 18 && trailer.getUint32(bytes.byteLength - 4, true) > limit) {
      throw new RangeError('more than expected');
    }
    const whole = gunzipWhole(bytes);
    if (whole.byteLength > limit) throw new RangeError('more than expected');
    return whole;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Gunzip((chunk) => {
    length += chunk.byteLength;
    if (length > limit) throw new RangeError('more than expected');
    chunks.push(chunk);
  });
  stream.push(bytes, options.finishFlush !== constants.Z_SYNC_FLUSH);
  const result = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    result.set(chunk, at);
    at += chunk.byteLength;
  }
  return result;
}

export function gzipSync(bytes: Uint8Array): Uint8Array {
  return gzipWhole(bytes);
}
