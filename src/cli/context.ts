import type { Output } from '../terminal/output.ts';

/** How a command ends that does not fail: finished, stopped by a person, or because nobody reads its output. */
export type Ending = 'done' | 'interrupted' | 'unread';

/** The process around the command line, or what stands for it. */
export interface Surroundings {
  readonly out: Output;
  readonly err: Output;
  readonly env: NodeJS.ProcessEnv;
  readonly input: () => NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Aborts when a person asks to stop, from this call on; a command that does not call it is ended at once. */
  readonly interruption: () => AbortSignal;
  /** Aborts when nobody reads `out` any more. */
  readonly unread: AbortSignal;
}

/** What a command works with. */
export interface Context extends Surroundings {
  /** Sets how the command ends, where that is not `done`. */
  readonly end: (ending: Ending) => void;
}
