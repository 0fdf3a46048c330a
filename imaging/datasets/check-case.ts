import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { CaseRole, DatalistCase, Finding } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { caseStatistics } from '../analysis/case-statistics.ts';
import { rangeOf } from '../analysis/intensity-statistics.ts';
import { type ForegroundSample, sampleForeground } from '../analysis/pooled-foreground.ts';
import { withoutIgnored } from '../ignored.ts';
import { AFFINE_TOLERANCE, affineDifference, joinChannels } from '../nifti.ts';
import { decodeLabel, decodeVolume, type NiftiFile, openNifti } from '../nifti-decode.ts';
import { isSingular } from '../orientation.ts';
import { type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from '../volume.ts';

/** sform and qform that differ by more than this (mm, or mm per voxel) place the image at two places. */
const FORM_TOLERANCE = 1e-2;

/** A case to check. */
export interface CaseTask {
  readonly role: CaseRole;
  readonly case: DatalistCase;
  /** Declared label values; empty where the dataset declares none. */
  readonly labelValues: readonly number[];
  /** Value of voxels that nobody labelled: allowed, and background in statistics. */
  readonly ignoreLabel?: number | undefined;
}

/** All that one reading of a case tells. What only a comparison with other cases shows (duplicates) is not in it. */
export interface CaseOutcome {
  readonly findings: readonly Finding[];
  /** Of all bytes of its files in order; null where one could not be read. */
  readonly sha256: string | null;
  /**
   * Of the image's decoded values and its shape, however they are stored (compression, number type, byte order, one file or
   * several): equal for a copy. Not of the affine: the same voxels at another place are the same scan.
   */
  readonly voxelHash: string | null;
  readonly shape: Vec3 | null;
  readonly spacingMm: Vec3 | null;
  readonly channels: number | null;
  /** For a valid training case. */
  readonly statistics: CaseAnalysis | null;
  /** Its part of the pooled foreground. */
  readonly foreground: ForegroundSample | null;
}

type Report = (
  file: string,
  code: Finding['code'],
  message: string,
  fix: string,
  severity?: Finding['severity'],
) => void;

/** SHA-256 of all bytes of a case's files in order, as {@link CaseOutcome.sha256}; null where one cannot be read. */
export function hashFiles({ images, label }: Pick<DatalistCase, 'images' | 'label'>): string | null {
  const hash = createHash('sha256');
  try {
    for (const path of [...images, ...(label === null ? [] : [label])]) hash.update(readFileSync(path));
  } catch {
    return null; // Reading the case will say what is wrong.
  }
  return hash.digest('hex');
}

/** Reads each file of a case once: hashes it, finds all its faults, and computes its statistics where it has none. */
export function checkCase(task: CaseTask): CaseOutcome {
  const { case: subject, role } = task;
  const findings: Finding[] = [];
  const report: Report = (file, code, message, fix, severity = 'error') => {
    findings.push({ case: subject.caseId, file, code, severity, message, fix });
  };
  const fileHash = createHash('sha256');
  const read = (path: string, missing: 'missing-file' | 'missing-label'): NiftiFile | null =>
    readFile(path, missing, fileHash, report);
  const files = subject.images.map((path) => read(path, 'missing-file'));
  const labelFile = subject.label === null ? null : read(subject.label, 'missing-label');
  if (subject.label === null && role === 'training') {
    report(
      subject.images[0] ?? '',
      'missing-label',
      'the training case has no label',
      'Add its label map, or make it a test case.',
    );
  }
  const volumes = files.map((file) => (file === null ? null : decodeVolume(file)));
  const image = checkImage(files, volumes, subject.images, report);
  const label = labelFile === null ? null : checkLabel(labelFile, task, report);
  if (image !== null && label !== null && subject.label !== null) compareGrids(image, label, subject.label, report);
  const whole = files.every((file) => file !== null) && (subject.label === null || labelFile !== null);
  const valid = findings.every((finding) => finding.severity !== 'error');
  const header = image ?? files[0]?.header ?? null;
  const trains = valid && role === 'training' && image !== null && label !== null;
  return {
    findings,
    sha256: whole ? fileHash.digest('hex') : null,
    voxelHash: hashVoxels(volumes),
    shape: header?.shape ?? null,
    spacingMm: header === null ? null : spacingOf(header.affine),
    channels: image?.channels ?? null,
    statistics: trains
      ? caseStatistics(image, label, {
          caseId: subject.caseId,
          image: subject.images.join(','),
          label: subject.label ?? '',
        })
      : null,
    foreground: trains ? sampleForeground(image, label) : null,
  };
}

function readFile(
  path: string,
  missing: 'missing-file' | 'missing-label',
  hash: ReturnType<typeof createHash>,
  report: Report,
): NiftiFile | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = error instanceof Error ? error.message : String(error);
    if (absent)
      report(path, missing, 'the file does not exist', 'Put the file there, or take the case out of the datalist.');
    else report(path, 'unreadable', `cannot be read (${reason})`, 'Check the permissions and the size of the file.');
    return null;
  }
  hash.update(bytes);
  try {
    return openNifti(bytes, path);
  } catch (error) {
    reportBadImage(error, path, report, 'unreadable');
    return null;
  }
}

