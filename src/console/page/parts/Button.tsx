import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './Icon.tsx';
import { notify } from './notices.ts';

interface Props {
  icon?: IconName;
  tone?: 'plain' | 'primary' | 'good' | 'bad';
  /** Why it cannot be pressed now. It stays reachable, and says so when it is pressed. */
  reason?: string;
  label?: string;
  pressed?: boolean;
  type?: 'button' | 'submit';
  onPress?: () => void;
  children?: ComponentChildren;
  class?: string;
}

export function Button(props: Props) {
  const {
    icon,
    tone = 'plain',
    reason,
    label,
    pressed,
    type = 'button',
    onPress,
    children,
  } = props;
  return (
    <button
      type={type}
      class={`button ${tone} ${props.class ?? ''}`}
      aria-label={label}
      aria-pressed={pressed}
      aria-disabled={reason !== undefined}
      title={reason ?? label}
      onClick={(event) => {
        if (reason === undefined) return onPress?.();
        event.preventDefault();
        notify(reason, 'warn');
      }}
    >
      {icon && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}
