import type { Inbox } from './inbox.ts';
import type { Outbox } from './outbox.ts';

/** One connection of a runtime to the learner, or to the server between both, until it breaks. */
export interface Session {
  /** Resolves to why it ended. */
  readonly ended: Promise<string>;
  /** There may be new episodes or labels. */
  notify(): void;
  close(): void;
}

export interface SessionOptions {
  base: string;
  outbox: Outbox;
  inbox: Inbox;
  log: (line: string) => void;
  /**
   * Called when connection or queue have changed: whether the learner is there, why the last adapter was not taken, and
   * where the session lasts without a learner, why there is none.
   */
  onChange: (connected: boolean, refused: string | null, absent?: string) => void;
}

export type OpenSession = (options: SessionOptions) => Session;
