/** `orders create`: one order from options, or any number of them from a file. */
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { type Context, contextOf } from '../context.ts';
import { CommandError } from '../exit.ts';
import { timeoutOption, type Waited } from '../options.ts';
import { tellAccepted } from '../writes.ts';

/** What the API takes in one request. */
const BATCH = 1_000;
const BATCH_BYTES = 4 * 2 ** 20;

interface CreateOptions extends Waited {
  customer?: string;
  item?: string[];
  status?: string;
  file?: string;
  idempotencyKey?: string;
}

type Result = { job_id: string; order_id: string; status: string } | { error: string; code: string };

/** `Tea=2`: a name and a quantity. The quantity stays text, so that a large one is refused and not rounded. */
const itemOf = (text: string): { name: string; quantity: string } => {
  const [, name = text, quantity = '1'] = /^(.*)=([^=]*)$/s.exec(text) ?? [];
  return { name, quantity };
};

const readFile = async (file: string): Promise<string> => {
  try {
    return file === '-' ? await text(process.stdin) : readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(
      `${file} cannot be read: ${error instanceof Error ? error.message : error}.`,
      'usage',
    );
  }
};

const kindOf = (content: string): 'one' | 'list' | 'lines' => {
  try {
    return Array.isArray(JSON.parse(content)) ? 'list' : 'one';
  } catch {
    return 'lines';
  }
};

/** Lines in parts that the API takes. Each order stays the text that it is. */
function* parts(content: string): Generator<string[]> {
  let part: string[] = [];
  let bytes = 0;
  for (const line of content.split('\n').filter((one) => one.trim() !== '')) {
    const more = Buffer.byteLength(line) + 1;
    if (part.length === BATCH || (part.length > 0 && bytes + more > BATCH_BYTES)) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(line);
    bytes += more;
  }
  if (part.length > 0) yield part;
}

/** @throws CommandError if some of the orders were not accepted */
const createMany = async (
  { api, out }: Context,
  batches: Iterable<{ body: string; type: string; first: number }>,
  key: string | undefined,
): Promise<void> => {
  const list = out.list<Result>([
    { head: 'ORDER', of: (result) => ('order_id' in result ? result.order_id : undefined) },
    { head: 'JOB', of: (result) => ('job_id' in result ? result.job_id : undefined) },
    {
      head: 'STATUS',
      of: (result) => ('error' in result ? `${result.code}: ${result.error}` : result.status),
      style: (result) => ('error' in result ? 'red' : 'yellow'),
    },
  ]);
  let refused = 0;
  let number = 0;
  for (const { body, type, first } of batches) {
    // Each request is a write of its own, and has to keep its key if the command is repeated.
    const idempotencyKey = key === undefined ? undefined : `${key}/${++number}`;
    const headers = { 'idempotency-key': idempotencyKey };
    const { text: answer } = await api
      .ask('/orders/batch', { method: 'POST', body, type, headers })
      .catch((error) => {
        if (!(error instanceof CommandError) || first === 0) throw error;
        out.say(`Before that, ${first} orders were sent, of which ${refused} were refused.`);
        throw error;
      });
    const { results } = JSON.parse(answer) as { results: Result[] };
    refused += results.filter((result) => 'error' in result).length;
    await list.add(results);
  }
  await list.end();
  if (refused > 0) throw new CommandError(`${refused} of the orders were refused.`);
};

const createFrom = async (context: Context, content: string, options: CreateOptions): Promise<void> => {
  const kind = kindOf(content);
  const { idempotencyKey: key, wait } = options;
  if (kind === 'one') {
    const headers = { 'idempotency-key': key };
    const answer = await context.api.ask('/orders', { method: 'POST', body: content, headers });
    return tellAccepted(context, answer, options);
  }
  if (wait) throw new CommandError('--wait is for one order: each of many has its own job.', 'usage');
  if (kind === 'list')
    return createMany(context, [{ body: content, type: 'application/json', first: 0 }], key);
  let first = 0;
  const batches = function* () {
    for (const part of parts(content)) {
      yield { body: `${part.join('\n')}\n`, type: 'application/x-ndjson', first };
      first += part.length;
    }
  };
  return createMany(context, batches(), key);
};

export const addCreateCommand = (program: Command): void => {
  program
    .command('create')
    .description('create an order, or all orders of a file')
    .option('-c, --customer <name>', "the customer's name")
    .option('-i, --item <name=quantity...>', 'an item, such as Tea=2; several times for several items')
    .option('-s, --status <status>', 'its status (default: received)')
    .option('-f, --file <file>', 'orders as JSON, or one on each line; - for standard input')
    .option('-k, --idempotency-key <key>', 'makes it safe to repeat the command')
    .option('-w, --wait', 'wait until the order is in MySQL')
    .addOption(timeoutOption())
    .action(async (options: CreateOptions, command: Command) => {
      const context = contextOf(command);
      const { customer, item = [], status, file } = options;
      if (file !== undefined) {
        if (customer !== undefined || item.length > 0 || status !== undefined)
          throw new CommandError(
            'With --file the orders come from there: leave out the other options.',
            'usage',
          );
        return createFrom(context, await readFile(file), options);
      }
      if (customer === undefined || item.length === 0)
        throw new CommandError('An order needs --customer and at least one --item, or a --file.', 'usage');
      const order = {
        customer_name: customer,
        items: item.map(itemOf),
        ...(status !== undefined && { status }),
      };
      return createFrom(context, JSON.stringify(order), options);
    });
};
