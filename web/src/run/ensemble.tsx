import type { RunDetail } from '@voxhelm/contracts/api';
import { Link } from 'wouter';
import { download } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { CopyBlock } from '../components/copy-block.tsx';
import { Empty } from '../components/empty.tsx';
import { bytes, dice, number } from '../format.ts';
import { interval } from '../statistics.ts';
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
      <div className="scroll" role="region" aria-label="Members" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">Algorithm</th>
              <th scope="col" className="number">
                Fold
              </th>
              <th scope="col" className="number">
                Weight
              </th>
              <th scope="col" className="number">
                Validation Dice
              </th>
            </tr>
          </thead>
          <tbody>
            {ensemble.members.map((member) => (
              <tr key={member.trialId}>
                <td>
                  <Link href={`/runs/${run.id}/trials/${member.trialId}`}>
                    Trial {(run.trials.find(({ id }) => id === member.trialId)?.number ?? 0) + 1}
                  </Link>
                </td>
                <td>{member.algorithm}</td>
                <td className="number">{member.fold}</td>
                <td className="number">
                  {(((votes.get(member.trialId) ?? 1) / Math.max(1, chosen.trialIds.length)) * 100).toFixed(0)} %
                </td>
                <td className="number">{dice(member.validationDice)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <TestTable run={run} evaluation={scores.test} />
      <details>
        <summary>The {candidates.length} candidates that it was chosen from</summary>
        <div className="scroll" role="region" aria-label="Candidates" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Rule</th>
                <th scope="col" className="number">
                  Members
                </th>
                <th scope="col">Fusion</th>
                <th scope="col" className="number">
                  Mirrored views
                </th>
                <th scope="col" className="number">
                  Validation Dice
                </th>
              </tr>
            </thead>
            <tbody>
              {candidates.map((candidate, index) => (
                <tr key={index}>
                  <td>
                    {candidate.rule} {candidate.n}
                  </td>
                  <td className="number">{candidate.trialIds.length}</td>
                  <td>{candidate.fusion.mode}</td>
                  <td className="number">{candidate.fusion.flips.length}</td>
                  <td className="number">{dice(candidate.validationDice)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
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
  const rows = [
    {
      name: 'All classes',
      dice: evaluation.cases.map((one) => one.dice),
      hd95: evaluation.cases.map(() => null as number | null),
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
        {evaluation.cases.length} cases that no training saw, scored once. Intervals: 95 %, bootstrap over cases.{' '}
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
      <div className="scroll" role="region" aria-label="Scores on the test cases" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" className="number">
                Dice
              </th>
              <th scope="col" className="number">
                95 % interval
              </th>
              <th scope="col" className="number">
                HD95 mm
              </th>
              <th scope="col" className="number">
                95 % interval
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const [score, distance] = [interval(row.dice), interval(row.hd95)];
              return (
                <tr key={row.name}>
                  <td>{row.name}</td>
                  <td className="number">{dice(score?.mean)}</td>
                  <td className="number">{score === null ? '–' : `${dice(score.low)} – ${dice(score.high)}`}</td>
                  <td className="number">{number(distance?.mean)}</td>
                  <td className="number">
                    {distance === null ? '–' : `${number(distance.low)} – ${number(distance.high)}`}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
