import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';

/** One labelled case by its absolute paths. */
export interface LabelledCase {
  readonly image: string;
  readonly label: string;
}

/** Cases to train on and cases that no training sees. */
export interface Cases {
  readonly training: readonly LabelledCase[];
  readonly test: readonly LabelledCase[];
  /** The source's own dataset.json, for labels and modality. */
  readonly description: Record<string, unknown>;
}

/** One of so many cases is tested, the others are trained on: 50 of the 200 (issue 7). */
const TESTED_OF = 4;

/** Which quarter of a list is tested: the last one (issue 7), or every fourth case, so that both parts are alike. */
export const SPLITS = ['last', 'spread'] as const;
export type Split = (typeof SPLITS)[number];

/** The 200 cases where this checkout has them beside it, else the sample dataset. */
export function defaultData(): string {
  const shared = join(rootDirectory, '..', 'shared', 'data', 'hippocampus');
  return existsSync(join(shared, 'dataset.json')) ? shared : join(rootDirectory, 'samples', 'hippocampus');
}

async function readDecathlon(folder: string): Promise<Record<string, unknown>> {
  const path = join(folder, 'dataset.json');
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new VoxhelmError('not-found', `${path} cannot be read`, {
      fix: 'Give a folder in Decathlon layout after --data and --test.',
      cause,
    });
  }
}

function labelled(folder: string, entries: unknown): LabelledCase[] {
  const pairs = (entries ?? []) as readonly { image: string; label?: string }[];
  return pairs
    .filter((pair) => pair.label !== undefined)
    .map((pair) => ({ image: resolve(folder, pair.image), label: resolve(folder, pair.label as string) }));
}

/**
 * The cases of the benchmark, in dataset.json's order. Without a folder of test cases, those of `data`'s own labelled test
 * list, or where it has none a quarter of its training list, cut as `split` says.
 */
export async function readCases(data: string, test: string | undefined, split: Split): Promise<Cases> {
  const description = await readDecathlon(data);
  const training = labelled(data, description['training']);
  if (test !== undefined) {
    const other = await readDecathlon(test);
    return { description, training, test: [...labelled(test, other['training']), ...labelled(test, other['test'])] };
  }
  const own = labelled(data, description['test']);
  if (own.length > 0) return { description, training, test: own };
  const isTested = testedBy(split, training.length);
  return {
    description,
    training: training.filter((_, index) => !isTested(index)),
    test: training.filter((_, index) => isTested(index)),
  };
}

/** Whether a case of a list is tested, by its place. */
export function testedBy(split: Split, count: number): (index: number) => boolean {
  if (split === 'spread') return (index) => index % TESTED_OF === TESTED_OF - 1;
  const first = count - Math.round(count / TESTED_OF);
  return (index) => index >= first;
}

/** Lays the cases out as one Decathlon dataset of copies (links out of a dataset are refused) in an empty folder, test cases labelled. */
export async function layOut(cases: Cases, folder: string): Promise<void> {
  const link = async (list: readonly LabelledCase[], suffix: 'Tr' | 'Ts') => {
    const entries: LabelledCase[] = [];
    for (const [index, { image, label }] of list.entries()) {
      const name = `case_${suffix}_${String(index).padStart(4, '0')}.nii${image.endsWith('.gz') ? '.gz' : ''}`;
      const entry = { image: `./images${suffix}/${name}`, label: `./labels${suffix}/${name}` };
      for (const [from, to] of [
        [image, entry.image],
        [label, entry.label],
      ] as const) {
        const target = join(folder, to);
        await mkdir(dirname(target), { recursive: true });
        await copyFile(from, target);
      }
      entries.push(entry);
    }
    return entries;
  };
  const lists = { training: await link(cases.training, 'Tr'), test: await link(cases.test, 'Ts') };
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'dataset.json'),
    JSON.stringify({
      ...cases.description,
      ...lists,
      numTraining: lists.training.length,
      numTest: lists.test.length,
    }),
  );
}
