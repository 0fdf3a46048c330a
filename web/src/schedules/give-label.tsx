import { useQueryClient } from '@tanstack/react-query';
import type { LabelGiven } from '@voxhelm/contracts/api-labels';
import { useState } from 'react';
import { send } from '../api/client.ts';
import { ConfirmButton } from '../components/confirm-button.tsx';
import { sendFiles } from '../dataset/send-files.ts';

/** Uploads a label map and makes it the label of a case of the dataset itself, which schedules watch. */
export async function giveLabel(datasetId: string, caseId: string, mask: File, heldOut = false): Promise<LabelGiven> {
  const [label] = await sendFiles([{ name: mask.name, blob: mask }]);
  const path = `/v1/datasets/${datasetId}/cases/${encodeURIComponent(caseId)}/label`;
  return send<LabelGiven>('PUT', path, { label, heldOut });
}

interface GiveLabelProps {
  readonly datasetId: string;
  readonly caseId: string;
  /** Told what became of it: the case leaves the list, and this with it. */
  readonly given: (label: LabelGiven) => void;
}

/** Takes the label map of a case that waits for it. */
export function GiveLabel({ datasetId, caseId, given }: GiveLabelProps) {
  const queries = useQueryClient();
  const [mask, setMask] = useState<File | null>(null);
  return (
    <div className="actions">
      <input
        type="file"
        accept=".nii,.gz"
        aria-label={`Label map of ${caseId}`}
        onChange={(event) => setMask(event.target.files?.[0] ?? null)}
      />
      {mask !== null && (
        <ConfirmButton
          label="Give this label"
          action={async () => {
            given(await giveLabel(datasetId, caseId, mask));
            await Promise.all(
              ['labels', 'suggestions'].map((part) =>
                queries.invalidateQueries({ queryKey: ['dataset', datasetId, part] }),
              ),
            );
          }}
        />
      )}
    </div>
  );
}
