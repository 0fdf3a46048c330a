import { predictFolder } from '@voxhelm/ensembler/predict';
import { readImage } from '@voxhelm/imaging/nifti';
import { voxelCount } from '@voxhelm/imaging/volume';
import { markMemory, peakAbove } from '../lib/memory.ts';
import type { MeasuredPrediction, PredictConfiguration } from './configuration.ts';

/*
 * A folder of images segmented by the product's own `predictFolder`, in a process of its own. Argument: a
 * PredictConfiguration as JSON; prints one JSON line. tests/bench/anchor/predict.py is its counterpart.
 */

const { bundle, input, output } = JSON.parse(process.argv[2] ?? '') as PredictConfiguration;
const marked = markMemory();
const started = performance.now();
const { written } = await predictFolder({ bundlePath: bundle, input, output });
const seconds = (performance.now() - started) / 1000;
const peakMb = peakAbove(marked);
let voxels = 0;
for (const file of written) voxels += voxelCount((await readImage([file])).shape);
const result: MeasuredPrediction = { seconds, voxels, cases: written.length, peakMb };
process.stdout.write(`${JSON.stringify(result)}\n`);
