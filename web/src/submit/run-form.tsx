import type { Field, FormValues } from './fields.ts';
import { MAIN_FIELDS, MORE_FIELDS } from './fields.ts';

interface FormProps {
  readonly values: FormValues;
  readonly onChange: (path: string, value: string) => void;
  readonly faults: ReadonlyMap<string, string>;
  readonly algorithms: readonly string[];
  readonly chosen: readonly string[];
  readonly onAlgorithms: (names: readonly string[]) => void;
}

/** The run's settings: few in sight, the others folded away with what holds where they are empty. */
export function RunForm({ values, onChange, faults, algorithms, chosen, onAlgorithms }: FormProps) {
  const fieldOf = (field: Field) => (
    <FormField
      key={field.path}
      field={field}
      value={values[field.path] ?? ''}
      fault={faults.get(field.path)}
      onChange={(value) => onChange(field.path, value)}
    />
  );
  const foldedFault = MORE_FIELDS.some(({ path }) => faults.has(path));
  return (
    <>
      <div className="form-grid">{MAIN_FIELDS.map(fieldOf)}</div>
      <fieldset className="field">
        <legend>Algorithms</legend>
        <div className="checks">
          {algorithms.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={chosen.length === 0 || chosen.includes(name)}
                onChange={() => onAlgorithms(toggle(algorithms, chosen, name))}
              />{' '}
              {name}
            </label>
          ))}
        </div>
        <span className="muted">All, unless you choose: the search finds which serves this dataset.</span>
      </fieldset>
      <details open={foldedFault || undefined}>
        <summary>Everything else, each with its default and why</summary>
        <div className="form-grid">{MORE_FIELDS.map(fieldOf)}</div>
      </details>
    </>
  );
}

/** All means none named, so that an algorithm that is added later is tried too. */
function toggle(all: readonly string[], chosen: readonly string[], name: string): readonly string[] {
  const now = chosen.length === 0 ? all : chosen;
  const next = now.includes(name)
    ? now.filter((each) => each !== name)
    : all.filter((each) => now.includes(each) || each === name);
  return next.length === all.length || next.length === 0 ? [] : next;
}

/** A cloned request may hold what is no choice of the form: it stays chosen until another is. */
function choicesWith(choices: readonly string[], value: string): readonly string[] {
  return value === '' || choices.includes(value) ? choices : [...choices, value];
}

interface FieldProps {
  readonly field: Field;
  readonly value: string;
  readonly fault: string | undefined;
  readonly onChange: (value: string) => void;
}

function FormField({ field, value, fault, onChange }: FieldProps) {
  const id = `field-${field.path}`;
  const shared = {
    id,
    'aria-describedby': `${id}-hint`,
    'aria-invalid': fault !== undefined,
  };
  return (
    <div className="field">
      <label htmlFor={id}>{field.label}</label>
      {field.kind === 'switch' ? (
        <input
          type="checkbox"
          {...shared}
          checked={value === 'true'}
          onChange={(event) => onChange(event.target.checked ? 'true' : '')}
        />
      ) : field.kind === 'yaml' ? (
        <textarea
          rows={4}
          spellCheck={false}
          {...shared}
          value={value}
          placeholder={field.placeholder}
          onChange={(event) => onChange(event.target.value)}
        />
      ) : field.kind === 'choice' ? (
        <select {...shared} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">default</option>
          {choicesWith(field.choices ?? [], value).map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : (
        <input
          type="text"
          inputMode={field.kind === 'integer' || field.kind === 'number' ? 'decimal' : 'text'}
          {...shared}
          value={value}
          placeholder={field.placeholder}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={`${id}-hint`} className="muted">
        {fault !== undefined && <span className="field-error">{fault}. </span>}
        {field.hint}
      </span>
    </div>
  );
}
