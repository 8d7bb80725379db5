import { gaussianNoise } from '../tensors/noise.ts';
import type { NoiseSource } from './chunkPolicy.ts';

/**
 * The initial noise [horizon, actionDim] that all chunks of a policy begin from (golden tickets, arXiv 2603.15757), by
 * the seed that it is drawn with; 0 is zero noise.
 */
export type Ticket = number;

/** The tickets of an adapter. */
export interface Tickets {
  /** What every chunk begins from, whatever noise is asked for; absent where chunks begin as they are asked to. */
  ticket?: Ticket;
  /** Those among which the best is still searched, for attempts that explore them; absent without such a search. */
  tickets?: readonly Ticket[];
}

/** Those of an adapter alone, without what it has not. */
export const ticketsOf = ({ ticket, tickets }: Tickets): Tickets => ({
  ...(ticket !== undefined && { ticket }),
  ...(tickets && { tickets: [...tickets] }),
});

/** Seed component that separates tickets from the noise of chunks. */
const TICKET = 35;

/** The noise of a ticket, of so many numbers: the same on every machine. */
export const ticketNoise = (ticket: Ticket, count: number): Float32Array =>
  ticket === 0 ? new Float32Array(count) : gaussianNoise([ticket, TICKET], count);

/** The ticket of a chunk: the policy's own, or that of its attempt, which takes them in turn; undefined for none. */
export function playedTicket(
  { ticket, tickets }: Tickets,
  source: NoiseSource,
): Ticket | undefined {
  if (source === 'zero' || !source.exploration?.tickets || !tickets) return ticket;
  const { seed, attempt = seed } = source;
  return tickets[attempt % tickets.length];
}
