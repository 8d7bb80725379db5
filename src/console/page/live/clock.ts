import { signal } from '@preact/signals';

/** How many of the server's stamps the estimate looks back on. */
const REMEMBERED = 20;
const differences: number[] = [];
let difference = 0;

/** Notes a stamp that the server has just sent: the one that was least delayed says how its clock differs. */
export function noteServerTime(at: number): void {
  differences.push(at - Date.now());
  if (differences.length > REMEMBERED) differences.shift();
  difference = Math.max(...differences);
}

/** The server's wall clock, ms. */
export const serverNow = (): number => Date.now() + difference;

/** The server's clock ten times a second, for texts that show ages. */
export const now = signal(serverNow());
setInterval(() => (now.value = serverNow()), 100);
