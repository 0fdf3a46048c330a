import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Which files are to be predicted: one file or a folder of them, with one file per channel where the models have several
 * channels (nnU-Net's CASE_0000.nii.gz, CASE_0001.nii.gz, ...).
 */

/** One image to predict. `images` are in channel order; `outputName` is the file name of the result. */
export interface PredictionInput {
  readonly images: readonly string[];
  readonly outputName: string;
  /** Why it cannot be predicted, where that is seen from the names alone. */
  readonly fault: string | null;
}

const IMAGE = /\.nii(\.gz)?$/i;
const CHANNEL_FILE = /^(?<caseId>.+)_(?<channel>\d{4})(?<extension>\.nii(?:\.gz)?)$/i;

/** Lists the images of a file or folder, sorted by name. Throws `not-found` or `invalid-request` where there is none. */
export async function listInputs(input: string, channels: number): Promise<PredictionInput[]> {
  const found = await stat(input).catch(() => null);
  if (found === null)
    throw new VoxhelmError('not-found', `there is no file or folder ${input}`, {
      fix: 'Check the path after --input.',
    });
  const folder = found.isDirectory() ? input : dirname(input);
  const names = found.isDirectory() ? await imageNames(folder) : [basename(input)];
  if (names.length === 0 || !names.every((name) => IMAGE.test(name))) {
    throw new VoxhelmError('invalid-request', `${input} holds no NIfTI image (.nii or .nii.gz)`, {
      fix: 'Give a NIfTI file, or a folder with NIfTI files directly inside it.',
    });
  }
  if (channels === 1) return names.map((name) => ({ images: [join(folder, name)], outputName: name, fault: null }));
  const wanted = found.isDirectory() ? names : await siblings(folder, names[0]!);
  return refuseSameOutput(groupChannels(folder, wanted, channels));
}

async function imageNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  // Hidden files include macOS's "._case.nii.gz", which are no images.
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.') && IMAGE.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** All channel files of the case that one of them belongs to. */
async function siblings(folder: string, name: string): Promise<string[]> {
  const caseId = CHANNEL_FILE.exec(name)?.groups?.['caseId'];
  if (caseId === undefined) return [name];
  return (await imageNames(folder)).filter((other) => CHANNEL_FILE.exec(other)?.groups?.['caseId'] === caseId);
}

function groupChannels(folder: string, names: readonly string[], channels: number): PredictionInput[] {
  const inputs: PredictionInput[] = [];
  const groups = new Map<string, { extension: string; files: Map<number, string> }>();
  for (const name of names) {
    const parts = CHANNEL_FILE.exec(name)?.groups;
    if (parts === undefined) {
      inputs.push({ images: [join(folder, name)], outputName: name, fault: null });
      continue;
    }
    const group = groups.get(parts['caseId']!) ?? { extension: parts['extension']!, files: new Map() };
    group.files.set(Number(parts['channel']), join(folder, name));
    groups.set(parts['caseId']!, group);
  }
  for (const [caseId, { extension, files }] of groups) {
    const expected = Array.from({ length: channels }, (_, channel) => files.get(channel));
    const missing = expected.flatMap((path, channel) => (path === undefined ? [channelSuffix(channel)] : []));
    const extra = [...files.keys()].filter((channel) => channel >= channels).map(channelSuffix);
    const faults = [
      ...(missing.length > 0 ? [`channel ${missing.join(', ')} is missing`] : []),
      ...(extra.length > 0 ? [`channel ${extra.join(', ')} is more than the models take`] : []),
    ];
    inputs.push({
      images: expected.filter((path) => path !== undefined),
      outputName: `${caseId}${extension}`,
      fault: faults.length > 0 ? faults.join('; ') : null,
    });
  }
  return inputs.sort((a, b) => (a.outputName < b.outputName ? -1 : 1));
}

function channelSuffix(channel: number): string {
  return `_${String(channel).padStart(4, '0')}`;
}

function refuseSameOutput(inputs: readonly PredictionInput[]): PredictionInput[] {
  const seen = new Map<string, number>();
  for (const input of inputs) seen.set(input.outputName, (seen.get(input.outputName) ?? 0) + 1);
  return inputs.map((input) =>
    (seen.get(input.outputName) ?? 0) > 1
      ? { ...input, fault: `two inputs would be written to ${input.outputName}; rename one` }
      : input,
  );
}
