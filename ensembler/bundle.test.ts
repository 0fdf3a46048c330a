import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { decodeSafetensors, encodeSafetensors } from '@voxhelm/nn/weights';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ZipFile } from 'yazl';
import { readBundle } from './bundle-read.ts';
import {
  type BundleFiles,
  MANIFEST_PATH,
  type ManifestDraft,
  sealManifest,
  writeBundle,
  writeZip,
} from './bundle-write.ts';
import { weightsOfCheckpoint } from './member-weights.ts';
import { randomWeights, tinyBundle, tinyPlan } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'voxhelm-bundle-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const plan = tinyPlan({ filters: 2 });
const good = tinyBundle([plan, { ...plan, fold: 1 }]);

function freshPath(): string {
  return join(folder, `${randomUUID()}.zip`);
}

/** Writes all files of a bundle, manifest included, changed by `change`, without sealing it again. */
async function tampered(change: (files: Map<string, Uint8Array>) => void): Promise<string> {
  const files = new Map<string, Uint8Array>(good.files);
  files.set(MANIFEST_PATH, Buffer.from(sealManifest(good.draft, good.files).text));
  change(files);
  const path = freshPath();
  await writeZip(path, files);
  return path;
}

/** Writes a bundle whose hashes all fit: only its content is wrong. */
async function sealed(draft: Partial<ManifestDraft>, files: BundleFiles = good.files): Promise<string> {
  const path = freshPath();
  await writeBundle(path, { ...good.draft, ...draft }, files);
  return path;
}

async function refusal(path: string): Promise<string> {
  const error = await readBundle(path).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VoxhelmError)) throw new Error(`expected a refusal, got ${String(error)}`);
  expect(error.code).toBe('bad-bundle');
  expect(error.fix).toBeTruthy();
  return error.message;
}

