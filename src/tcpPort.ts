const HIGHEST_PORT = 65535;

/** Whether a number is that of a TCP port. */
export const isPort = (value: number): boolean =>
  Number.isSafeInteger(value) && value >= 1 && value <= HIGHEST_PORT;

/** What `isPort` asks for, in words. */
export const PORT_RANGE = `a whole number from 1 to ${HIGHEST_PORT}`;
