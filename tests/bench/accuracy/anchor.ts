import { fileURLToPath } from 'node:url';
import { runJsonProcess } from '../lib/process.ts';
import type { Cases } from './dataset.ts';

const SCRIPT = fileURLToPath(new URL('../anchor/accuracy.py', import.meta.url));

/** What MONAI's network reaches in the same time on the same cases: the result line of anchor/accuracy.py. */
export async function trainAnchor(python: string, cases: Cases, minutes: number): Promise<Record<string, unknown>> {
  const setting = { training: cases.training, test: cases.test, minutes };
  return (await runJsonProcess(python, [SCRIPT, JSON.stringify(setting)])).result;
}
