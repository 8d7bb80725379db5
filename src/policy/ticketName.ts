/** A ticket in words. */
export const ticketName = (ticket: number): string =>
  ticket === 0 ? 'zero noise' : `ticket ${ticket}`;
