/** What a command prints: data on standard output, for people as tables and for scripts as JSON; the rest on standard error. */

import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { CommandError, ReaderGone } from './exit.ts';
import { type Column, recordLines, type TableOptions, tableOf } from './table.ts';

export const formats = ['table', 'json', 'jsonl'] as const;
export type Format = (typeof formats)[number];

const isCode = (error: unknown, code: string) =>
  error instanceof Error && 'code' in error && error.code === code;

/** Writes to standard output. @throws ReaderGone; CommandError if it cannot be written, as the disk is full */
const write = (text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) return resolve();
      if (isCode(error, 'EPIPE')) return reject(new ReaderGone());
      reject(new CommandError(`Standard output cannot be written: ${error.message}.`));
    });
  });

/** @returns the answer; nothing after Ctrl-C or Ctrl-D */
const answerTo = async (question: string): Promise<string | undefined> => {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = once(terminal, 'close').then(() => undefined);
  try {
    // It rejects on Ctrl-C, and never settles on Ctrl-D.
    return await Promise.race([terminal.question(question).catch(() => undefined), closed]);
  } finally {
    terminal.close();
  }
};

export type Fields = Parameters<typeof recordLines>[0];

/** @param isSure whether questions are answered with yes, as `--yes` says */
export const openOutput = (format: Format, isSure: boolean) => {
  // Both are told by what is written; a reader that is gone must not end a command in the middle of its work.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const { isTTY, columns } = process.stdout;
  // https://no-color.org
  const options: TableOptions = {
    coloured: isTTY && !process.env.NO_COLOR,
    width: isTTY ? columns : undefined,
  };

  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };

  return {
    format,
    isTable: format === 'table',
    say,

    /**
     * One thing.
     * @param value as the API has it, or its JSON
     * @param fields what people see
     */
    one: (value: object | string, fields: Fields): Promise<void> => {
      if (format === 'table') return write(recordLines(fields, options));
      return write(`${typeof value === 'string' ? value.trimEnd() : JSON.stringify(value)}\n`);
    },

    /** What was done: a sentence for people. */
    done: (value: object, sentence: string): Promise<void> =>
      write(format === 'table' ? `${sentence}\n` : `${JSON.stringify(value)}\n`),

    /** Lines for people, and the same as an object. */
    text: (lines: string[], value: object): Promise<void> =>
      write(`${format === 'table' ? lines.join('\n') : JSON.stringify(value)}\n`),

    /** @returns a writer of a list that comes in parts, which has to be ended */
    list: <T extends object>(columns: Column<T>[], { endless = false } = {}) => {
      const table = tableOf(columns, options);
      let isFirst = true;
      const isArray = format === 'json' && !endless;
      return {
        add: async (rows: T[]): Promise<void> => {
          if (format === 'table') return write(table(rows));
          const lines = rows.map((row) => {
            const before = isArray ? (isFirst ? '[\n' : ',\n') : '';
            isFirst = false;
            return `${before}${JSON.stringify(row)}${isArray ? '' : '\n'}`;
          });
          return write(lines.join(''));
        },
        end: async (): Promise<void> => {
          if (isArray) await write(isFirst ? '[]\n' : '\n]\n');
        },
      };
    },

    /**
     * Asks before something that cannot be undone.
     * @param what completes "This …", for where nobody can be asked
     * @param question gets the question, only if it is asked
     * @throws CommandError if the answer is not yes
     */
    confirm: async (what: string, question: () => Promise<string> | string): Promise<void> => {
      if (isSure) return;
      if (!(process.stdin.isTTY && process.stderr.isTTY))
        throw new CommandError(
          `This ${what}, and there is no terminal to ask on whether to: with --yes it is done without asking.`,
          'usage',
        );
      const answer = await answerTo(`${await question()} [y/N] `);
      if (!/^\s*y(es)?\s*$/i.test(answer ?? '')) throw new CommandError('Nothing was changed.');
    },
  };
};
export type Output = ReturnType<typeof openOutput>;
