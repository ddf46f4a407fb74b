/** What every answer must be, whatever was asked. */

import { membersOf } from '../../domain/jobs.ts';
import type { Answer } from '../helpers/raw-http.ts';
import type { Request } from './http.ts';
import { jsonIn } from './jobs.ts';
import { type Exchange, isComplete } from './wire.ts';

/** What tells of the inside: places in the code, errors of servers and of the system, SQL. */
const INTERNALS = /node_modules|\.[jt]s:\d+|\bER_[A-Z_]{4,}|\bE(CONN|PIPE|TIMEDOUT)\w*|\bSELECT .+ FROM\b/;

const hasBody = ({ method }: Request, { status }: Answer, isFirst: boolean) =>
  status !== 204 && status !== 304 && !(method === 'HEAD' && isFirst);

/** @param secrets what no answer may say, unless the client has said it */
const problemsOfBody = (request: Request, { status, headers, body }: Answer, secrets: string[]): string[] => {
  if (status < 400) return [];
  // A problem (RFC 9457) has its sentence elsewhere.
  const name = headers.get('content-type')?.startsWith('application/problem+json') ? 'detail' : 'error';
  const { [name]: error } = membersOf(jsonIn(body));
  if (typeof error !== 'string' || error.trim() === '') return ['it has no error'];
  const said = `${request.target}${request.body.toString()}`;
  const [internal] = INTERNALS.exec(error) ?? [];
  return [internal, ...secrets.filter((secret) => error.includes(secret))]
    .filter((text) => text !== undefined && !said.includes(text))
    .map((text) => `it tells ${text}`);
};

const problemsOf = (request: Request, answer: Answer, isFirst: boolean, secrets: string[]): string[] => {
  const { status, headers } = answer;
  const problems: string[] = [];
  // No server is away.
  if (status >= 500) problems.push('no request is a reason for that');
  if (!headers.get('x-request-id')) problems.push('it has no X-Request-Id');
  if (headers.get('access-control-allow-origin') !== '*') problems.push('it lacks the CORS headers');
  if (hasBody(request, answer, isFirst)) problems.push(...problemsOfBody(request, answer, secrets));
  return problems.map((problem) => `${status}: ${problem}: ${answer.body.subarray(0, 300)}`);
};

/** What is wrong with what came back for a request. */
export const judge = (request: Request, { answers, rest, end }: Exchange, secrets: string[]): string[] => {
  const problems = answers.flatMap((answer, i) => problemsOf(request, answer, i === 0, secrets));
  if (rest.length > 0)
    problems.push(`what came is not HTTP: ${JSON.stringify(rest.toString('latin1', 0, 300))}`);
  if (end === 'silent') problems.push('there came neither an answer nor the end of the connection');
  else if (isComplete(request) && answers.length === 0) problems.push(`there was no answer (${end})`);
  const [answer] = answers;
  if (request.isValid && answer && answer.status >= 300)
    problems.push(`${answer.status}: it was refused: ${answer.body.subarray(0, 300)}`);
  return problems;
};
