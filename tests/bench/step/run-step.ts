import { join } from 'node:path';
import { TENSORFLOW_ENVIRONMENT } from '@voxhelm/gpu-trainer/supervise';
import { watchGpuMemory } from '../lib/gpu-memory.ts';
import { runJsonProcess } from '../lib/process.ts';
import type { StepConfiguration } from './configuration.ts';

/** What a measured process found (milliseconds, MiB); parts that an engine cannot tell apart are missing. */
export interface MeasuredStep {
  readonly stepMs: number;
  readonly peakMb: number;
  readonly firstStepMs: number;
  /** From the start of the process to the end of its first step. */
  readonly startMs: number;
  readonly waitMs?: number;
  readonly forwardMs?: number;
  readonly backwardMs?: number;
  readonly optimizerMs?: number;
  readonly compileMs?: number;
}

/**
 * Runs one configuration in a process of its own: the product's, or with the engine "pytorch" the anchor's. On a GPU
 * `peakMb` is the GPU's memory.
 */
export async function runStep(configuration: StepConfiguration, python: string | undefined): Promise<MeasuredStep> {
  const watch = configuration.device === 'cuda' ? await watchGpuMemory() : null;
  // Ours as the trainer starts its jobs.
  const environment = configuration.engine === 'pytorch' ? {} : TENSORFLOW_ENVIRONMENT;
  const { result, events } = await runJsonProcess(...commandOf(configuration, python), environment);
  const gpu = watch === null ? {} : { peakMb: await watch.stop() };
  return { ...(result as unknown as MeasuredStep), ...gpu, startMs: events['first-step'] ?? Number.NaN };
}

function commandOf(configuration: StepConfiguration, python: string | undefined): [string, string[]] {
  const here = (file: string): string => join(import.meta.dirname, file);
  const argument = JSON.stringify(configuration);
  if (configuration.engine !== 'pytorch') {
    return [process.execPath, ['--import', 'tsx', here('step-process.ts'), argument]];
  }
  if (python === undefined) throw new Error('the anchor needs --anchor PYTHON');
  return [python, [here('../anchor/train_step.py'), argument]];
}
