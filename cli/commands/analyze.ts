import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { JsonOption } from '../main.ts';
import { printFindings } from '../output/findings.ts';
import { printSummary } from '../output/summary.ts';

/** Checks a dataset and gathers its statistics, without a server. Exit code 1 where the check found an error. */
export async function analyze(dataset: string, options: JsonOption): Promise<number> {
  const { check, analysis } = await checkAndAnalyze(await readDatalist(dataset), {});
  const faulty = check.findings.some((finding) => finding.severity === 'error');
  if (options.json === true) {
    const report = { summary: analysis?.summary ?? null, cases: analysis?.cases ?? [], findings: check.findings };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } else {
    printSummary(check, analysis);
    printFindings(check.findings);
  }
  return faulty ? 1 : 0;
}
