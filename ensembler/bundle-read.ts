import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { networkOf } from '@voxhelm/algorithms/networks';
import { BundleManifest } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { decodeSafetensors } from '@voxhelm/nn/weights';
import { type Entry, openPromise, validateFileName, type ZipFile } from 'yauzl';
import { z } from 'zod';
import { MANIFEST_PATH, manifestHash } from './bundle-write.ts';
import { weightFault } from './member-weights.ts';

/*
 * Reading an ensemble bundle that may come from anywhere. Nothing is unpacked to disk, no more is read than the manifest
 * announces, and everything is checked before a weight is used.
 */

/** A bundle whose every file was checked: the manifest and each member's weights, in the manifest's order. */
export interface Bundle {
  readonly manifest: BundleManifest;
  readonly weights: readonly Uint8Array[];
}

/** Far above any manifest (a plan has a few kB); a larger one is no manifest. */
const MOST_MANIFEST_BYTES = 64 * 1024 * 1024;
const MOST_ENTRIES = 10_000;
const FETCH_AGAIN = 'Download the bundle again; if it was changed on purpose, use it as it was made.';

/** Reads and checks a bundle; throws `bad-bundle` saying what does not agree, `not-found` where there is no file. */
export async function readBundle(path: string): Promise<Bundle> {
  const zip = await openZip(path);
  try {
    const entries = await listEntries(zip, path);
    const manifest = await readManifest(zip, entries, path);
    checkFileList(manifest, entries, path);
    const contents = await readFiles(zip, entries, manifest, path);
    const weights = manifest.members.map((member) => contents.get(member.weights)!);
    checkManifest(manifest, path);
    manifest.members.forEach((member, index) =>
      checkMember(manifest, member.plan, weights[index]!, member.weights, path),
    );
    return { manifest, weights };
  } catch (error) {
    if (error instanceof VoxhelmError) throw error;
    throw bad(path, `cannot be read as a zip file: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    zip.close();
  }
}

/** True where a file is a zip archive with a bundle's manifest; what is in it is not checked. */
export async function isBundle(path: string): Promise<boolean> {
  const zip = await openPromise(path, { autoClose: false }).catch(() => null);
  if (zip === null) return false;
  try {
    for await (const { fileName } of zip.eachEntry()) if (fileName === MANIFEST_PATH) return true;
    return false;
  } catch {
    return false;
  } finally {
    zip.close();
  }
}

function bad(path: string, what: string, fix = FETCH_AGAIN): VoxhelmError {
  return new VoxhelmError('bad-bundle', `${path}: ${what}`, { fix, details: { bundle: path } });
}

async function openZip(path: string): Promise<ZipFile> {
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) {
    throw new VoxhelmError('not-found', `there is no bundle at ${path}`, {
      fix: 'Give the path of a bundle.zip, as `voxhelm download RUN -o FILE` writes it.',
    });
  }
  try {
    return await openPromise(path, { autoClose: false, strictFileNames: true, validateEntrySizes: true });
  } catch (error) {
    throw bad(path, `is no whole zip file: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Entries by name. yauzl itself refuses "..", absolute paths and backslashes; the check here is our own word on it. */
async function listEntries(zip: ZipFile, path: string): Promise<Map<string, Entry>> {
  if (zip.entryCount > MOST_ENTRIES) throw bad(path, `holds ${zip.entryCount} entries; no bundle has that many`);
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName;
    if (validateFileName(name) !== null || name.includes('\0') || name.endsWith('/'))
      throw bad(path, `holds an entry named ${JSON.stringify(name)}, which no bundle has`);
    if (entries.has(name)) throw bad(path, `holds "${name}" twice`);
    entries.set(name, entry);
  }
  return entries;
}

async function readManifest(zip: ZipFile, entries: ReadonlyMap<string, Entry>, path: string): Promise<BundleManifest> {
  const entry = entries.get(MANIFEST_PATH);
  if (entry === undefined) throw bad(path, `holds no ${MANIFEST_PATH}, so it is no ensemble bundle`);
  if (entry.uncompressedSize > MOST_MANIFEST_BYTES)
    throw bad(path, `${MANIFEST_PATH} claims ${entry.uncompressedSize} bytes, more than any manifest has`);
  const text = (await readEntry(zip, entry, path)).toString('utf8');
  const json = parseJson(text, path);
  checkSchemaVersion(json, path);
  const parsed = BundleManifest.safeParse(json);
  if (!parsed.success) throw bad(path, `${MANIFEST_PATH} does not fit its schema:\n${z.prettifyError(parsed.error)}`);
  const claimed = parsed.data.sha256;
  if (claimed === undefined || manifestHash(text, claimed) !== claimed)
    throw bad(path, `${MANIFEST_PATH} was changed after the bundle was written (its own SHA-256 does not fit)`);
  return parsed.data;
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw bad(path, `${MANIFEST_PATH} is no JSON: ${(error as Error).message}`);
  }
}

/** Said before anything else of the manifest is looked at: a later version may look different everywhere. */
function checkSchemaVersion(json: unknown, path: string): void {
  const head = z.looseObject({ schemaVersion: z.unknown(), kind: z.unknown() }).safeParse(json);
  if (!head.success || head.data.kind !== 'voxhelm-ensemble-bundle')
    throw bad(path, `${MANIFEST_PATH} is not of kind "voxhelm-ensemble-bundle"`);
  if (head.data.schemaVersion !== 1) {
    throw bad(
      path,
      `has schema version ${JSON.stringify(head.data.schemaVersion)}; this program knows version 1`,
      'Use the version of Voxhelm that wrote the bundle, or a later one.',
    );
  }
}

function checkFileList(manifest: BundleManifest, entries: ReadonlyMap<string, Entry>, path: string): void {
  const listed = new Set<string>([MANIFEST_PATH]);
  for (const file of manifest.files) {
    if (listed.has(file.path)) throw bad(path, `${MANIFEST_PATH} lists "${file.path}" twice or lists itself`);
    listed.add(file.path);
    const entry = entries.get(file.path);
    if (entry === undefined) throw bad(path, `"${file.path}" is missing`);
    if (entry.uncompressedSize !== file.bytes)
      throw bad(path, `"${file.path}" has ${entry.uncompressedSize} bytes, ${MANIFEST_PATH} says ${file.bytes}`);
  }
  for (const name of entries.keys())
    if (!listed.has(name)) throw bad(path, `holds "${name}", which ${MANIFEST_PATH} does not list`);
  for (const member of manifest.members)
    if (!listed.has(member.weights) || member.weights === MANIFEST_PATH)
      throw bad(path, `member ${member.trialId} has its weights in "${member.weights}", which is not listed`);
}

/** Checks the hash of every file; keeps the weights. */
async function readFiles(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  manifest: BundleManifest,
  path: string,
): Promise<Map<string, Uint8Array>> {
  const wanted = new Set(manifest.members.map((member) => member.weights));
  const contents = new Map<string, Uint8Array>();
  for (const file of manifest.files) {
    const bytes = await readEntry(zip, entries.get(file.path)!, path);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== file.sha256)
      throw bad(path, `"${file.path}" has SHA-256 ${sha256}, ${MANIFEST_PATH} says ${file.sha256}`);
    if (wanted.has(file.path)) contents.set(file.path, bytes);
  }
  return contents;
}

