import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './Icon.tsx';

export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'accent';

/** A word about something, with a shape beside its colour. */
export function Chip({
  tone = 'plain',
  icon,
  children,
}: {
  tone?: Tone;
  icon?: IconName;
  children: ComponentChildren;
}) {
  return (
    <span class={`chip ${tone}`}>
      {icon && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}
