import { Icon } from './Icon.tsx';
import { dismiss, notices } from './notices.ts';

/** What the person was told last. */
export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, level }) => (
        <div class={`notice ${level}`} key={id}>
          <Icon name={level === 'warn' ? 'warning' : 'info'} />
          <span>{text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="cross" size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}
