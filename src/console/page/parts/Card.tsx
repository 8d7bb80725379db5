import type { ComponentChildren } from 'preact';

interface Props {
  title: string;
  /** Words or controls at the right of the title. */
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

/** A titled part of a tab. */
export function Card({ title, aside, class: more = '', children }: Props) {
  return (
    <section class={`card ${more}`} aria-label={title}>
      <header class="card-head">
        <h2>{title}</h2>
        {aside && <div class="card-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}
