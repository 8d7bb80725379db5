/** Seed components that keep random streams independent. */
export const STREAM = { critics: 21, criticOrder: 22, time: 23, noise: 24 };
