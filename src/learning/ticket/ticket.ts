import { isDeepStrictEqual } from 'node:util';
import { makeAdapter } from '../../policy/bundle/adapter.ts';
import { readAdapter } from '../../policy/bundle/readAdapter.ts';
import { type Ticket, type Tickets, ticketNoise, ticketsOf } from '../../policy/ticket.ts';
import type { Trainable } from '../../policy/trainable.ts';
import { totalOf } from '../../tensors/successRates.ts';
import type { OpenAlgorithm } from '../algorithm.ts';
import { alikeOutcomes, executedAttempts } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { Race, Tried } from '../metrics.ts';
import { readTensors } from '../train/checkpoint.ts';
import { startingAdapter } from '../train/startingAdapter.ts';
import { candidatesOf, counted, nextTickets, standings } from './race.ts';

const FORMAT = 'nalu-ticket-1';

const SAME = 'the same tickets are ahead as before';

interface State {
  updates: number;
  /** All candidates, in their order. */
  tried: Tried[];
  /** Those of the version that is played. */
  current: Tickets;
}

async function readState(file: string): Promise<State> {
  const { metadata } = await readTensors(file, FORMAT, []);
  return {
    updates: Number(metadata.updates),
    tried: JSON.parse(metadata.tried) as Tried[],
    current: JSON.parse(metadata.current) as Tickets,
  };
}

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

const told = ({ tried, current: { ticket, tickets } }: State): Race => ({
  ...(ticket !== undefined && { ticket }),
  running: tickets?.length ?? 1,
  standings: standings(tried).map((one) => ({
    ...one,
    ...(tickets?.includes(one.ticket) && { isRunning: true }),
  })),
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
    const state: State =
      stateFile === undefined
        ? {
            updates: 0,
            tried: candidates.map((ticket) => ({ ticket, attempts: 0, successes: 0 })),
            current: ticketsOf({ ticket: policy.ticket }),
          }
        : await readState(stateFile);
    const tickets = state.tried.map(({ ticket }) => ticket);
    const ticketOf = ticketFinder(tickets, horizon * actionDim);
    /** Says why the tickets stay as they are, where they do. */
    const advance = (): string | undefined => {
      const nothing = nothingTold(state.tried);
      if (nothing !== undefined && state.current.tickets) return nothing;
      const next =
        nothing === undefined
          ? nextTickets(state.tried, state.current)
          : { ...state.current, tickets };
      if (isDeepStrictEqual(next, state.current)) return SAME;
      state.current = next;
      return undefined;
    };

    return {
      update(attempts) {
        const plays = executedAttempts(attempts).map((attempt) => ({
          ticket: ticketOf(attempt),
          success: attempt.reward > 0,
        }));
        state.tried = counted(state.tried, plays);
        state.updates += 1;
        const skipped = advance();
        return Promise.resolve({
          update: state.updates,
          attempts: attempts.length,
          successes: attempts.filter(({ reward }) => reward > 0).length,
          race: told(state),
          ...(skipped !== undefined && { skipped }),
        });
      },
      adapter: () =>
        makeAdapter({ ...policy, ticket: undefined, tickets: undefined, ...state.current }),
      async restore(file) {
        state.current = ticketsOf(await readAdapter(file, { ...bundle, trainable }));
      },
      get state() {
        const { updates, tried, current } = state;
        const values = {
          updates: String(updates),
          tried: JSON.stringify(tried),
          current: JSON.stringify(current),
        };
        return { format: FORMAT, tensors: [], values };
      },
      close: () => Promise.resolve(),
    };
  };
