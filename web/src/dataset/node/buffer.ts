/* The little of Node's Buffer that reading NIfTI needs: turning the byte order round. */

class SwappableBytes extends Uint8Array<ArrayBuffer> {
  swap16(): this {
    return this.swap(2);
  }
  swap32(): this {
    return this.swap(4);
  }
  swap64(): this {
    return this.swap(8);
  }
  private swap(size: number): this {
    for (let start = 0; start + size <= this.length; start += size) {
      for (let low = start, high = start + size - 1; low < high; low += 1, high -= 1) {
        const byte = this[low] as number;
        this[low] = this[high] as number;
        this[high] = byte;
      }
    }
    return this;
  }
}

Object.assign(globalThis, { Buffer: { from: (buffer: ArrayBuffer) => new SwappableBytes(buffer) } });

// Without isolation (a page over plain http from another machine) there is no shared memory, and one thread needs none.
if (typeof SharedArrayBuffer === 'undefined') Object.assign(globalThis, { SharedArrayBuffer: ArrayBuffer });
