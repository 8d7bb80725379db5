import type { Ticket, Tickets } from '../../policy/ticket.ts';
import { type Counts, totalOf } from '../../tensors/successRates.ts';
import { countsOf } from '../attempts/outcomes.ts';
import type { Tried } from '../metrics.ts';

/** Random tickets of a race. */
const RANDOM = 15;

/** Attempts for each random ticket after which those that are tried are halved. */
const HALVING = 2;

/** Attempts that the prior of a ticket's success, which is the success of all, is worth. */
const PRIOR = 16;

/** Attempts without which a ticket is not played. */
const LEAST = 4;

/** The candidates: the ticket that a policy begins with, and random ones, of which no other seed has any. */
export const candidatesOf = (first: Ticket, seed: number): Ticket[] => {
  const before = (RANDOM + 1) * (seed % 2 ** 40);
  return [...new Set([first, ...Array.from({ length: RANDOM }, (_, i) => before + i + 1)])];
};

/** The same tickets with more attempts, of which each played one. */
export const counted = (
  tried: readonly Tried[],
  plays: readonly { ticket: Ticket; reward: number }[],
): Tried[] =>
  tried.map((before) => {
    const { ticket } = before;
    return {
      ticket,
      ...totalOf([before, countsOf(plays.filter((play) => play.ticket === ticket))]),
    };
  });

/** Best first, by the mean of a Beta posterior; of equals, the earlier first. */
export function standings(tried: readonly Tried[]): Tried[] {
  const { attempts, successes } = totalOf(tried);
  const prior = (PRIOR * (successes + 1)) / (attempts + 2);
  const mean = (one: Counts) => (prior + one.successes) / (PRIOR + one.attempts);
  return [...tried].sort((a, b) => mean(b) - mean(a));
}

/** The best half, quarter, … of all by how often random ones were tried, in the order of the candidates. */
function running(tried: readonly Tried[]): Ticket[] {
  const [, ...random] = tried;
  const halvings = Math.floor(totalOf(random).attempts / (HALVING * random.length));
  const places = Math.max(1, Math.ceil(tried.length / 2 ** halvings));
  const ahead = new Set(
    standings(tried)
      .slice(0, places)
      .map(({ ticket }) => ticket),
  );
  return tried.map(({ ticket }) => ticket).filter((ticket) => ahead.has(ticket));
}

/**
 * The tickets of the next version, by successive halving (Karnin et al. 2013): it plays the best one that was tried
 * often enough, and attempts try those that are ahead. One that was left out comes back when these turn out worse. In
 * the end there is no search: the one in play is all that is left.
 */
export function nextTickets(tried: readonly Tried[], { ticket: before }: Tickets): Tickets {
  const tickets = running(tried);
  const best = standings(tried).find(({ attempts }) => attempts >= LEAST);
  const ticket = best?.ticket ?? before;
  const isOver = tickets.length === 1 && tickets[0] === ticket;
  return { ...(ticket !== undefined && { ticket }), ...(!isOver && { tickets }) };
}
