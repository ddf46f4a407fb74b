/** All cases, in the order in which they are measured. */
import { apply, applyWithLag } from './apply.ts';
import { alone, type Context, suite } from './case.ts';
import { openHttp } from './http.ts';
import { lag } from './lag.ts';
import { list, listUnchanged, page } from './lists.ts';
import { postLive } from './live.ts';
import { backlogMemory, cost, soak } from './memory.ts';
import { getCached, getMysql, getPending } from './reads.ts';
import { sse } from './sse.ts';
import { deleteCase, mixed, patchCase, postCase } from './writes.ts';

export const suites = [
  // Reads come first: afterwards a peer is busy with what was written.
  suite(
    (context: Context) => openHttp(context, 'http', context.sizes.listed),
    [getCached, list, listUnchanged, getPending, postCase, patchCase, deleteCase, mixed],
  ),
  suite((context: Context) => openHttp(context, 'rows', context.sizes.rows), [getMysql]),
  alone([page, postLive, applyWithLag, apply, lag, cost, backlogMemory, soak, sse]),
];
