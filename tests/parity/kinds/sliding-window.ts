import { slidingWindows, type Triple } from '@voxhelm/nn/sliding-window';
import { z } from 'zod';
import { formulaValues, sizeOf } from '../formula.ts';
import { type ParityRow, parityRow } from '../row.ts';

const Space = z.tuple([z.number(), z.number(), z.number()]);

const Reference = z.object({
  kind: z.literal('sliding-window'),
  volume: z.object({ shape: Space, k: z.number(), rule: z.string() }),
  pattern: z.object({ shape: Space, k: z.number(), rule: z.string() }),
  predictor: z.literal('window x -> channels [x*pattern, x+pattern]'),
  cases: z.array(
    z.object({
      mode: z.enum(['constant', 'gaussian']),
      overlap: z.number(),
      sigma_scale: z.number(),
      roi: Space,
      volume: Space,
      output: z.object({
        shape: z.array(z.number()),
        std: z.number(),
        index: z.array(z.number()),
        value: z.array(z.number()),
      }),
    }),
  ),
});

/** Values by a rule such as "2*u". */
function valuesOf({ shape, k, rule }: { shape: Triple; k: number; rule: string }): Float32Array {
  const factor = Number(/^([\d.]+)\*u$/.exec(rule)?.[1] ?? Number.NaN);
  return formulaValues(sizeOf(shape), k, factor);
}

/** The corner [:a, :b, :c] of a volume. */
function corner(values: Float32Array, [, sy, sz]: Triple, [a, b, c]: Triple): Float32Array {
  const out = new Float32Array(a * b * c);
  for (let x = 0; x < a; x++)
    for (let y = 0; y < b; y++) out.set(values.subarray((x * sy + y) * sz, (x * sy + y) * sz + c), (x * b + y) * c);
  return out;
}

/** The reference's predictor on windows [count][x][y][z]: two classes, x*pattern and x+pattern. */
function predictWith(pattern: Float32Array): (windows: Float32Array) => Promise<Float32Array> {
  return async (windows) => {
    const out = new Float32Array(windows.length * 2);
    windows.forEach((value, i) => {
      const p = pattern[i % pattern.length] as number;
      out[2 * i] = value * p;
      out[2 * i + 1] = value + p;
    });
    return out;
  };
}

/** Checks the blended output of each case. */
export async function check(reference: unknown, _dataDir: string): Promise<ParityRow[]> {
  const parsed = Reference.parse(reference);
  const volume = valuesOf(parsed.volume);
  const pattern = valuesOf(parsed.pattern);
  const rows: ParityRow[] = [];
  for (const { mode, overlap, sigma_scale: sigmaScale, roi, volume: shape, output } of parsed.cases) {
    const image = corner(volume, parsed.volume.shape, shape);
    const options = { windowSize: roi, overlap, mode, sigmaScale, batch: 4 };
    const [ours] = await slidingWindows([{ data: image, channels: 1, shape }], 2, options, predictWith(pattern));
    if (ours === undefined) throw new Error('one image gives one output');
    const errors = output.index.map((at, i) => Math.abs((ours[at] as number) - (output.value[i] as number)));
    const name = `${mode} overlap ${overlap} sigma ${sigmaScale} window ${roi.join('x')} volume ${shape.join('x')}`;
    rows.push(parityRow(`${name}, shape (difference)`, Math.abs(sizeOf(output.shape) - ours.length), 0));
    rows.push(parityRow(`${name} (of the standard deviation)`, Math.max(...errors) / output.std, 1e-5));
  }
  return rows;
}
