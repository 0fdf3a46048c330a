import type { HeldOutCase } from '@voxhelm/contracts/jobs';

/**
 * Tells of each case whether it must not be learnt from: a comparison case by name, by its files, by its image under another
 * name, or another image of a comparison case's patient.
 */
export function heldOutBy(comparison: readonly HeldOutCase[]): (one: HeldOutCase) => boolean {
  const set = (values: readonly (string | null | undefined)[]) => new Set(values.filter((value) => !!value));
  const ids = set(comparison.map(({ caseId }) => caseId));
  const files = set(comparison.map(({ sha256 }) => sha256));
  const voxels = set(comparison.map(({ voxelSha256 }) => voxelSha256));
  const patients = set(comparison.map(({ patient }) => patient));
  return ({ caseId, sha256, voxelSha256, patient }) =>
    ids.has(caseId) || files.has(sha256) || voxels.has(voxelSha256 ?? null) || patients.has(patient ?? null);
}