describe('a bundle', () => {
  test('comes back as it was written', async () => {
    const path = freshPath();
    const manifest = await writeBundle(path, good.draft, good.files);
    const read = await readBundle(path);
    expect(read.manifest).toEqual(manifest);
    expect(read.weights.map((bytes) => Buffer.from(bytes))).toEqual([
      Buffer.from(randomWeights(plan, 0)),
      Buffer.from(randomWeights(plan, 1)),
    ]);
    expect(manifest.files.map((file) => file.path)).toEqual([
      'LICENSES/README.txt',
      'members/0-segresnet-fold0.safetensors',
      'members/1-segresnet-fold1.safetensors',
      'report.html',
    ]);
  });

  test('has the same bytes each time, whatever the time zone', async () => {
    const zone = process.env['TZ'];
    const hashes = new Set<string>();
    try {
      for (const name of ['UTC', 'Asia/Tokyo', 'America/New_York']) {
        process.env['TZ'] = name;
        const path = await sealed({});
        hashes.add(
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        );
      }
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
    expect(hashes.size).toBe(1);
  });

  test('is not found where there is no file', async () => {
    await expect(readBundle(join(folder, 'nothing.zip'))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a bundle is refused', () => {
  test('where any byte of any file was flipped', async () => {
    const files = [...good.files.keys(), MANIFEST_PATH];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, bits) => {
          const path = await tampered((all) => {
            const bytes = Buffer.from(all.get(name)!);
            bytes[at % bytes.length]! ^= bits;
            all.set(name, bytes);
          });
          try {
            await refusal(path);
          } finally {
            rmSync(path);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('where the zip is cut off or is none', async () => {
    const whole = await readFile(await sealed({}));
    for (const bytes of [
      whole.subarray(0, whole.length - 30),
      whole.subarray(0, 100),
      Buffer.from('hello'),
      Buffer.alloc(0),
    ]) {
      const path = freshPath();
      await writeFile(path, bytes);
      expect(await refusal(path)).toMatch(/no whole zip file/);
    }
  });

  test('where a file is missing or one is too many', async () => {
    expect(await refusal(await tampered((all) => all.delete('report.html')))).toMatch(/"report.html" is missing/);
    expect(await refusal(await tampered((all) => all.delete(MANIFEST_PATH)))).toMatch(/holds no manifest.json/);
    expect(await refusal(await tampered((all) => all.set('extra.txt', Buffer.from('x'))))).toMatch(
      /"extra.txt", which/,
    );
  });

  test('where a name is there twice', async () => {
    const zip = new ZipFile();
    zip.addBuffer(Buffer.from('{}'), MANIFEST_PATH);
    zip.addBuffer(Buffer.from('{}'), MANIFEST_PATH);
    expect(await refusal(await finish(zip))).toMatch(/twice/);
  });

  test.each(['../evil.txt', '/evil.txt', 'a/../../evil.txt', 'C:/evil.txt', 'a\\evil.txt'])(
    'where a name leaves it: %s',
    async (name) => {
      // yazl refuses to write such names, so one of the same length is replaced in the bytes.
      const stand = 'n'.repeat(name.length);
      const zip = new ZipFile();
      zip.addBuffer(Buffer.from('x'), stand);
      const path = await finish(zip);
      const bytes = await readFile(path);
      await writeFile(path, Buffer.from(bytes.toString('latin1').replaceAll(stand, name), 'latin1'));
      await refusal(path);
    },
  );

  test('where a file unpacks to more than the manifest says, before it is unpacked', async () => {
    const bomb = await tampered((all) => all.set('report.html', Buffer.alloc(50_000_000)));
    expect(await refusal(bomb)).toMatch(/"report.html" has 50000000 bytes/);
  });

  test('where the manifest is of a later version or of another kind', async () => {
    const edit = (change: (manifest: Record<string, unknown>) => void) =>
      tampered((all) => {
        const manifest = JSON.parse(Buffer.from(all.get(MANIFEST_PATH)!).toString()) as Record<string, unknown>;
        change(manifest);
        all.set(MANIFEST_PATH, Buffer.from(JSON.stringify(manifest)));
      });
    expect(await refusal(await edit((manifest) => Object.assign(manifest, { schemaVersion: 2 })))).toMatch(
      /schema version 2/,
    );
    expect(await refusal(await edit((manifest) => Object.assign(manifest, { kind: 'other' })))).toMatch(/not of kind/);
    expect(await refusal(await edit((manifest) => Object.assign(manifest, { surprise: 1 })))).toMatch(/surprise/);
    expect(await refusal(await edit((manifest) => Object.assign(manifest, { name: 'renamed' })))).toMatch(
      /was changed/,
    );
    expect(await refusal(await edit((manifest) => delete manifest['sha256']))).toMatch(/was changed/);
    expect(await refusal(await tampered((all) => all.set(MANIFEST_PATH, Buffer.from('{'))))).toMatch(/no JSON/);
  });

  test('where a plan does not fit the weights: the parameter is named', async () => {
    const wider = tinyPlan({ filters: 4 });
    const members = good.draft.members.map((member) => ({ ...member, plan: { ...wider, fold: member.fold } }));
    expect(await refusal(await sealed({ members }))).toMatch(
      /parameter "encoder.conv_init.weight" has shape \[2, 1, 3, 3, 3\].*\[4, 1, 3, 3, 3\]/,
    );
  });

  test('where weights lack a parameter or have one more', async () => {
    const change = (edit: (tensors: Map<string, { dtype: 'F32'; shape: number[]; data: Float32Array }>) => void) => {
      const tensors = new Map(decodeSafetensors(randomWeights(plan, 0)).tensors) as never;
      edit(tensors);
      return sealed(
        {},
        new Map([...good.files, ['members/0-segresnet-fold0.safetensors', encodeSafetensors(tensors)]]),
      );
    };
    expect(await refusal(await change((tensors) => tensors.delete('encoder.conv_init.weight')))).toMatch(
      /"encoder.conv_init.weight" is missing/,
    );
    const extra = { dtype: 'F32' as const, shape: [1], data: new Float32Array(1) };
    expect(await refusal(await change((tensors) => tensors.set('surplus', extra)))).toMatch(/"surplus" is not in/);
  });

  test('where a network is unknown or does not fit the labels', async () => {
    const withPlan = (change: object) =>
      sealed({ members: good.draft.members.map((member) => ({ ...member, plan: { ...member.plan, ...change } })) });
    expect(await refusal(await withPlan({ network: { class: 'Nothing', options: {} } }))).toMatch(
      /no network class "Nothing"/,
    );
    expect(await refusal(await withPlan({ patchSize: [31, 32, 32] }))).toMatch(/no multiple/);
    expect(await refusal(await withPlan({ labels: plan.labels.slice(0, 2) }))).toMatch(/other labels/);
    expect(await refusal(await sealed({ fusion: { mode: 'vote', flips: [], largestComponent: [] } }))).toMatch(
      /fusion/,
    );
  });
});

describe("a member's weights", () => {
  test('are refused where the checkpoint is of another network', () => {
    expect(() => weightsOfCheckpoint(randomWeights(tinyPlan({ filters: 4 }), 0), plan, 'checkpoint x')).toThrow(
      /checkpoint x: parameter "/,
    );
  });
});

async function finish(zip: ZipFile): Promise<string> {
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream as AsyncIterable<Buffer>) chunks.push(chunk);
  const path = freshPath();
  await writeFile(path, Buffer.concat(chunks));
  return path;
}
