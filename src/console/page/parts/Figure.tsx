import type { ComponentChildren } from 'preact';

/** A name and its value, in a list of such. */
export const Figure = ({
  name,
  hint,
  children,
  problem,
}: {
  name: string;
  /** What the name means. */
  hint?: string;
  children: ComponentChildren;
  problem?: boolean;
}) => (
  <div class={problem ? 'problem' : undefined}>
    <dt>
      {name}
      {hint !== undefined && <small>{hint}</small>}
    </dt>
    <dd>
      {problem && '! '}
      {children}
    </dd>
  </div>
);
