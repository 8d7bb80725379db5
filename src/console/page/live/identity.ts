import { signal } from '@preact/signals';
import { stored, storedInTab } from '../stored.ts';

/** The name of somebody who has given none; the number tells two of them apart, and stays with the tab. */
function guest(): string {
  const name = storedInTab.get('guest') ?? `Guest ${10 + Math.floor(90 * Math.random())}`;
  storedInTab.set('guest', name);
  return name;
}

/** Characters of a name. */
export const MOST_LETTERS = 40;

/** What the person calls themselves. */
export const personName = signal(stored.get('name')?.slice(0, MOST_LETTERS) ?? guest());

export function rename(name: string): void {
  personName.value = name.trim().slice(0, MOST_LETTERS) || guest();
  stored.set('name', personName.value);
}

/** Takes the token out of the address (#token=…), so that nobody reads it there. It lasts as long as the tab. */
function tokenOfAddress(): string | undefined {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (token === null) return undefined;
  fragment.delete('token');
  const rest = fragment.toString();
  history.replaceState(null, '', location.pathname + location.search + (rest && `#${rest}`));
  return token;
}

function readToken(): string | undefined {
  const given = tokenOfAddress();
  if (given !== undefined) storedInTab.set('token', given);
  return given ?? storedInTab.get('token');
}

export const token = readToken();
