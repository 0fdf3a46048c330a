import { predictFolder } from '@voxhelm/ensembler/predict';
import type { PredictOptions } from '../main.ts';

/** Segments images with an ensemble bundle. */
export async function predict(options: PredictOptions): Promise<number> {
  const startedAt = performance.now();
  const { written } = await predictFolder({ bundlePath: options.bundle, input: options.input, output: options.output });
  if (options.json === true) process.stdout.write(`${JSON.stringify({ written })}\n`);
  else
    process.stdout.write(
      `${written.length} ${written.length === 1 ? 'image' : 'images'} segmented into ${options.output} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`,
    );
  return 0;
}
