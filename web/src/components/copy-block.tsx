import { useState } from 'react';

/** Text to take along, with a button that copies it. */
export function CopyBlock({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div className="copy">
      <pre aria-label={label}>{text}</pre>
      <button
        type="button"
        onClick={() => {
          void copy(text).then(setCopied);
          setTimeout(() => setCopied(false), 2_000);
        }}
      >
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}

/** Over plain http there is no clipboard: the text stays to be selected. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
