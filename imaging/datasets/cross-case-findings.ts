import type { Datalist, Finding } from '@voxhelm/contracts/dataset';
import type { CaseOutcome, CaseTask } from './check-case.ts';
import { findTornPatients } from './torn-patients.ts';

/**
 * Faults that only a comparison of cases shows: duplicates and torn patients (the later case is refused, the first
 * stays) and another number of channels than the dataset's ({@link channelsOf}). One list of findings per task.
 */
export function findAcrossCases(
  tasks: readonly CaseTask[],
  outcomes: readonly CaseOutcome[],
  datalist: Datalist,
): Finding[][] {
  const findings: Finding[][] = tasks.map(() => []);
  const report = (index: number, file: string, code: Finding['code'], message: string, fix: string): void => {
    const subject = tasks[index]?.case.caseId ?? '';
    findings[index]?.push({ case: subject, file, code, severity: 'error', message, fix });
  };
  findDuplicates(tasks, outcomes, report);
  findTornPatients(tasks, datalist.validationSplits, report);
  const expected = channelsOf(datalist, outcomes);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.channels === null || expected === null || outcome.channels === expected) continue;
    const source = declaredChannels(datalist) > 1 ? 'the dataset declares' : 'most cases have';
    report(
      index,
      tasks[index]?.case.images[0] ?? '',
      'channel-count',
      `the image has ${outcome.channels} channels, ${source} ${expected}`,
      'Give every case the same channels in the same order.',
    );
  }
  return findings;
}

/**
 * Channels of the dataset's images: as many as it declares, where it names several; else as most cases have, for one
 * modality stands for all channels (Auto3DSeg's BraTS says `modality: MRI` of 4). null where no image could be read.
 */
export function channelsOf(datalist: Datalist, outcomes: readonly CaseOutcome[]): number | null {
  const declared = declaredChannels(datalist);
  return declared > 1 ? declared : mostFrequent(outcomes.map((outcome) => outcome.channels));
}

function declaredChannels({ channelNames, modalities }: Datalist): number {
  return Math.max(channelNames.length, modalities.length);
}

/** Adds a finding of severity `error` to the case of this index. */
export type Report = (index: number, file: string, code: Finding['code'], message: string, fix: string) => void;

function findDuplicates(tasks: readonly CaseTask[], outcomes: readonly CaseOutcome[], report: Report): void {
  const firstOfId = new Map<string, number>();
  const firstOfFile = new Map<string, number>();
  const firstOfContent = new Map<string, number>();
  for (const [index, task] of tasks.entries()) {
    const { caseId, images } = task.case;
    const file = images[0] ?? '';
    const content = outcomes[index]?.voxelHash ?? null;
    const kinds: [Map<string, number>, string | null, string][] = [
      [firstOfFile, images.join('\n'), 'the same image file'],
      [firstOfContent, content, 'the same image content'],
      [firstOfId, caseId, 'the same id'],
    ];
    // One finding a case suffices: the same file has the same content as well.
    const found = kinds.find(([first, key]) => key !== null && first.has(key));
    if (found !== undefined) {
      const [first, key, what] = found;
      const other = tasks[first.get(key ?? '') ?? 0];
      report(
        index,
        file,
        'duplicate-case',
        `has ${what} as the ${other?.role ?? ''} case ${other?.case.caseId ?? ''}${other?.case.caseId === caseId ? ` (${other?.case.images[0] ?? ''})` : ''}`,
        other?.role === task.role ? 'Keep one of them.' : 'Keep it for training or for testing, not for both.',
      );
    }
    for (const [first, key] of kinds) if (key !== null && !first.has(key)) first.set(key, index);
  }
}

function mostFrequent(values: readonly (number | null)[]): number | null {
  const counts = new Map<number, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [best] = [...counts.entries()].sort((a, b) => b[1] - a[1]);
  return best?.[0] ?? null;
}
