import { distance } from 'fastest-levenshtein';

/** The nearest of the known words, whatever its case, where it is near enough to be a slip (a third of its letters). */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const from = word.toLowerCase();
  let best: { readonly name: string; readonly edits: number } | undefined;
  for (const name of known) {
    const edits = distance(from, name.toLowerCase());
    if (best === undefined || edits < best.edits) best = { name, edits };
  }
  return best !== undefined && best.edits <= Math.max(1, Math.ceil(best.name.length / 3)) ? best.name : undefined;
}
