/*
 * Writes protocol buffers (https://protobuf.dev/programming-guides/encoding): just what a TensorFlow graph needs.
 */

const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

const text = new TextEncoder();

/** A message under construction: fields are appended in any order. */
export class Message {
  private buffer = new Uint8Array(64);
  private length = 0;

  private room(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.buffer.length, this.length + bytes));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  /** Two's complement in 64 bits, seven bits a byte: negative numbers take ten bytes. */
  private varint(value: number): void {
    this.room(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.buffer[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
  }

  private key(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  /** An integer, an enum or a boolean. */
  integer(field: number, value: number): this {
    this.key(field, VARINT);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.key(field, FIXED32);
    this.room(4);
    new DataView(this.buffer.buffer).setFloat32(this.length, value, true);
    this.length += 4;
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    this.key(field, BYTES);
    this.varint(value.length);
    this.room(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
    return this;
  }

  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }

  /** One entry of a map from strings to messages. */
  entry(field: number, key: string, value: Message): this {
    return this.message(field, new Message().string(1, key).message(2, value));
  }

  /** The bytes written so far (a view; write no more after taking it). */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}
