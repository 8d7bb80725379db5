import { basename } from 'node:path';
import type { AttemptLine } from '../console/protocol.ts';
import type { AttemptResult } from './attempt.ts';

/** A finished attempt for the pages: which one it was, the version that made it, and the robot's control rate, Hz. */
export const attemptLine = (
  { outcome, steps, problem, episode }: AttemptResult,
  { attempt, version, controlRate }: { attempt: number; version: string; controlRate: number },
): AttemptLine => ({
  at: Date.now(),
  attempt,
  outcome,
  version,
  seconds: steps / controlRate,
  ...(episode !== null && { episode: basename(episode, '.mcap') }),
  ...(problem && { problem: problem.message }),
});
