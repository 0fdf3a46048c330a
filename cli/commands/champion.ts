import { ChampionView, SuggestionView } from '@voxhelm/contracts/api-schedules';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { counted, MEASURES } from '@voxhelm/contracts/words';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { diceText, table } from '../output/format.ts';
import { absoluteIfHere } from './submit.ts';

/** The address of a dataset's part of the API; a folder here stands for the dataset that lies in it. */
export async function addressOf(dataset: string, part: string): Promise<string> {
  return `/datasets/${encodeURIComponent(await absoluteIfHere(dataset, process.cwd()))}/${part}`;
}

/** Who is champion, what it was compared on, and who was before; with `--set`, makes a run champion by hand. */
export async function champion(dataset: string, options: JsonOption & { readonly set?: string }): Promise<number> {
  const client = createApiClient(readSettings());
  const path = await addressOf(dataset, 'champion');
  const view =
    options.set === undefined
      ? await client.get(path, ChampionView)
      : await client.post(path, { run: options.set }, ChampionView);
  show(view, options);
  return 0;
}

/** Makes the champion before the present one champion again. */
export async function rollback(dataset: string, options: JsonOption): Promise<number> {
  const client = createApiClient(readSettings());
  show(await client.post(await addressOf(dataset, 'rollback'), undefined, ChampionView), options);
  return 0;
}

function show(view: ChampionView, options: JsonOption): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(view)}\n` : `${championReport(view)}\n`);
}

function championReport(view: ChampionView): string {
  const { champion: present, comparisonCases, promotions } = view;
  const rows = promotions.map((one) => [
    one.at,
    one.kind,
    `${one.runId} (${one.runName})`,
    one.comparison === null ? '–' : one.comparison.meanDifference.toFixed(4),
    one.comparison === null ? '–' : one.comparison.pValue.toFixed(4),
    one.reason,
  ]);
  return [
    present === null
      ? `${view.datasetName} has no champion yet.`
      : `${view.datasetName}: ${present.runId} (${present.runName}), test Dice ${diceText(present.testDice)}, since ${present.since}`,
    `compared on ${counted(comparisonCases.length, 'case that is', 'cases that are')} held out for ever${comparisonCases.length === 0 ? '' : `: ${comparisonCases.join(', ')}`}`,
    ...(rows.length === 0 ? [] : [table(['promoted', 'kind', 'run', 'Dice ±', 'p', 'reason'], rows)]),
    ...(present === null ? [] : [`bundle: npx voxhelm download --champion ${view.datasetName} -o bundle.zip`]),
  ].join('\n');
}

const LOOK_EVERY_MS = 1_000;

/** Asks the champion which unlabelled cases to label next, and waits for its list. */
export async function suggest(
  dataset: string,
  options: JsonOption & { readonly limit: string; readonly last?: boolean },
): Promise<number> {
  const client = createApiClient(readSettings());
  let view =
    options.last === true
      ? await client.get(await addressOf(dataset, 'suggestions/latest'), SuggestionView)
      : await client.post(await addressOf(dataset, 'suggestions'), undefined, SuggestionView);
  while (view.state === 'working') {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    view = await client.get(`/suggestions/${view.id}`, SuggestionView);
  }
  if (view.state === 'failed') throw new VoxhelmError('internal', `no suggestion could be made: ${view.message}`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(view)}\n`);
  else process.stdout.write(`${suggestionReport(view, Number(options.limit))}\n`);
  return 0;
}

function suggestionReport({ message, cases }: SuggestionView, limit: number): string {
  if (cases.length === 0) return message;
  const rows = cases
    .slice(0, limit)
    .map((one, index) => [
      String(index + 1),
      one.caseId,
      one.uncertainty.toFixed(3),
      one.disagreement.toFixed(3),
      one.novelty.toFixed(3),
    ]);
  const more = cases.length > limit ? `\n(${cases.length - limit} more: --limit ${cases.length})` : '';
  const legend = Object.entries(MEASURES).map(([name, about]) => `${name}: ${about}`);
  return [`${message}\n${table(['', 'case', 'uncertainty', 'disagreement', 'novelty'], rows)}${more}`, ...legend].join(
    '\n',
  );
}
