import { LabelChangeView, LabelGiven } from '@voxhelm/contracts/api-labels';
import type { DatalistCase } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { casesToAdd } from '@voxhelm/imaging/datasets/cases-to-add';
import { z } from 'zod';
import { type ApiClient, createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { table } from '../output/format.ts';
import { sendFile } from '../send-file.ts';
import { addressOf } from './champion.ts';

/** Options of `label` and `dataset add`. */
export interface LabelOptions extends JsonOption {
  readonly heldOut?: boolean;
  readonly note?: string;
}

/** Gives a case its label; without a case, shows what was given to the dataset so far. */
export async function label(
  dataset: string,
  caseId: string | undefined,
  mask: string | undefined,
  options: LabelOptions,
): Promise<number> {
  const client = createApiClient(readSettings());
  if (caseId === undefined) return showLog(client, dataset, options);
  if (mask === undefined) {
    throw new VoxhelmError('invalid-request', `the label map for ${caseId} is missing`, {
      fix: 'voxhelm label DATASET CASE MASK.nii.gz',
    });
  }
  const given = await client.put(
    await addressOf(dataset, `cases/${encodeURIComponent(caseId)}/label`),
    { label: await sendFile(client, mask), heldOut: options.heldOut === true, ...noteOf(options) },
    LabelGiven,
  );
  process.stdout.write(options.json === true ? `${JSON.stringify(given)}\n` : `${given.message}\n`);
  return 0;
}

/** Rows of the log that are shown. */
const SHOWN = 50;

async function showLog(client: ApiClient, dataset: string, options: LabelOptions): Promise<number> {
  const path = `${await addressOf(dataset, 'labels')}?limit=${SHOWN}`;
  const { items } = await client.get(path, z.object({ items: z.array(LabelChangeView) }));
  if (options.json === true) process.stdout.write(`${JSON.stringify(items)}\n`);
  else if (items.length === 0) process.stdout.write('Nothing was given yet: npx voxhelm label DATASET CASE MASK\n');
  else {
    const short = (sha256: string | null): string => sha256?.slice(0, 12) ?? '–';
    const rows = items.map((one) => [
      ...[one.at, one.caseId, one.kind, one.role],
      ...[short(one.sha256), short(one.previousSha256), one.note ?? ''],
    ]);
    process.stdout.write(`${table(['at', 'case', 'what', 'was', 'label', 'before', 'note'], rows)}\n`);
  }
  return 0;
}

/** Adds the cases of a folder, each by itself: those that are refused are told and the others go in; then 1. */
export async function addCases(dataset: string, folder: string, options: LabelOptions): Promise<number> {
  const client = createApiClient(readSettings());
  const { cases, testing } = await casesToAdd(folder);
  const path = await addressOf(dataset, 'cases');
  const added: LabelGiven[] = [];
  const refused: { readonly caseId: string; readonly message: string }[] = [];
  const tell = (line: string): void => void (options.json === true || process.stdout.write(`${line}\n`));
  for (const one of cases) {
    try {
      const given = await client.post(path, { ...(await sendCase(client, one)), ...noteOf(options) }, LabelGiven);
      added.push(given);
      tell(given.message);
    } catch (error) {
      // A service that is away or out of order refuses nothing: every other case would fail as this one.
      if (!(error instanceof VoxhelmError) || error.retryable || error.code === 'not-found') throw error;
      const message = error.fix === undefined ? error.message : `${error.message} (${error.fix})`;
      refused.push({ caseId: one.caseId, message });
      tell(`REFUSED ${message}`);
    }
  }
  if (testing.length > 0) tell(`${testing.length} test cases are left out: models are tested on what the dataset has.`);
  if (options.json === true) process.stdout.write(`${JSON.stringify({ added, refused, leftOut: testing.length })}\n`);
  else
    tell(
      `${added.length} of ${cases.length} cases are in the dataset${refused.length === 0 ? '.' : `; ${refused.length} were refused.`}`,
    );
  return refused.length === 0 ? 0 : 1;
}

async function sendCase(client: ApiClient, { caseId, images, label: path }: DatalistCase) {
  const sent = [];
  for (const image of images) sent.push(await sendFile(client, image));
  return { caseId, images: sent, ...(path === null ? {} : { label: await sendFile(client, path) }) };
}

const noteOf = ({ note }: LabelOptions) => (note === undefined ? {} : { note });
