import { join } from 'node:path';
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

/** Runs one configuration in a process of its own: the product's, or with the engine "pytorch" the anchor's. */
export async function runStep(configuration: StepConfiguration, python: string | undefined): Promise<MeasuredStep> {
  const argument = JSON.stringify(configuration);
  const { result, events } =
    configuration.engine === 'pytorch'
      ? await runJsonProcess(python ?? 'python3', [join(import.meta.dirname, '../anchor/train_step.py'), argument])
      : await runJsonProcess(process.execPath, [
          '--import',
          'tsx',
          join(import.meta.dirname, 'step-process.ts'),
          argument,
        ]);
  return { ...(result as unknown as MeasuredStep), startMs: events['first-step'] ?? Number.NaN };
}
