import { type ComponentType, lazy, Suspense } from 'react';
import { Route, Switch, useLocation } from 'wouter';
import { useKeyNeeded } from './api/key.ts';
import { Empty } from './components/empty.tsx';
import { ErrorBoundary } from './components/error-boundary.tsx';
import { KeyPrompt } from './components/key-prompt.tsx';
import { Layout } from './components/layout.tsx';
import { RunsPage } from './pages/runs.tsx';

/** A page that is loaded when it is first shown. */
function page<Name extends string>(load: () => Promise<Record<Name, ComponentType>>, name: Name) {
  return lazy(async () => ({ default: (await load())[name] }));
}

const RunPage = page(() => import('./pages/run.tsx'), 'RunPage');
const ComparePage = page(() => import('./pages/compare.tsx'), 'ComparePage');
const DatasetsPage = page(() => import('./pages/datasets.tsx'), 'DatasetsPage');
const DatasetPage = page(() => import('./pages/dataset.tsx'), 'DatasetPage');
const SchedulesPage = page(() => import('./pages/schedules.tsx'), 'SchedulesPage');
const SchedulePage = page(() => import('./pages/schedule.tsx'), 'SchedulePage');
const WorkersPage = page(() => import('./pages/workers.tsx'), 'WorkersPage');
const SubmitPage = page(() => import('./pages/submit.tsx'), 'SubmitPage');

/** Addresses and their pages; everything else that a page shows is in the address's query. */
const ROUTES: readonly [string, ComponentType][] = [
  ['/', RunsPage],
  ['/submit', SubmitPage],
  ['/compare', ComparePage],
  ['/datasets', DatasetsPage],
  ['/datasets/:id/:tab?/:item?', DatasetPage],
  ['/schedules', SchedulesPage],
  ['/schedules/:id', SchedulePage],
  ['/workers', WorkersPage],
  ['/runs/:id/:tab?/:item?', RunPage],
];

/** The whole web UI. */
export function App() {
  const keyNeeded = useKeyNeeded();
  const [path] = useLocation();
  return (
    <Layout>
      {keyNeeded ? (
        <KeyPrompt />
      ) : (
        <ErrorBoundary path={path}>
          <Suspense fallback={<p className="loading">Loading…</p>}>
            <Switch>
              {ROUTES.map(([path, Page]) => (
                <Route key={path} path={path}>
                  <Page />
                </Route>
              ))}
              <Route>
                <Empty page title="There is nothing at this address.">
                  <a href="/">All runs</a>
                </Empty>
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      )}
    </Layout>
  );
}