/** Reads one entry and stops where it grows beyond the size that it announced. */
async function readEntry(zip: ZipFile, entry: Entry, path: string): Promise<Buffer> {
  try {
    const stream = await zip.openReadStreamPromise(entry);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > entry.uncompressedSize) throw new Error('more bytes than announced');
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw bad(path, `"${entry.fileName}" is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the manifest says must agree with itself. */
function checkManifest(manifest: BundleManifest, path: string): void {
  const values = manifest.labels.map((label) => label.value);
  if (new Set(values).size !== values.length) throw bad(path, 'a label value occurs twice');
  const unknown = manifest.fusion.largestComponent.find((value) => !values.includes(value));
  if (unknown !== undefined)
    throw bad(path, `the largest component is to be kept of label ${unknown}, which is no label`);
  if (JSON.stringify(manifest.fusion) !== JSON.stringify(manifest.ensemble.chosen.fusion))
    throw bad(path, 'the fusion is not that of the chosen ensemble');
  const trials = manifest.members.map((member) => member.trialId);
  if (JSON.stringify(trials) !== JSON.stringify(manifest.ensemble.chosen.trialIds))
    throw bad(path, 'the members are not those of the chosen ensemble');
}

/** A member's plan must fit the bundle, its network the plan, and its weights the network. */
function checkMember(manifest: BundleManifest, plan: Plan, weights: Uint8Array, file: string, path: string): void {
  const where = `member "${file}"`;
  if (JSON.stringify(plan.labels) !== JSON.stringify(manifest.labels))
    throw bad(path, `${where}: its plan has other labels than the bundle`);
  if (JSON.stringify(plan.modalities) !== JSON.stringify(manifest.modalities))
    throw bad(path, `${where}: its plan has other modalities than the bundle`);
  if (plan.preprocessing.normalization.length !== plan.modalities.length)
    throw bad(
      path,
      `${where}: its plan normalises ${plan.preprocessing.normalization.length} of ${plan.modalities.length} channels`,
    );
  const network = inBundle(path, where, () => networkOf(plan.network));
  const outputs = plan.labelGroups?.length ?? plan.labels.length;
  if (network.inChannels !== plan.modalities.length || network.outChannels !== outputs) {
    throw bad(
      path,
      `${where}: its network takes ${network.inChannels} channels and gives ${network.outChannels} classes, ` +
        `the plan has ${plan.modalities.length} and ${outputs}`,
    );
  }
  if (plan.patchSize.some((size, axis) => size % (network.divisor[axis] ?? 1) !== 0))
    throw bad(path, `${where}: patch ${plan.patchSize.join('x')} is no multiple of ${network.divisor.join('x')}`);
  const { tensors } = inBundle(path, where, () => decodeSafetensors(weights));
  const fault = inBundle(path, where, () => weightFault(tensors, plan));
  if (fault !== null) throw bad(path, `${where}: ${fault}`);
}

/** Runs a check of another package and names the bundle in what it throws. */
function inBundle<T>(path: string, where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw bad(path, `${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