/** Turns a `bad-image` error into a finding; any other error is a fault of ours and goes on. */
function reportBadImage(error: unknown, path: string, report: Report, code: Finding['code']): void {
  if (!(error instanceof VoxhelmError) || error.code !== 'bad-image') throw error;
  const message = error.message.startsWith(`${path}: `) ? error.message.slice(path.length + 2) : error.message;
  report(path, code, message, error.fix ?? 'Export the image again.');
}

function hashVoxels(volumes: readonly (Volume | null)[]): string | null {
  const hash = createHash('sha256');
  for (const volume of volumes) {
    if (volume === null) return null;
    const { shape, data } = volume;
    // Shape by channel, so that four files of one channel and one file of four are equal.
    const voxels = voxelCount(shape);
    for (let channel = 0; channel < volume.channels; channel += 1) {
      const values = data.subarray(channel * voxels, (channel + 1) * voxels);
      hash.update(`${shape.join(' ')};`).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  return hash.digest('hex');
}

function checkImage(
  files: readonly (NiftiFile | null)[],
  volumes: readonly (Volume | null)[],
  paths: readonly string[],
  report: Report,
): Volume | null {
  for (const file of files) if (file !== null) checkAffine(file, report);
  const readable = volumes.filter((volume) => volume !== null);
  if (readable.length < files.length || readable.length === 0) {
    for (const [index, volume] of volumes.entries())
      if (volume !== null) checkVoxels(volume, paths[index] ?? '', report);
    return null;
  }
  try {
    const image = joinChannels(readable, paths);
    checkVoxels(image, paths[0] ?? '', report);
    return image;
  } catch (error) {
    if (!(error instanceof VoxhelmError) || error.code !== 'bad-image') throw error;
    const code = error.details['reason'] === 'affine' ? 'affine-mismatch' : 'shape-mismatch';
    reportBadImage(error, String(error.details['file'] ?? ''), report, code);
    return null;
  }
}

function checkAffine(file: NiftiFile, report: Report): void {
  const { affine, formDifference, affineSource } = file.header;
  if (isSingular(affine)) {
    report(
      file.name,
      'suspicious-affine',
      `its ${affineSource} is singular: ${affine.join(', ')}`,
      'Export it again with a valid affine.',
    );
  } else if (formDifference !== null && formDifference > FORM_TOLERANCE) {
    report(
      file.name,
      'suspicious-affine',
      `sform and qform differ by up to ${formDifference.toPrecision(3)}; the sform is used`,
      'Make both agree, if the position matters.',
      'warning',
    );
  }
}

function checkVoxels(image: Volume, path: string, report: Report): void {
  const voxels = voxelCount(image.shape);
  const constant: string[] = [];
  for (let channel = 0; channel < image.channels; channel += 1) {
    const values = image.data.subarray(channel * voxels, (channel + 1) * voxels);
    const notFinite = Number.isNaN(faultSum(values)) ? countNotFinite(values) : 0;
    const { low, high } = rangeOf(values);
    const where = image.channels === 1 ? '' : ` in channel ${channel}`;
    if (notFinite > 0) {
      report(
        path,
        'not-finite',
        `${notFinite} of ${voxels} voxels are NaN or infinite${where}`,
        'Replace them by real values, or leave the case out.',
      );
    } else if (low === high) {
      constant.push(`all ${voxels} voxels are ${low}${where}`);
    }
  }
  if (constant.length === 0) return;
  // One empty channel of several may be a sequence that was not taken; a case without any contrast teaches nothing.
  const severity = constant.length === image.channels ? 'error' : 'warning';
  report(path, 'constant-image', constant.join('; '), 'Export the image again, or leave the case out.', severity);
}

/** 0 where all values are finite, else NaN: infinity - infinity and NaN - NaN are NaN. */
function faultSum(values: Float32Array): number {
  const length = values.length;
  let sum = 0;
  for (let index = 0; index < length; index += 1) {
    const value = values[index] as number;
    sum += value - value;
  }
  return sum;
}

function countNotFinite(values: Float32Array): number {
  return values.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0);
}

function checkLabel(file: NiftiFile, task: CaseTask, report: Report): LabelMap | null {
  checkAffine(file, report);
  let label: LabelMap;
  try {
    label = decodeLabel(file);
  } catch (error) {
    const reason = error instanceof VoxhelmError ? error.details['reason'] : undefined;
    reportBadImage(error, file.name, report, reason === 'channels' ? 'shape-mismatch' : 'label-not-whole');
    return null;
  }
  const counts = countValues(label.data);
  const declared = new Set(task.labelValues);
  if (task.ignoreLabel !== undefined && declared.size > 0) declared.add(task.ignoreLabel);
  const outside = [...counts.keys()].filter((value) => value < 0 || (declared.size > 0 && !declared.has(value)));
  if (outside.length > 0) {
    const seen = outside
      .sort((a, b) => a - b)
      .slice(0, 8)
      .map((value) => `${value} (${counts.get(value)} voxels)`);
    const expected = declared.size > 0 ? `declared are ${[...declared].join(', ')}` : 'labels are whole numbers from 0';
    report(
      file.name,
      'label-outside-set',
      `holds the values ${seen.join(', ')}; ${expected}`,
      'Correct the label map, or declare the value.',
    );
  }
  if ([...counts.keys()].every((value) => value === 0 || value === task.ignoreLabel)) {
    report(
      file.name,
      'label-empty',
      'the label map has no foreground voxel',
      'Check that it is the right file; leave it if the case is truly empty.',
      'warning',
    );
  }
  return task.ignoreLabel === undefined ? label : withoutIgnored(label, label, task.ignoreLabel);
}

function countValues(data: LabelMap['data']): Map<number, number> {
  const counts = new Map<number, number>();
  let start = 0;
  for (let index = 1; index <= data.length; index += 1) {
    if (index < data.length && data[index] === data[start]) continue;
    const value = data[start] as number;
    counts.set(value, (counts.get(value) ?? 0) + index - start);
    start = index;
  }
  return counts;
}

function compareGrids(image: Volume, label: LabelMap, path: string, report: Report): void {
  if (label.shape.some((size, axis) => size !== image.shape[axis])) {
    report(
      path,
      'shape-mismatch',
      `the label has ${label.shape.join(' x ')} voxels, the image ${image.shape.join(' x ')}`,
      'Resample the label onto the image with nearest neighbour.',
    );
  }
  const difference = affineDifference(image.affine, label.affine);
  if (difference > AFFINE_TOLERANCE) {
    report(
      path,
      'affine-mismatch',
      `the affines of label and image differ by up to ${difference.toPrecision(3)} (allowed ${AFFINE_TOLERANCE}): ${label.affine.slice(0, 12).join(', ')} and ${image.affine.slice(0, 12).join(', ')}`,
      "Give the label the image's affine, if they show the same place.",
    );
  }
}
