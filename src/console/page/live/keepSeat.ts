import { effect } from '@preact/signals';
import { ask, link } from './connection.ts';
import { topics } from './topics.ts';

/**
 * Takes the seat again after a cut connection: the server may hear of the cut only after the page is back, and then
 * nobody operates. Whoever has taken the seat meanwhile keeps it.
 */
export function keepSeat(): void {
  /** By which of its ids this page has had the seat last. */
  let seated: string | undefined;
  effect(() => {
    if (link.value.state !== 'live') return;
    const { id } = link.value;
    const operator = topics.crew.value?.operator?.id;
    if (operator === id) seated = id;
    else if (operator === undefined && seated !== undefined && seated !== id)
      ask('takeSeat', null).catch(() => undefined);
    else if (operator !== seated || operator === undefined) seated = undefined;
  });
}
