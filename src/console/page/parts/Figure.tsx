import type { ComponentChildren } from 'preact';

/** A name and its value, in a list of such. */
export const Figure = ({
  name,
  children,
  problem,
}: {
  name: string;
  children: ComponentChildren;
  problem?: boolean;
}) => (
  <div class={problem ? 'problem' : undefined}>
    <dt>{name}</dt>
    <dd>
      {problem && '! '}
      {children}
    </dd>
  </div>
);
