import type { RunDetail } from '@voxhelm/contracts/api';
import type { CaseScores, Evaluation } from '@voxhelm/contracts/evaluation';
import { Link } from 'wouter';
import { download } from '../api/client.ts';
import { type Column, toCsv } from '../components/columns.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { CopyBlock } from '../components/copy-block.tsx';
import { Empty } from '../components/empty.tsx';
import { NumberTable } from '../components/number-table.tsx';
import { saveCsv } from '../csv.ts';
import { bytes, dice, number } from '../format.ts';
import { interval } from '../statistics.ts';
import { meanHd95, scoreColumns, whyMissing } from './score-columns.ts';
import { ScorePlots } from './score-plots.tsx';
import { labelName } from './trials-table.tsx';

/** The ensemble: who is in it, how it scores on cases that no training saw, and how to take it along. */
export function RunEnsemble({ run }: { readonly run: RunDetail }) {
  const { ensemble, artifacts, scores } = run;
  if (ensemble === null) {
    return (
      <Empty title="No ensemble yet.">
        It is chosen on the validation predictions when the last training has ended, and scored once on the test cases.
      </Empty>
    );
  }
  const { chosen, candidates } = ensemble.plan;
  const votes = new Map<string, number>();
  for (const id of chosen.trialIds) votes.set(id, (votes.get(id) ?? 0) + 1);
  return (
    <>
      <section className="panel" aria-label="Download">
        <h2>Take it along</h2>
        <ul className="plain">
          {artifacts.map((artifact) => (
            <li key={artifact.id} className="row">
              <ConfirmButton
                label={`Download ${artifact.name}`}
                tone="primary"
                action={() => download(artifact.href, artifact.name)}
              />
              <span>{bytes(artifact.bytes)}</span>
              <code className="wrap">SHA-256 {artifact.sha256}</code>
            </li>
          ))}
        </ul>
        <CopyBlock
          label="Commands to use the bundle"
          text={`npx voxhelm download ${run.id} -o bundle.zip\nnpx voxhelm predict --bundle bundle.zip --input scans/ --output labels/`}
        />
      </section>
      <h2>Members</h2>
      <p>
        {chosen.fusion.mode === 'vote' ? 'Majority vote' : 'Mean of the probabilities'} of {ensemble.members.length}{' '}
        members ({chosen.rule}
        ), {chosen.fusion.flips.length} mirrored views beside the image itself,{' '}
        {chosen.fusion.largestComponent.length === 0 ? 'all components' : 'the largest component of '}
        {chosen.fusion.largestComponent.map((value) => labelName(run, String(value))).join(', ')} kept. Validation Dice{' '}
        {dice(chosen.validationDice)} over {chosen.validationCases} cases.
      </p>
      <NumberTable
        name="Members"
        columns={[
          { title: 'Member' },
          { title: 'Algorithm' },
          { title: 'Fold', numeric: true },
          { title: 'Weight', numeric: true },
          { title: 'Validation Dice', numeric: true },
        ]}
        rows={ensemble.members.map(({ trialId, algorithm, fold, validationDice }) => ({
          key: trialId,
          cells: [
            <Link key="member" href={`/runs/${run.id}/trials/${trialId}`}>
              Trial {(run.trials.find(({ id }) => id === trialId)?.number ?? 0) + 1}
            </Link>,
            algorithm,
            fold,
            `${(((votes.get(trialId) ?? 1) / Math.max(1, chosen.trialIds.length)) * 100).toFixed(0)} %`,
            dice(validationDice),
          ],
        }))}
      />
      <TestTable run={run} evaluation={scores.test} />
      <details>
        <summary>The {candidates.length} candidates that it was chosen from</summary>
        <NumberTable
          name="Candidates"
          columns={[
            { title: 'Rule' },
            { title: 'Members', numeric: true },
            { title: 'Fusion' },
            { title: 'Mirrored views', numeric: true },
            { title: 'Validation Dice', numeric: true },
          ]}
          rows={candidates.map(({ rule, n, trialIds, fusion, validationDice }, index) => ({
            key: String(index),
            cells: [`${rule} ${n}`, trialIds.length, fusion.mode, fusion.flips.length, dice(validationDice)],
          }))}
        />
      </details>
    </>
  );
}

