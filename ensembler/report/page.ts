import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { BundleMember, EnsemblePlan, FusionPlan } from '@voxhelm/contracts/ensemble';
import type { Evaluation } from '@voxhelm/contracts/evaluation';
import type { RunReport } from '@voxhelm/contracts/jobs';
import { type CurveLine, curveChart } from './curves.ts';
import { formatMm, formatScore } from './format.ts';
import { html, type Markup, raw } from './html.ts';
import { STYLE } from './style.ts';

/** An example slice: a case, what it stands for, and its picture as a PNG data URI. */
export interface Overlay {
  readonly caption: string;
  readonly caseId: string;
  readonly dice: number | null;
  readonly dataUri: string;
}

/** A picture of a trained network: an SVG element of our own making. */
export interface Drawing {
  readonly title: string;
  readonly svg: string;
  readonly caption: string;
}

/** Everything that the report tells. */
export interface ReportContent {
  readonly run: RunReport;
  readonly createdAt: string;
  readonly labels: readonly LabelDefinition[];
  readonly members: readonly Pick<BundleMember, 'trialId' | 'algorithm' | 'fold' | 'step' | 'validationDice'>[];
  /** What the trained models' plans have to draw: each picture once. */
  readonly drawings: readonly Drawing[];
  readonly plan: EnsemblePlan;
  readonly test: Evaluation | null;
  readonly overlays: readonly Overlay[];
  readonly datasetFingerprint: string;
  readonly seed: number;
}

/** report.html: one file that opens offline, without script, and loads nothing. */
export function reportPage(content: ReportContent): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${content.run.name} \u2013 Voxhelm report</title><style>${raw(STYLE)}</style></head>
<body><main>
${header(content)}
${ensembleSection(content)}
${overlaySection(content.overlays)}
${testSection(content)}
${drawingSection(content.drawings)}
${trialSection(content)}
${curveSection(content.run)}
${candidateSection(content)}
<footer>Made by Voxhelm on ${content.createdAt}. Run <code>${content.run.runId}</code>, seed ${content.seed}, dataset fingerprint <code>${content.datasetFingerprint}</code>. Dice is the mean over foreground classes on each image\u2019s own grid; a class absent from both truth and prediction does not count.</footer>
</main></body></html>
`;
  return page.markup;
}

function header({ run, test, plan, members, labels }: ReportContent): Markup {
  const foreground = labels.filter((label) => label.value !== 0);
  const scores = test
    ? html`<li class="main"><b>${formatScore(test.mean.dice)}</b><span>mean Dice, ${test.cases.length} test cases</span></li>
${foreground.map((label) => html`<li><b>${formatScore(test.mean.classes[label.value]?.dice)}</b><span>Dice ${label.name}</span></li>`)}
<li><b>${formatMm(test.mean.hd95Mm)}</b><span>HD95 in mm</span></li>
<li><b>${formatScore(test.mean.surfaceDice)}</b><span>surface Dice at ${test.toleranceMm} mm</span></li>`
    : html`<li class="main"><b>${formatScore(plan.chosen.validationDice)}</b><span>mean validation Dice, ${plan.chosen.validationCases} cases</span></li>`;
  return html`<header><p class="eyebrow">Voxhelm ensemble</p><h1>${run.name}</h1>
<p class="lead">Trained on ${run.datasetName}: ${run.trials.length} trials, ${members.length} in the ensemble.${test ? '' : ' The dataset has no labelled test cases, so the scores here are those of validation.'}</p>
<ul class="scores">${scores}</ul></header>`;
}

function ensembleSection({ members, plan, run }: ReportContent): Markup {
  const numbers = new Map(run.trials.map((trial) => [trial.trialId, trial.number + 1]));
  return html`<section><h2>Ensemble</h2>
<p class="note">${describeFusion(plan.chosen.fusion)} Chosen on validation predictions alone (${plan.chosen.validationCases} cases, each predicted only by members that did not train on it: mean Dice ${formatScore(plan.chosen.validationDice)}); the test cases were then scored once.</p>
<div class="table"><table><thead><tr><th>Member</th><th>Algorithm</th><th class="n">Fold</th><th class="n">Trial</th><th class="n">Step</th><th class="n">Validation Dice</th></tr></thead><tbody>
${members.map((member, index) => html`<tr><td>${index + 1}</td><td class="text">${member.algorithm}</td><td class="n">${member.fold}</td><td class="n">${numbers.get(member.trialId) ?? '\u2013'}</td><td class="n">${member.step}</td><td class="n">${formatScore(member.validationDice)}</td></tr>`)}
</tbody></table></div></section>`;
}

/** How an ensemble fuses, in words. */
export function describeFusion(fusion: FusionPlan): string {
  const mode = fusion.mode === 'mean' ? 'Mean of class probabilities' : 'Majority vote';
  const flips = fusion.flips.length === 0 ? 'no flips' : `${fusion.flips.length} mirrored copies of each image`;
  const largest =
    fusion.largestComponent.length === 0
      ? 'every component kept'
      : `only the largest component kept of label ${fusion.largestComponent.join(', ')}`;
  return `${mode}; ${flips} at test time; ${largest}.`;
}

function overlaySection(overlays: readonly Overlay[]): Markup {
  if (overlays.length === 0) return html``;
  return html`<section><h2>Examples</h2>
