import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requestFrom, withSubmitter } from './submit.ts';

test('who submits: as told, else as RUN.yaml says, else the user of this process; an empty name says nobody', () => {
  const user = () => 'otto';
  expect(withSubmitter({ dataset: 'd' }, undefined, user)).toEqual({ dataset: 'd', submittedBy: 'otto' });
  expect(withSubmitter({ dataset: 'd', submittedBy: 'ci' }, undefined, user)).toMatchObject({ submittedBy: 'ci' });
  expect(withSubmitter({ dataset: 'd', submittedBy: 'ci' }, 'Anna B.', user)).toMatchObject({ submittedBy: 'Anna B.' });
  expect(withSubmitter({ dataset: 'd', submittedBy: 'ci' }, '', user)).toEqual({ dataset: 'd' });
  expect(withSubmitter({ dataset: 'd' }, undefined, () => undefined)).toEqual({ dataset: 'd' });
});

test('paths in a RUN.yaml are those beside it; what is no file here goes as it is written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-submit-'));
  const file = join(folder, 'RUN.yaml');
  await writeFile(join(folder, 'bundle.zip'), '');
  await writeFile(file, 'dataset: .\nplan: { startFrom: bundle.zip, freeze: encoder }\n');
  const plan = { startFrom: join(folder, 'bundle.zip'), freeze: 'encoder' };
  expect(await requestFrom(file)).toEqual({ dataset: folder, plan });
  await writeFile(file, 'dataset: liver\nplan: { startFrom: "run:r1" }\n');
  expect(await requestFrom(file)).toEqual({ dataset: 'liver', plan: { startFrom: 'run:r1' } });
  await writeFile(file, 'dataset: liver\n');
  expect(await requestFrom(file)).toEqual({ dataset: 'liver' });
  await rm(folder, { recursive: true });
});
