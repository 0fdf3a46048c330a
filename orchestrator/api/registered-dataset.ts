import { VoxhelmError } from '@voxhelm/contracts/errors';
import { nearest } from '@voxhelm/contracts/nearest';
import type { Database } from '@voxhelm/prisma/client';

/** A registered dataset by id, by name (the newest), or by the path it lies at. Throws `not-found` that suggests the nearest name. */
export async function registeredDataset(
  database: Database,
  word: string,
): Promise<{ readonly id: string; readonly name: string; readonly path: string }> {
  const select = { id: true, name: true, path: true } as const;
  const known =
    (await database.dataset.findUnique({ where: { id: word }, select })) ??
    (await database.dataset.findFirst({
      where: { OR: [{ name: word }, { path: word }] },
      orderBy: { id: 'desc' },
      select,
    }));
  if (known !== null) return known;
  const names = await database.dataset.findMany({ select: { name: true }, distinct: ['name'], take: 1000 });
  const suggestion = nearest(
    word,
    names.map(({ name }) => name),
  );
  throw new VoxhelmError('not-found', `there is no dataset "${word}"`, {
    fix:
      suggestion === undefined
        ? 'The page Datasets lists what there is; a folder is registered by its first run or schedule.'
        : `Did you mean "${suggestion}"?`,
  });
}
