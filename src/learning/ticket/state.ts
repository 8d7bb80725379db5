import type { Ticket, Tickets } from '../../policy/ticket.ts';
import type { AlgorithmState, Outcomes } from '../algorithm.ts';
import { asLabelled } from '../attempts/outcomes.ts';
import type { Rollout } from '../attempts/rollout.ts';
import type { Tried } from '../metrics.ts';
import { readSafetensorsHeader } from '../../tensors/safetensors.ts';
import { readTensors } from '../train/checkpoint.ts';
import { counted } from './race.ts';

const FORMAT = 'nalu-ticket-1';

/** The state of a search for a ticket between updates. */
export interface TicketState {
  updates: number;
  /** All candidates, in their order; with the attempts of earlier versions, which kept counts alone. */
  tried: Tried[];
  /** All other attempts, and the ticket that each of them played; as they were labelled then. */
  plays: (Pick<Rollout, 'id' | 'reward'> & { ticket: Ticket })[];
  /** The tickets of the version that is played. */
  current: Tickets;
}

/** All candidates with their attempts as these are labelled now. */
export const triedAsLabelled = ({ tried, plays }: TicketState, outcomes: Outcomes): Tried[] =>
  counted(tried, asLabelled(plays, outcomes));

/** A state in its file's form. */
export function storedState({ updates, tried, plays, current }: TicketState): AlgorithmState {
  const values = {
    updates: String(updates),
    tried: JSON.stringify(tried),
    plays: JSON.stringify(plays),
    current: JSON.stringify(current),
  };
  return { format: FORMAT, tensors: [], values };
}

/** Whether a state's file is of a search for a ticket. Throws a `UserError` for a file that is damaged. */
export const isTicketState = async (file: string): Promise<boolean> =>
  (await readSafetensorsHeader(file)).metadata.format === FORMAT;

/** Reads a state's file. Throws a `UserError` for another method's. */
export async function readState(file: string): Promise<TicketState> {
  const { metadata } = await readTensors(file, FORMAT, []);
  return {
    updates: Number(metadata.updates),
    tried: JSON.parse(metadata.tried) as TicketState['tried'],
    // Absent in older states.
    plays: JSON.parse(metadata.plays ?? '[]') as TicketState['plays'],
    current: JSON.parse(metadata.current) as Tickets,
  };
}
