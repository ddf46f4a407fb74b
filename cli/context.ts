/** What every command gets. */
import type { Command } from 'commander';
import { type Api, openApi } from './api.ts';
import { type Format, type Output, openOutput } from './output.ts';
import { readSettings } from './settings.ts';

/** Options that each command takes. */
export interface CommonOptions {
  url?: string;
  output: Format;
  yes?: true;
}

export interface Context {
  /** Where the API is. */
  base: URL;
  api: Api;
  out: Output;
}

/**
 * What a command has to work with.
 * @param host wins over --url, for a command that has an option of its own for it
 * @throws ConfigError if the settings are bad
 */
export const contextOf = (command: Command, host?: string): Context => {
  const { url, output, yes } = command.optsWithGlobals<CommonOptions>();
  const settings = readSettings(host ?? url);
  return { base: settings.url, api: openApi(settings), out: openOutput(output, yes === true) };
};

/** A signal that is aborted by Ctrl-C or SIGTERM: for commands that go on until then. They end with 0. */
export const untilInterrupted = (): AbortSignal => {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => ending.abort());
  return ending.signal;
};
