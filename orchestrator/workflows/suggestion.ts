import { isCancellation } from '@temporalio/workflow';
import { describeFailure } from './failures.ts';
import { analyzeDataset, database, suggestCases } from './proxies.ts';
import type { SuggestionInput } from './signals.ts';

/** Looks for unlabelled cases and asks the champion's members which of them to label next. */
export async function suggestionWorkflow({ suggestionId }: SuggestionInput): Promise<void> {
  try {
    const look = await analyzeDataset(await database.beginSuggestion({ suggestionId }));
    const job = await database.prepareSuggestion({ suggestionId, result: look });
    if (job === null) return;
    await database.recordSuggestion({ suggestionId, result: await suggestCases(job) });
  } catch (error) {
    if (isCancellation(error)) throw error;
    await database.failSuggestion({ suggestionId, failure: describeFailure(error) });
  }
}
