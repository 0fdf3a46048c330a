import type { RunDetail } from '@voxhelm/contracts/api';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Point } from '@voxhelm/contracts/trial';
import { Empty } from '../components/empty.tsx';
import { shown } from '../format.ts';
import { useQueryState } from '../query-state.ts';

/** A plan's values by their path, its reasons left out. */
export function flatPlan(plan: Plan): Map<string, string> {
  const values = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) visit(inner, path === '' ? name : `${path}.${name}`);
    } else values.set(path, value === null ? 'none' : shown(value));
  };
  const { reasons: _, ...decisions } = plan;
  visit(decisions, '');
  return values;
}

interface NamedPlan {
  readonly name: string;
  readonly plan: Plan;
  /** What a search chose beside it, where a trial is shown. */
  readonly point?: Point;
}

/** Plans side by side; with one, each value's reason beside it; with more, what differs is marked. */
export function PlanTable({
  plans,
  onlyDifferences = false,
}: {
  readonly plans: readonly NamedPlan[];
  readonly onlyDifferences?: boolean;
}) {
  const flat = plans.map(({ plan, point = {} }) => {
    const chosen = Object.entries(point).map(([name, value]) => [`search: ${name}`, shown(value)] as const);
    return new Map([...flatPlan(plan), ...chosen]);
  });
  const paths = [...new Set(flat.flatMap((values) => [...values.keys()]))].filter((path) => path !== 'schemaVersion');
  const differs = (path: string): boolean => new Set(flat.map((values) => values.get(path))).size > 1;
  const rows = onlyDifferences ? paths.filter(differs) : paths;
  if (plans.length === 0) return <p className="muted">No plan yet: plans are made from the analysis of the dataset.</p>;
  if (rows.length === 0) return <p className="muted">The plans are the same.</p>;
  return (
    <div className="scroll" role="region" aria-label="Plans" tabIndex={0}>
      <table className={plans.length === 1 ? 'plan alone' : 'plan'}>
        <thead>
          <tr>
            <th scope="col">Value</th>
            {plans.map(({ name }, index) => (
              // Two runs may have one name.
              <th scope="col" key={`${index} ${name}`}>
                {name}
              </th>
            ))}
            {plans.length === 1 && <th scope="col">Why</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((path) => (
            <tr key={path} className={plans.length > 1 && differs(path) ? 'differs' : undefined}>
              <th scope="row">{path}</th>
              {flat.map((values, index) => (
                <td key={`${index} ${plans[index]?.name}`} className="wrap">
                  {values.get(path) ?? '–'}
                </td>
              ))}
              {plans.length === 1 && <td className="wrap muted">{plans[0]?.plan.reasons[path] ?? ''}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A run's algorithm bundles. */
export function RunPlans({ run }: { readonly run: RunDetail }) {
  const [chosen, setChosen] = useQueryState('plan', '0');
  if (run.plans.length === 0)
    return <Empty title="No plan yet.">Plans are made from the analysis of the dataset.</Empty>;
  const nameOf = ({ algorithm, fold }: RunDetail['plans'][number]): string => `${algorithm}, fold ${fold}`;
  const one = run.plans[Number(chosen)] ?? run.plans[0];
  return (
    <>
      <div className="table-tools">
        <label>
          Plan{' '}
          <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {run.plans.map((plan, index) => (
              <option key={nameOf(plan)} value={index}>
                {nameOf(plan)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {one !== undefined && <PlanTable plans={[{ name: nameOf(one), plan: one.plan }]} />}
    </>
  );
}
