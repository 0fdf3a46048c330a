import type { Analysis, CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { CheckedCase, Datalist, DatasetCheck } from '@voxhelm/contracts/dataset';
import type { ForegroundSample } from '../analysis/pooled-foreground.ts';
import type { CaseOutcome } from './check-case.ts';

/** An earlier check with its statistics. */
export interface KnownCheck {
  readonly check: DatasetCheck;
  readonly analysis: Analysis;
  /** Each training case's part of the pooled foreground, by the SHA-256 of its files. */
  readonly foregrounds: ReadonlyMap<string, ForegroundSample>;
}

/** A case that an earlier check read and found without fault. */
export interface KnownCase {
  readonly checked: CheckedCase;
  readonly statistics: CaseAnalysis | null;
  readonly foreground: ForegroundSample | null;
}

/**
 * The cases that need not be computed again where their files are the same, by the SHA-256 of their files. None where the
 * datalists declare other labels, for then another value may be a fault.
 */
export function knownCases(known: KnownCheck | undefined, datalist: Datalist): Map<string, KnownCase> {
  const cases = new Map<string, KnownCase>();
  if (known === undefined || values(known.check.datalist) !== values(datalist)) return cases;
  const faulty = new Set(known.check.findings.map((finding) => finding.case));
  const statistics = new Map(known.analysis.cases.map((one) => [one.caseId, one]));
  for (const checked of known.check.cases) {
    const { sha256, voxelSha256, channels, caseId, role } = checked;
    // Written before these were kept, or with a finding to be told again: read anew.
    if (sha256 === null || !voxelSha256 || !channels || !checked.valid || faulty.has(caseId)) continue;
    const own = role === 'training' ? (statistics.get(caseId) ?? null) : null;
    const foreground = role === 'training' ? (known.foregrounds.get(sha256) ?? null) : null;
    if (role === 'training' && (own === null || foreground === null)) continue;
    cases.set(sha256, { checked, statistics: own, foreground });
  }
  return cases;
}

/** What reading the case would tell; null where it is another case now (another id or part in the dataset). */
export function outcomeOfKnown(
  known: KnownCase | undefined,
  now: {
    readonly caseId: string;
    readonly role: CheckedCase['role'];
    readonly images: readonly string[];
    readonly label: string | null;
  },
): CaseOutcome | null {
  if (known === undefined || known.checked.caseId !== now.caseId || known.checked.role !== now.role) return null;
  const { sha256, voxelSha256, channels, shape, spacingMm } = known.checked;
  return {
    findings: [],
    sha256,
    voxelHash: voxelSha256 ?? null,
    shape,
    spacingMm,
    channels: channels ?? null,
    foreground: known.foreground,
    // The files may lie elsewhere now.
    statistics: known.statistics && {
      ...known.statistics,
      image_filepath: now.images.join(','),
      label_filepath: now.label ?? '',
    },
  };
}

function values(datalist: Datalist): string {
  const labels = datalist.labels.map(({ value }) => value).sort((a, b) => a - b);
  return JSON.stringify([labels, datalist.ignoreLabel ?? null]);
}
