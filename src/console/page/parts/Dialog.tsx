import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './Icon.tsx';
import { keepOpen } from './dialogs.ts';

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A question or a text above the page. It leaves the dock free: the robot can be stopped at any time. */
export function Dialog({ title, onClose, children }: Props) {
  const dialog = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  useEffect(() => keepOpen(() => close.current()), []);
  useEffect(() => {
    // Whoever came by keys goes back to where they were.
    const before = document.querySelector(':focus-visible');
    dialog.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <div
      class="dialog-layer"
      onClick={({ target, currentTarget }) => target === currentTarget && onClose()}
    >
      <div ref={dialog} class="dialog" role="dialog" aria-label={title} tabIndex={-1}>
        <div class="card-head">
          <h2>{title}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
            <Icon name="cross" />
          </button>
        </div>
        {children}
      </div>
    </div>
  );
}