<ul class="legend"><li><span class="swatch truth"></span>truth</li><li><span class="swatch prediction"></span>prediction of the ensemble</li></ul>
<div class="grid3">${overlays.map((overlay) => html`<figure class="overlay"><figcaption>${overlay.caption}<small>${overlay.caseId}, Dice ${formatScore(overlay.dice)}</small></figcaption><img alt="Slice of ${overlay.caseId} with the outlines of truth and prediction" src="${overlay.dataUri}"></figure>`)}</div></section>`;
}

function drawingSection(drawings: readonly Drawing[]): Markup {
  if (drawings.length === 0) return html``;
  return html`<section><h2>Architectures</h2>
${drawings.map(({ title, svg, caption }) => html`<figure class="drawing"><figcaption>${title}<small>${caption}</small></figcaption>${raw(svg)}</figure>`)}</section>`;
}

function testSection({ test, labels }: ReportContent): Markup {
  if (test === null) return html``;
  const foreground = labels.filter((label) => label.value !== 0);
  const cells = (classes: Evaluation['mean']['classes']): Markup[] => [
    ...foreground.map((label) => html`<td class="n">${formatScore(classes[label.value]?.dice)}</td>`),
    ...foreground.map((label) => html`<td class="n">${formatMm(classes[label.value]?.hd95Mm)}</td>`),
  ];
  return html`<section><h2>Test cases</h2>
<p class="note">No training and no choice has seen these cases.</p>
<div class="table"><table><thead><tr><th>Case</th><th class="n">Dice</th>${foreground.map((label) => html`<th class="n">Dice ${label.name}</th>`)}${foreground.map((label) => html`<th class="n">HD95 ${label.name}, mm</th>`)}</tr></thead>
<tbody>${test.cases.map((scores) => html`<tr><td class="text">${scores.case}</td><td class="n">${formatScore(scores.dice)}</td>${cells(scores.classes)}</tr>`)}</tbody>
<tfoot><tr><td>Mean</td><td class="n">${formatScore(test.mean.dice)}</td>${cells(test.mean.classes)}</tr></tfoot></table></div></section>`;
}

function trialSection({ run, labels, members }: ReportContent): Markup {
  const foreground = labels.filter((label) => label.value !== 0);
  const chosen = new Set(members.map((member) => member.trialId));
  return html`<section><h2>Trials</h2>
<div class="table"><table><thead><tr><th>Algorithm</th><th class="n">Fold</th><th class="n">Trial</th><th>State</th><th class="n">Steps</th><th class="n">Dice</th>${foreground.map((label) => html`<th class="n">${label.name}</th>`)}<th>Ensemble</th><th>Configuration</th></tr></thead>
<tbody>${run.trials.map((trial) => html`<tr><td>${trial.algorithm}</td><td class="n">${trial.fold}</td><td class="n">${trial.number + 1}</td><td><span class="badge ${trial.state === 'completed' ? '' : 'off'}">${trial.state}</span></td><td class="n">${trial.steps}</td><td class="n">${formatScore(trial.bestDice)}</td>${foreground.map((label) => html`<td class="n">${formatScore(trial.diceByClass[label.value])}</td>`)}<td>${chosen.has(trial.trialId) ? 'member' : ''}</td><td class="text">${describePoint(trial.point)}</td></tr>`)}</tbody></table></div></section>`;
}

function describePoint(point: RunReport['trials'][number]['point']): string {
  return Object.entries(point)
    .filter(([path]) => path !== 'algorithm')
    .map(
      ([path, value]) => `${path.split('.').pop()} ${typeof value === 'number' ? Number(value.toPrecision(3)) : value}`,
    )
    .join(', ');
}

function curveSection(run: RunReport): Markup {
  const lines = (series: string): CurveLine[] =>
    run.trials.flatMap((trial) => {
      const points = trial.curves[series];
      return points?.length
        ? [{ label: `Trial ${trial.number + 1}, ${trial.algorithm}, fold ${trial.fold}`, points }]
        : [];
    });
  return html`<section><h2>Training curves</h2><div class="grid2">
${curveChart(lines('loss'), { title: 'Training loss', yLabel: 'loss' })}
${curveChart(lines('dice'), { title: 'Validation Dice', yLabel: 'mean Dice', yRange: [0, 1] })}
</div></section>`;
}

function candidateSection({ plan }: ReportContent): Markup {
  return html`<section><h2>Candidates</h2>
<p class="note">Ensembles that were compared. More folds and more members go first; a smaller one is taken only where it is better on the same cases by more than one standard error. A candidate that covers fewer folds was judged on fewer cases.</p>
<div class="table"><table><thead><tr><th>Rule</th><th class="n">Members</th><th>Fusion</th><th class="n">Validation Dice</th><th class="n">Cases</th><th></th></tr></thead><tbody>
${plan.candidates.map((candidate) => {
  const isChosen =
    candidate.rule === plan.chosen.rule &&
    candidate.n === plan.chosen.n &&
    JSON.stringify(candidate.fusion) === JSON.stringify(plan.chosen.fusion);
  return html`<tr class="${isChosen ? 'chosen' : ''}"><td>${candidate.rule}</td><td class="n">${candidate.n}</td><td class="text">${describeFusion(candidate.fusion)}</td><td class="n">${formatScore(candidate.validationDice)}</td><td class="n">${candidate.validationCases}</td><td>${isChosen ? 'chosen' : ''}</td></tr>`;
})}
</tbody></table></div></section>`;
}
