import type { Finding, Modality } from '@voxhelm/contracts/dataset';

/** Names of MRI sequences as datasets write them. */
const MRI = /\b(mri?|mr|t1(w|c|ce|gd|n)?|t2(w|f)?|flair|adc|dwi|pd|swi|dixon|t1-?weighted|t2-?weighted)\b/i;

/** The modality of a channel by the name that a dataset gives it; `other` where the name says nothing. */
export function modalityOf(name: string): Modality {
  const words = name.trim().replace(/[_.]/g, ' ');
  if (/\bct\b/i.test(words) || /^ct/i.test(words)) return 'CT';
  if (/\bpet\b/i.test(words)) return 'PET';
  return MRI.test(words) ? 'MRI' : 'other';
}

/** The finding of a dataset at `root` that nobody gives a modality; a run of it fails at the end of its check. */
export function modalityUnknown(root: string): Finding {
  return {
    case: '',
    file: root,
    code: 'modality-unknown',
    severity: 'warning',
    message: 'nothing in the dataset says its modality, which decides how intensities are normalised; a run needs it',
    fix: 'Give `modality` in the RUN.yaml (CT, MRI, PET or other, or one per channel), or in a dataset.json.',
  };
}
