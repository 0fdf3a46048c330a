import { Component, type ReactNode } from 'react';
import { failure } from '../api/problem.ts';
import { ErrorNote } from './error-note.tsx';

interface State {
  readonly error: unknown;
}

interface Props {
  /** Where the reader is: another address is tried anew. */
  readonly path: string;
  readonly children: ReactNode;
}

/** Shows what a page could not do, instead of nothing. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override componentDidUpdate({ path }: Props): void {
    if (path !== this.props.path && this.state.error !== null) this.setState({ error: null });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return isMissingPart(error) ? (
      <ErrorNote error={PART_GONE} retry={() => location.reload()} />
    ) : (
      <ErrorNote error={error} retry={() => this.setState({ error: null })} />
    );
  }
}

const PART_GONE = failure(
  'A part of this page could not be loaded: the service was renewed, or the connection broke.',
  'Load the page again; what the address says (filters, selection) is kept.',
);

/** What browsers say where a script that a page is loaded from does not come. */
function isMissingPart(error: unknown): boolean {
  return error instanceof Error && /dynamically imported module|importing a module script/i.test(error.message);
}
