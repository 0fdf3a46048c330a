import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { giveKey, wasKeyRefused } from '../api/key.ts';

/** Asks for the service's API key. */
export function KeyPrompt() {
  const client = useQueryClient();
  const [key, setKey] = useState('');
  return (
    <form
      className="panel narrow"
      onSubmit={(event) => {
        event.preventDefault();
        giveKey(key);
        void client.invalidateQueries();
      }}
    >
      <h1>This service wants its key</h1>
      {wasKeyRefused() && (
        <p className="note bad" role="alert">
          The service does not take that key. Copy it anew, without spaces at its ends.
        </p>
      )}
      <p>It is the value of VOXHELM_API_KEY where the service runs. It is kept for this tab only.</p>
      <label className="field">
        API key
        <input type="password" autoComplete="current-password" value={key} onChange={(e) => setKey(e.target.value)} />
      </label>
      <button type="submit" className="primary" disabled={key.trim() === ''}>
        Go on
      </button>
    </form>
  );
}
