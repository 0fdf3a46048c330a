import { Analysis } from '@voxhelm/contracts/analysis';
import {
  type Datalist,
  DatasetCheck,
  labelsOf,
  type Modality,
  withBackground,
  wrongChannels,
} from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { AnalyzeJob, AnalyzeResult } from '@voxhelm/contracts/jobs';
import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { deviceInfo } from '@voxhelm/nn/engine';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { type JobContext, residentMemoryMb } from './context.ts';
import { readForegrounds, writeForegrounds } from './foregrounds.ts';

/** Checks every case of a dataset, gathers its statistics and tells which device this trainer has. */
export async function analyze(job: AnalyzeJob, context: JobContext): Promise<AnalyzeResult> {
  const tell = (done: number, total: number): void =>
    context.progress({ phase: 'analyzing', done, total, memoryMb: residentMemoryMb() });
  const datalist = overrideDatalist(await readDatalist(job.datasetPath), job);
  tell(0, datalist.training.length + datalist.testing.length + (datalist.unlabelled?.length ?? 0));
  const known = job.known && {
    check: await readJson(context.store, job.known.check, DatasetCheck),
    analysis: await readJson(context.store, job.known.analysis, Analysis),
    foregrounds: await readForegrounds(context.store, job.known.analysis),
  };
  const { check, analysis, foregrounds, reusedCases } = await checkAndAnalyze(datalist, {
    onProgress: tell,
    signal: context.signal,
    ...(known ? { known } : {}),
    ...(job.heldOut ? { heldOut: job.heldOut } : {}),
  });
  checkChannelsSeen(job.modality, check);
  const valid = check.cases.filter((one) => one.valid);
  await writeForegrounds(context.store, job.artifactPrefix, foregrounds);
  return {
    check: await writeJson(context.store, `${job.artifactPrefix}/check.json`, check),
    analysis:
      analysis === null ? null : await writeJson(context.store, `${job.artifactPrefix}/analysis.json`, analysis),
    validTrainingCases: valid.filter((one) => one.role === 'training').length,
    validTestingCases: valid.filter((one) => one.role === 'testing').length,
    errors: check.findings.filter((finding) => finding.severity === 'error').length,
    warnings: check.findings.filter((finding) => finding.severity === 'warning').length,
    reusedCases,
    device: deviceInfo(),
  };
}

/** What the user said of modality and labels wins over what the dataset says. */
export function overrideDatalist(datalist: Datalist, said: Pick<AnalyzeJob, 'modality' | 'labels'>): Datalist {
  return {
    ...datalist,
    modalities: said.modality === null ? datalist.modalities : modalitiesOf(said.modality, datalist),
    labels: said.labels === null ? datalist.labels : withBackground(labelsOf(said.labels)),
  };
}

/** One modality stands for every channel; a list must name each. */
function modalitiesOf(said: Modality | Modality[], datalist: Datalist): Modality[] {
  const known = Math.max(datalist.channelNames.length, datalist.modalities.length);
  if (!Array.isArray(said)) return Array.from({ length: Math.max(known, 1) }, () => said);
  // A dataset that names one modality says nothing of how many channels there are.
  if (known > 1 && said.length !== known) throw refusalOf(said, known);
  return said;
}

/** A list of modalities that most images have not the channels for is the request's fault, not theirs. */
function checkChannelsSeen(said: AnalyzeJob['modality'], { cases }: Pick<DatasetCheck, 'cases'>): void {
  if (!Array.isArray(said)) return;
  const channels = cases.flatMap((one) => one.channels ?? []);
  const others = channels.filter((count) => count !== said.length);
  if (others.length <= channels.length / 2) return;
  throw refusalOf(said, [...new Set(others)].sort((a, b) => a - b).join(' or '));
}

function refusalOf(said: readonly Modality[], found: number | string): VoxhelmError {
  const { message, fix } = wrongChannels(said, found);
  return new VoxhelmError('invalid-request', `"modality" ${message}`, { fix, details: { field: 'modality' } });
}
