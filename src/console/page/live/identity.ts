import { signal } from '@preact/signals';
import { stored } from '../stored.ts';

/** The name of somebody who has given none; the number tells two of them apart. */
const guest = () => `Guest ${10 + Math.floor(90 * Math.random())}`;

/** Characters of a name. */
export const MOST_LETTERS = 40;

/** What the person calls themselves. */
export const personName = signal(stored.get('name')?.slice(0, MOST_LETTERS) ?? guest());

export function rename(name: string): void {
  personName.value = name.trim().slice(0, MOST_LETTERS) || guest();
  stored.set('name', personName.value);
}

const TOKEN = 'nalu.token';

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
  try {
    if (given !== undefined) sessionStorage.setItem(TOKEN, given);
    return given ?? sessionStorage.getItem(TOKEN) ?? undefined;
  } catch {
    return given;
  }
}

export const token = readToken();
