/** What only this machine reaches. */
export const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** The largest message that either side takes: four uncompressed images of 2048×2048 and more. */
export const MOST_MESSAGE_BYTES = 64 * 2 ** 20;
