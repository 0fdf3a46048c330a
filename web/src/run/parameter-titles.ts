/**
 * What parameters ("segresnet.learningRate") are called: without their algorithm where no other one has a parameter of that
 * name among these, else with it, so that no two read alike.
 */
export function parameterTitles(paths: readonly string[]): ReadonlyMap<string, string> {
  const bare = (path: string): string => path.replace(/^[a-z0-9]+\./, '');
  const count = new Map<string, number>();
  for (const path of paths) count.set(bare(path), (count.get(bare(path)) ?? 0) + 1);
  return new Map(
    paths.map((path) => [path, count.get(bare(path)) === 1 ? bare(path) : path.replace('.', ' ')] as const),
  );
}
