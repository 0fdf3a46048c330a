import type { ApiError } from '../api/problem.ts';
import { describeError, fieldOf } from '../api/problem.ts';

/** A failure: what happened, to what, what to try. */
export function ErrorNote({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  const { message, fix } = describeError(error);
  // A field that the sentence above is of is not told again.
  const fields = ((error as Partial<ApiError>).problem?.errors ?? []).filter(
    (field) => !message.includes(field.message),
  );
  return (
    <div className="note bad" role="alert">
      <p>
        <strong>{message}</strong>
      </p>
      {fields.length > 0 && (
        <ul>
          {fields.map((field) => (
            <li key={field.pointer}>
              <code>{fieldOf(field.pointer) || 'the request'}</code>: {field.message}
              {field.suggestion !== undefined && <> Did you mean “{field.suggestion}”?</>}
            </li>
          ))}
        </ul>
      )}
      {fix !== null && <p>{fix}</p>}
      {retry !== undefined && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
