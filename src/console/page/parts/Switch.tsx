import { notify } from './notices.ts';

interface Props {
  label: string;
  on: boolean;
  reason?: string;
  onChange: (on: boolean) => void;
}

export const Switch = ({ label, on, reason, onChange }: Props) => (
  <button
    type="button"
    role="switch"
    class="switch"
    aria-label={label}
    aria-checked={on}
    aria-disabled={reason !== undefined}
    title={reason}
    onClick={() => (reason === undefined ? onChange(!on) : notify(reason, 'warn'))}
  >
    <i aria-hidden="true" />
    <b aria-hidden="true">{on ? 'on' : 'off'}</b>
  </button>
);
