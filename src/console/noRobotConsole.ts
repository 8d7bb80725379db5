import { UserError } from '../errors.ts';
import type { ConsoleChoice } from './consoleAccess.ts';
import { type Console, type ConsoleOptions, openConsole } from './console.ts';

/**
 * Opens a console beside which no robot is operated: at its port, or at a free one where that is taken; says where it
 * is. Throws a `UserError` where it cannot listen at all.
 */
export async function openNoRobotConsole(
  options: ConsoleOptions & Pick<ConsoleChoice, 'addresses'>,
): Promise<Console> {
  const console = await openConsole(options).catch((error: unknown) => {
    if (!(error instanceof UserError) || options.port === 0) throw error;
    return openConsole({ ...options, port: 0 });
  });
  const nothing = { attempt: 0, task: '', prompt: '', seconds: 0 };
  console.publish('phase', { phase: 'absent', at: Date.now(), ...nothing });
  for (const address of options.addresses(console.url)) options.log(`console at ${address}`);
  return console;
}
