/** Makes the wall clock jump by up to a day, to and fro, every time that it is read. */
const now = Date.now.bind(Date);
Date.now = () => now() + (Math.random() - 0.5) * 2 * 86_400_000;
