import type { RunDetail } from '@voxhelm/contracts/api';
import { findingLines } from './findings.ts';
import { diceText, distanceText, durationText, shareText, table } from './format.ts';

/** A run in full, as text: what it is, why it failed, its trials, its ensemble, its scores on the test cases. */
export function runReport(run: RunDetail): string {
  const lines = [
    `${run.id}  ${run.name}  ${run.state} (${run.stage})`,
    ...(run.failure === null ? [run.message] : []),
    `dataset ${run.datasetName} · submitted by ${run.submittedBy ?? '—'} · ${durationText(run.elapsedSeconds)} · seed ${run.request.seed}${run.device === null ? '' : ` · ${run.device.name}`}`,
  ];
  lines.push(...failureLines(run));
  if (run.trials.length > 0) lines.push('', trialTable(run));
  if (run.ensemble !== null) lines.push('', ensembleLines(run));
  if (run.scores.test !== null) lines.push('', testLines(run));
  const bundle = run.artifacts.find((artifact) => artifact.kind === 'ensemble-bundle');
  if (bundle !== undefined)
    lines.push('', `bundle: npx voxhelm download ${run.id} -o bundle.zip   (${(bundle.bytes / 1e6).toFixed(1)} MB)`);
  return lines.join('\n');
}

/** Why a run failed and what to do, with the check's findings where they are the reason; nothing for other runs. */
export function failureLines({ id, failure, findings }: Pick<RunDetail, 'id' | 'failure' | 'findings'>): string[] {
  if (failure === null) return [];
  const said = [`failed: ${failure.message}`, ...(failure.fix === null ? [] : [`  ${failure.fix}`])];
  const others = findings.filter(({ message }) => message !== failure.message);
  if (failure.code !== 'bad-dataset' || others.length === 0) return said;
  return [...said, '', ...findingLines(others, `npx voxhelm show ${id} --json`)];
}

/** Algorithm, fold, trial, Dice per class. */
export function trialTable(run: RunDetail): string {
  const labels = [...new Set(run.trials.flatMap((trial) => Object.keys(trial.diceByClass)))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const names = labelNames(run);
  const rows = run.trials.map((trial) => [
    trial.algorithm,
    String(trial.fold),
    `${trial.number + 1} (${trial.kind})`,
    trial.reason === null ? trial.state : `${trial.state}: ${trial.reason}`,
    `${trial.step}/${trial.steps}`,
    shareText(trial.dataWaitFraction),
    diceText(trial.bestDice),
    ...labels.map((label) => diceText(trial.diceByClass[label])),
  ]);
  return table(
    [
      'algorithm',
      'fold',
      'trial',
      'state',
      'steps',
      'data wait',
      'Dice',
      ...labels.map((label) => names.get(label) ?? label),
    ],
    rows,
  );
}

function ensembleLines(run: RunDetail): string {
  if (run.ensemble === null) return '';
  const { chosen } = run.ensemble.plan;
  const members = run.ensemble.members.map((member) => {
    const trial = run.trials.find((one) => one.id === member.trialId);
    return `${member.algorithm} fold ${member.fold} trial ${trial === undefined ? '?' : trial.number + 1} (${diceText(member.validationDice)})`;
  });
  const flips = chosen.fusion.flips.length === 0 ? 'no flips' : `${chosen.fusion.flips.length} flips`;
  const largest =
    chosen.fusion.largestComponent.length === 0
      ? ''
      : `, largest component of ${chosen.fusion.largestComponent.join(', ')}`;
  return [
    `ensemble: ${members.join(' + ')}`,
    `  ${chosen.rule}, ${chosen.fusion.mode} of ${members.length} members, ${flips}${largest}; validation Dice ${diceText(chosen.validationDice)} over ${chosen.validationCases} cases`,
  ].join('\n');
}

function testLines(run: RunDetail): string {
  const { test } = run.scores;
  if (test === null) return '';
  const names = labelNames(run);
  const rows = [
    ...Object.entries(test.mean.classes).map(([label, scores]) => [
      names.get(label) ?? label,
      diceText(scores.dice),
      distanceText(scores.hd95Mm),
      diceText(scores.surfaceDice),
    ]),
    ['mean', diceText(test.mean.dice), distanceText(test.mean.hd95Mm), diceText(test.mean.surfaceDice)],
  ];
  const worst = test.worst === null ? '' : `, worst ${test.worst.case} ${diceText(test.worst.dice)}`;
  return `on ${test.cases.length} test cases that no training saw${worst}:\n${table(['ensemble', 'Dice', 'HD95', `surface Dice ${test.toleranceMm} mm`], rows)}`;
}

function labelNames(run: RunDetail): Map<string, string> {
  return new Map((run.plans[0]?.plan.labels ?? []).map((label) => [String(label.value), label.name]));
}
