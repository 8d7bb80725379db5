import { setTimeout } from 'node:timers/promises';

/** Milliseconds of a control step at 50 Hz. */
const STEP = 20;
/** Steps that are told of at once. */
const TOLD = 50;

/** Keeps control steps in this thread, as a robot's loop does, and says each second by how many ms each was late. */
export async function keepTicks(): Promise<never> {
  let late: string[] = [];
  for (let due = performance.now() + STEP; ; due += STEP) {
    await setTimeout(Math.max(0, Math.ceil(due - performance.now())));
    const now = performance.now();
    late.push(Math.max(0, now - due).toFixed(2));
    // Steps that passed meanwhile are missed.
    due = Math.max(due, now - STEP);
    if (late.length < TOLD) continue;
    console.log(`late ${late.join()}`);
    late = [];
  }
}
