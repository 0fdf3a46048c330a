import type { Finding } from '@voxhelm/contracts/dataset';

/** As many findings as a person reads in one go; where more would push everything else off the screen. */
const MOST_SHOWN = 50;

/**
 * Findings of a dataset check as lines, case by case, cases with errors first: a line each, then its file and what to do.
 * With `rest` (where all of them can be read) at most 50 are shown, errors before warnings, and the number left out.
 */
export function findingLines(findings: readonly Finding[], rest?: string): string[] {
  if (findings.length === 0) return ['No faults found.'];
  const errors = findings.filter(({ severity }) => severity === 'error');
  const warnings = findings.filter(({ severity }) => severity !== 'error');
  const ordered = [...byCase(errors), ...byCase(warnings)];
  const shown = rest === undefined ? ordered : ordered.slice(0, MOST_SHOWN);
  const left = ordered.length - shown.length;
  return [
    `${counted(errors.length, 'error')}, ${counted(warnings.length, 'warning')}`,
    ...shown.flatMap(({ severity, case: subject, code, message, file, fix }) => [
      `${severity === 'error' ? '✗' : '!'} ${subject === '' ? '' : `${subject} `}[${code}] ${message}`,
      `    ${file}`,
      `    ${fix}`,
    ]),
    ...(left === 0 ? [] : [`… and ${left} more: ${rest}`]),
  ];
}

/** Prints all findings of a dataset check. */
export function printFindings(findings: readonly Finding[]): void {
  process.stdout.write(`\n${findingLines(findings).join('\n')}\n`);
}

/** Findings of one case stand together, cases in the order of their first one. */
function byCase(findings: readonly Finding[]): Finding[] {
  const cases = new Map<string, Finding[]>();
  for (const finding of findings) cases.set(finding.case, [...(cases.get(finding.case) ?? []), finding]);
  return [...cases.values()].flat();
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
