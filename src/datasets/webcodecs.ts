import { UserError, messageOf } from '../errors.ts';

export type Webcodecs = typeof import('@napi-rs/webcodecs');

/** The package that encodes and decodes video. It is large and optional. */
const PACKAGE = '@napi-rs/webcodecs';

/** Loads the codecs. Throws a `UserError` where their package is not installed for this machine. */
export async function loadWebcodecs(): Promise<Webcodecs> {
  try {
    return await import('@napi-rs/webcodecs');
  } catch (error) {
    throw new UserError(
      `videos need the package ${PACKAGE}, which cannot be loaded here (${messageOf(error).split('\n')[0]}); npm install ${PACKAGE} installs it for this machine`,
      { cause: error, kind: 'invalid' },
    );
  }
}
