import { isCancellation } from '@temporalio/workflow';
import { describeFailure } from './failures.ts';
import { analyzeDataset, database } from './proxies.ts';
import type { DatasetInput } from './signals.ts';

/** Checks a registered dataset and records its findings and statistics, or why it could not be checked. */
export async function datasetWorkflow({ datasetId }: DatasetInput): Promise<void> {
  const job = await database.beginDatasetCheck({ datasetId });
  try {
    const result = await analyzeDataset(job);
    await database.recordDatasetCheck({ datasetId, result });
  } catch (error) {
    if (isCancellation(error)) throw error;
    await database.recordDatasetFailure({ datasetId, failure: describeFailure(error) });
  }
}
