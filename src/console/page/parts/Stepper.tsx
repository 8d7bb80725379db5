import type { Signal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { Icon } from './Icon.tsx';

interface Props {
  label: string;
  value: Signal<number>;
  least: number;
  most: number;
  step?: number;
}

/** A whole number that is set by thumbs or keys. */
export function Stepper({ label, value, least, most, step = 1 }: Props) {
  const id = useId();
  const set = (wanted: number) => {
    if (Number.isFinite(wanted)) value.value = Math.max(least, Math.min(most, Math.round(wanted)));
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="stepper">
        <button
          type="button"
          aria-label={`Fewer ${label.toLowerCase()}`}
          onClick={() => set(value.value - step)}
        >
          <Icon name="minus" size={18} />
        </button>
        <input
          id={id}
          inputMode="numeric"
          value={value.value}
          onChange={({ currentTarget }) => {
            set(Number(currentTarget.value));
            currentTarget.value = String(value.value);
          }}
        />
        <button
          type="button"
          aria-label={`More ${label.toLowerCase()}`}
          onClick={() => set(value.value + step)}
        >
          <Icon name="plus" size={18} />
        </button>
      </div>
    </div>
  );
}
