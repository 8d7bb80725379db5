/** How an attempt ended. */
export type Outcome = 'success' | 'failure' | 'discarded';
