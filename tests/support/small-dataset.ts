import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';

/** The sample dataset of the repository. */
export const SAMPLES = join(rootDirectory, 'samples', 'hippocampus');

interface Entry {
  readonly image: string;
  readonly label: string;
}

/** Adds further training cases of the sample dataset to what {@link smallDataset} made, as a user would: files, then the list. */
export async function addCases(folder: string, from: number, to: number): Promise<void> {
  const whole = JSON.parse(await readFile(join(SAMPLES, 'dataset.json'), 'utf8')) as { training: Entry[] };
  const list = JSON.parse(await readFile(join(folder, 'dataset.json'), 'utf8')) as { training: Entry[] };
  const added = whole.training.slice(from, to);
  for (const { image, label } of added) {
    for (const path of [image, label]) await copyFile(join(SAMPLES, path), join(folder, path));
  }
  await writeFile(join(folder, 'dataset.json'), JSON.stringify({ ...list, training: [...list.training, ...added] }));
}

/** Copies the first cases of the sample dataset to a folder of their own, in Decathlon layout. */
export async function smallDataset(folder: string, training: number, testing: number): Promise<string> {
  const whole = JSON.parse(await readFile(join(SAMPLES, 'dataset.json'), 'utf8')) as {
    training: Entry[];
    test: Entry[];
  };
  const chosen = { training: whole.training.slice(0, training), test: whole.test.slice(0, testing) };
  for (const { image, label } of [...chosen.training, ...chosen.test]) {
    for (const path of [image, label]) {
      await mkdir(join(folder, path, '..'), { recursive: true });
      await copyFile(join(SAMPLES, path), join(folder, path));
    }
  }
  await writeFile(
    join(folder, 'dataset.json'),
    JSON.stringify({ ...whole, ...chosen, numTraining: training, numTest: testing }),
  );
  return folder;
}
