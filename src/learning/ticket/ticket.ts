import { isDeepStrictEqual } from 'node:util';
import { makeAdapter } from '../../policy/bundle/adapter.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { type Ticket, type Tickets, ticketNoise, ticketsOf } from '../../policy/ticket.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { totalOf } from '../../tensors/successRates.ts';
import type { OpenAlgorithm } from '../algorithm.ts';
import { alikeOutcomes, countsOf, executedAttempts } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { Race, Tried } from '../metrics.ts';
import { startingAdapter } from '../train/startingAdapter.ts';
import { candidatesOf, nextTickets, standings } from './race.ts';
import { type TicketState, readState, storedState, triedAsLabelled } from './state.ts';

const SAME = 'the same tickets are ahead as before';

/** Says which of some tickets an attempt's chunks began from. */
function ticketFinder(tickets: readonly Ticket[], count: number) {
  const noises = tickets.map((ticket) => ({ ticket, noise: ticketNoise(ticket, count) }));
  return ({ chunks: [{ noise: played }] }: Rollout): Ticket | undefined =>
    noises.find(({ noise }) => noise.every((value, i) => value === played[i]))?.ticket;
}

/** Why attempts tell nothing of which ticket is better; undefined if they do. */
function nothingTold(tried: readonly Tried[]): string | undefined {
  const { attempts, successes } = totalOf(tried);
  if (attempts === 0)
    return 'none of its attempts began from a ticket; have attempts explore the tickets (tickets: true of exploration, exploration_tickets of a node)';
  return alikeOutcomes(Array.from({ length: attempts }, (_, i) => Number(i < successes)));
}

const told = (tried: readonly Tried[], { ticket, tickets }: Tickets): Race => ({
  ...(ticket !== undefined && { ticket }),
  running: tickets?.length ?? 1,
  standings: standings(tried),
});

/**
 * A golden ticket (arXiv 2603.15757): nothing learns, and one initial noise of all chunks, a ticket, is found with
 * which the policy succeeds most often (see nextTickets). Zero noise, or the ticket that the policy begins with, is the
 * first candidate: the attempts of the first update play it, since robots get no version before that.
 */
export const ticketSearch =
  (trainable: Trainable, seed: number): OpenAlgorithm =>
  async ({ bundle }, stateFile) => {
    const { horizon, actionDim } = bundle.shape;
    const policy = await startingAdapter(bundle, trainable, seed);
    const candidates = candidatesOf(policy.ticket ?? 0, seed);
    const state: TicketState =
      stateFile === undefined
        ? {
            updates: 0,
            tried: candidates.map((ticket) => ({ ticket, attempts: 0, successes: 0 })),
            plays: [],
            current: ticketsOf({ ticket: policy.ticket }),
          }
        : await readState(stateFile);
    const tickets = state.tried.map(({ ticket }) => ticket);
    const ticketOf = ticketFinder(tickets, horizon * actionDim);
    /** Says why the tickets stay as they are, where they do. */
    const advance = (tried: readonly Tried[]): string | undefined => {
      const nothing = nothingTold(tried);
      if (nothing !== undefined && state.current.tickets) return nothing;
      const next =
        nothing === undefined ? nextTickets(tried, state.current) : { ...state.current, tickets };
      if (isDeepStrictEqual(next, state.current)) return SAME;
      state.current = next;
      return undefined;
    };

    return {
      update(attempts, outcomes = new Map()) {
        for (const attempt of executedAttempts(attempts)) {
          const { id, reward } = attempt;
          const ticket = ticketOf(attempt);
          if (ticket !== undefined) state.plays.push({ id, ticket, reward });
        }
        state.updates += 1;
        const tried = triedAsLabelled(state, outcomes);
        const skipped = advance(tried);
        return Promise.resolve({
          update: state.updates,
          ...countsOf(attempts),
          race: told(tried, state.current),
          ...(skipped !== undefined && { skipped }),
        });
      },
      adapter: () =>
        makeAdapter({ ...policy, ticket: undefined, tickets: undefined, ...state.current }),
      async restore(file) {
        state.current = ticketsOf(await readAdapter(file, { ...bundle, trainable }));
      },
      get state() {
        return storedState(state);
      },
      close: () => Promise.resolve(),
    };
  };
