import { ticketName } from '../../../policy/ticketName.ts';
import { withInterval } from '../../../tensors/successRates.ts';
import type { Learning, TicketLine } from '../../protocol.ts';
import { Card } from '../parts/Card.tsx';
import { Chip } from '../parts/Chip.tsx';
import { RateBar } from '../parts/RateBar.tsx';

const Ticket = (line: TicketLine) => {
  const { ticket, isRunning, isChosen } = line;
  return (
    <li class={isChosen || isRunning ? undefined : 'out'}>
      <div class="version-head">
        <strong>{ticketName(ticket)}</strong>
        {isChosen && (
          <Chip tone="accent" icon="play">
            chosen
          </Chip>
        )}
        {isRunning && <Chip>racing</Chip>}
      </div>
      <RateBar {...withInterval(line)} />
    </li>
  );
};

/** The tickets of a search: what each came to, which are still tried, and from which one chunks begin. */
export function RaceCard({ update, tickets }: NonNullable<Learning['race']>) {
  const running = tickets.filter(({ isRunning }) => isRunning).length;
  const aside = running > 0 ? `${running} of ${tickets.length} in the race` : 'the race is over';
  return (
    <Card title={`Tickets after update ${update}`} aside={aside} class="race-card">
      <ol class="race">
        {tickets.map((line) => (
          <Ticket key={line.ticket} {...line} />
        ))}
      </ol>
    </Card>
  );
}
