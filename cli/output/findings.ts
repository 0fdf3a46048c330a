import type { Finding } from '@voxhelm/contracts/dataset';

/** Prints all findings of a dataset check, errors first, each with what to do. */
export function printFindings(findings: readonly Finding[]): void {
  if (findings.length === 0) {
    process.stdout.write('\nNo faults found.\n');
    return;
  }
  const errors = findings.filter((finding) => finding.severity === 'error');
  process.stdout.write(`\n${errors.length} errors, ${findings.length - errors.length} warnings\n`);
  for (const finding of [...errors, ...findings.filter((other) => other.severity !== 'error')]) {
    process.stdout.write(
      `${finding.severity === 'error' ? '✗' : '!'} ${finding.case} [${finding.code}] ${finding.message}\n    ${finding.file}\n    ${finding.fix}\n`,
    );
  }
}
