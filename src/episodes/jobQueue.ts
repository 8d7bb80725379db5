/** Most waiting jobs with which `room` resolves at once. */
const ROOM = 64;

/** A queue that runs jobs one after another in the background. */
export function createJobQueue(onError: (error: unknown) => void) {
  const jobs: (() => Promise<void>)[] = [];
  let running: Promise<void> | undefined;
  let waiting: (() => void)[] = [];

  const work = async () => {
    for (let job; (job = jobs[0]); jobs.shift()) {
      try {
        await job();
      } catch (error) {
        onError(error);
      }
      if (jobs.length <= ROOM) {
        waiting.forEach((resume) => resume());
        waiting = [];
      }
    }
    running = undefined;
  };

  return {
    get length() {
      return jobs.length;
    },
    add(job: () => Promise<void>) {
      jobs.push(job);
      running ??= Promise.resolve().then(work);
    },
    room: () =>
      jobs.length <= ROOM
        ? Promise.resolve()
        : new Promise<void>((resolve) => waiting.push(resolve)),
    idle: async () => {
      while (running) await running;
    },
  };
}
