import type { CaseTask } from './check-case.ts';
import type { Report } from './cross-case-findings.ts';

/**
 * Patients of whom cases lie in training and in testing, or in several of the given folds: what is learnt of a patient
 * flatters the score on that same patient. The patient's first case says where he belongs (training before testing), each
 * case elsewhere is refused. Folds that are not given are dealt by patient and tear none.
 */
export function findTornPatients(
  tasks: readonly CaseTask[],
  validationSplits: readonly (readonly string[])[] | undefined,
  report: Report,
): void {
  const foldOfSplit = new Map((validationSplits ?? []).flatMap((ids, fold) => ids.map((id) => [id, fold] as const)));
  const placeOf = ({ role, case: { caseId, fold } }: CaseTask): string => {
    if (role === 'testing') return 'in testing';
    const given = validationSplits === undefined ? fold : foldOfSplit.get(caseId);
    return given === undefined ? 'in training' : `in fold ${given}`;
  };
  const firstOfPatient = new Map<string, CaseTask>();
  for (const [index, task] of tasks.entries()) {
    const { patient, images } = task.case;
    // What waits for a label is in no score yet.
    if (patient === undefined || task.role === 'unlabelled') continue;
    const first = firstOfPatient.get(patient);
    if (first === undefined) firstOfPatient.set(patient, task);
    else if (placeOf(first) !== placeOf(task)) {
      report(
        index,
        images[0] ?? '',
        'torn-patient',
        `is of patient ${patient} and ${placeOf(task)}, that patient's case ${first.case.caseId} is ${placeOf(first)}`,
        task.role === 'testing'
          ? 'Keep all cases of a patient for training or all for testing.'
          : 'Put all cases of a patient in one fold.',
      );
    }
  }
}