interface TestProps {
  readonly run: RunDetail;
  readonly evaluation: RunDetail['scores']['test'];
}

/** Means over the test cases with 95 % intervals. */
function TestTable({ run, evaluation }: TestProps) {
  if (evaluation === null) {
    return (
      <p className="note">
        No labelled test case: the ensemble was chosen on validation alone and its Dice on new cases is not measured.
      </p>
    );
  }
  const values = Object.keys(evaluation.mean.classes);
  const labels = run.plans[0]?.plan.labels ?? [];
  const columns: Column<CaseScores>[] = [
    { id: 'case', title: 'Case', value: (one) => one.case },
    ...scoreColumns<CaseScores>(labels, (one) => one, evaluation.cases),
  ];
  const rows = [
    {
      name: 'All classes',
      dice: evaluation.cases.map((one) => one.dice),
      hd95: evaluation.cases.map(meanHd95),
    },
    ...values.map((value) => ({
      name: labelName(run, value),
      dice: evaluation.cases.map((one) => one.classes[value]?.dice ?? null),
      hd95: evaluation.cases.map((one) => one.classes[value]?.hd95Mm ?? null),
    })),
  ];
  return (
    <>
      <h2>Test cases</h2>
      <p>
        {evaluation.cases.length} cases that no training saw, scored once. Intervals: 95 %, bootstrap over cases; “With
        HD95”: how many cases have one.{' '}
        {evaluation.worst !== null && (
          <>
            Worst:{' '}
            <Link href={`/runs/${run.id}/cases/${encodeURIComponent(evaluation.worst.case)}?model=ensemble`}>
              {evaluation.worst.case}
            </Link>
            , Dice {dice(evaluation.worst.dice)}.
          </>
        )}
      </p>
      <NumberTable
        name="Scores on the test cases"
        columns={[
          { title: 'Class' },
          { title: 'Dice', numeric: true },
          { title: '95 % interval', numeric: true },
          { title: 'HD95 mm', numeric: true },
          { title: '95 % interval', numeric: true },
          { title: 'With HD95', numeric: true },
        ]}
        rows={rows.map((row) => {
          const [score, distance] = [interval(row.dice), interval(row.hd95)];
          return {
            key: row.name,
            cells: [
              row.name,
              dice(score?.mean),
              score === null ? '–' : `${dice(score.low)} – ${dice(score.high)}`,
              number(distance?.mean),
              distance === null ? '–' : `${number(distance.low)} – ${number(distance.high)}`,
              `${distance?.count ?? 0} of ${evaluation.cases.length}`,
            ],
          };
        })}
      />
      <WithoutDistance run={run} evaluation={evaluation} />
      <div className="actions">
        <button type="button" onClick={() => saveCsv(`${run.name} test cases`, toCsv(evaluation.cases, columns))}>
          Each test case as CSV
        </button>
      </div>
      <ScorePlots labels={labels} cases={evaluation.cases} />
    </>
  );
}

/** Cases named in a sentence; the CSV has all. */
const NAMED_CASES = 5;

/** Which test cases have a class without HD95, and why: a mean over fewer cases is no better for it. */
function WithoutDistance({ run, evaluation }: { readonly run: RunDetail; readonly evaluation: Evaluation }) {
  const labels = run.plans[0]?.plan.labels ?? [];
  const found = evaluation.cases.flatMap((one) => {
    const why = whyMissing(labels, one);
    return why === null ? [] : [{ caseId: one.case, why }];
  });
  if (found.length === 0) return null;
  return (
    <p className="note">
      HD95 is a distance between two surfaces, so a class that truth or prediction lacks has none:{' '}
      {found.slice(0, NAMED_CASES).map(({ caseId, why }, index) => (
        <span key={caseId}>
          {index === 0 ? '' : '; '}
          <Link href={`/runs/${run.id}/cases/${encodeURIComponent(caseId)}?model=ensemble`}>{caseId}</Link> ({why})
        </span>
      ))}
      {found.length > NAMED_CASES && `; and ${found.length - NAMED_CASES} more, in the CSV`}.
    </p>
  );
}
