import { VoxhelmError } from '@voxhelm/contracts/errors';

/** Faults of one kind that a message names: a folder under other names has hundreds, and must not hide what else is wrong. */
const NAMED_FAULTS = 8;

/** What `work` returns, or null and one fault more where it throws a VoxhelmError; other errors go on. */
export async function noting<T>(faults: VoxhelmError[], work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof VoxhelmError)) throw error;
    faults.push(error);
    return null;
  }
}

/**
 * Throws one error that tells all faults: the only one as it is; several as a list, those of one fix together above it, at
 * most 8 of them and then their number. `details.faults` has the messages of all. Returns where there are none.
 */
export function throwFaults(faults: readonly VoxhelmError[]): void {
  const [first] = faults;
  if (first === undefined) return;
  if (faults.length === 1) throw first;
  const byFix = new Map<string, string[]>();
  for (const { fix = '', message } of faults) byFix.set(fix, [...(byFix.get(fix) ?? []), message]);
  const lines = [...byFix].flatMap(([fix, messages]) => [
    ...messages.slice(0, NAMED_FAULTS).map((message) => `✗ ${message}`),
    ...(messages.length > NAMED_FAULTS ? [`… and ${messages.length - NAMED_FAULTS} more such`] : []),
    ...(fix === '' ? [] : [`    ${fix}`]),
  ]);
  const code = faults.every((fault) => fault.code === first.code) ? first.code : 'invalid-request';
  throw new VoxhelmError(code, `nothing is scored: the files have ${faults.length} faults\n${lines.join('\n')}`, {
    fix: 'Mend them all, or take their cases out of both folders.',
    details: { faults: faults.map(({ message }) => message) },
  });
}
