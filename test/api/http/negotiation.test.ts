import t from 'tap';
import { chooseCoding, namesTag, prefersProblem } from '../../../api/http/negotiation.ts';

const ETAG = 'W/"2jmj7l5rSw0yVb_vlWAYkK-YBwk"';

t.test('If-None-Match', async (t) => {
  const table: [header: string | undefined, matches: boolean][] = [
    [undefined, false],
    ['', false],
    [ETAG, true],
    [ETAG.slice(2), true],
    [`"a", ${ETAG}`, true],
    [`${ETAG},"a"`, true],
    [`W/"a,b" ,\t${ETAG} , "c"`, true],
    ['*', true],
    [' * ', true],
    ['"*"', false],
    ['W/"*"', false],
    ['W/"a"', false],
    [ETAG.slice(0, -2), false],
    [ETAG.slice(3, -1), false],
    [`"x${ETAG.slice(3)}`, false],
    [ETAG.toLowerCase(), false],
    // As proxies that compress change it: Apache's mod_deflate and mod_brotli, Jetty, others.
    ...['-gzip', '--gzip', ';gzip', '-br', '-zstd', '-deflate'].flatMap((suffix): [string, boolean][] => [
      [`${ETAG.slice(0, -1)}${suffix}"`, true],
      [`"a", ${ETAG.slice(2, -1)}${suffix}", "b"`, true],
      [`${ETAG.slice(0, -1)}${suffix}x"`, false],
      [`${ETAG.slice(0, -1)}x${suffix}"`, false],
    ]),
    [`${ETAG.slice(0, -1)}-x", ${ETAG.slice(0, -1)}-gzip"`, true],
    [`${ETAG.slice(0, -1)}-gzip`, false],
  ];
  for (const [header, matches] of table) t.equal(namesTag(header, ETAG), matches, String(header));
});

t.test('Accept-Encoding', async (t) => {
  const table: [header: string | undefined, coding: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['identity', undefined],
    ['deflate, zstd', undefined],
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['GZIP', 'gzip'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip;q=0.5,br;q=0.500', 'br'],
    ['gzip ; q=0.5 , br ; q=0.4', 'gzip'],
    ['br;q=0', undefined],
    ['br;q=0.000, gzip;q=0.001', 'gzip'],
    ['gzip;q=0, *', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['*;q=0, gzip', 'gzip'],
    ['identity;q=1, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    ['identity;q=0', undefined],
    ['gzip;q=x', undefined],
    ['gzip;q=', undefined],
    ['gzip;q=1.1.1', undefined],
    [',,gzip,', 'gzip'],
    ['brotli, gzipped', undefined],
  ];
  for (const [header, coding] of table) t.equal(chooseCoding(header), coding, String(header));
});

t.test('Accept', async (t) => {
  const table: [header: string | undefined, problem: boolean][] = [
    [undefined, false],
    ['', false],
    ['*/*', false],
    ['application/*', false],
    ['application/json', false],
    ['application/problem+xml', false],
    ['application/problem+json', true],
    ['Application/Problem+JSON', true],
    ['application/problem+json;charset=utf-8', true],
    ['application/problem+json; charset=utf-8; q=0', false],
    ['application/problem+json;q=0', false],
    ['application/json, application/problem+json', true],
    ['application/problem+json;q=0.9, application/json;q=0.8', true],
    ['application/problem+json;q=0.8, application/json', false],
    ['application/problem+json;q=0.8, */*', false],
    ['application/problem+json;q=0.8, application/json;q=0.5, */*', true],
    ['application/problem+json, */*;q=0.1', true],
    ['application/problem+json;q=0.5, application/*;q=0.6, */*;q=0.1', false],
    ['text/application/problem+json', false],
    ['application/problem+jsonp', false],
  ];
  for (const [header, problem] of table) t.equal(prefersProblem(header), problem, String(header));
});
