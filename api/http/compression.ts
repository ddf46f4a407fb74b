/** Compressing bodies. */
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import {
  brotliCompress,
  constants,
  createBrotliCompress,
  createGzip,
  gzip,
  type ZlibOptions,
} from 'node:zlib';
import type { Coding } from './negotiation.ts';

const toBrotli = promisify(brotliCompress);
const toGzip = promisify<Buffer, ZlibOptions, Buffer>(gzip);
/** Each version of a list is compressed anew. The usual 6 takes more than twice the time of 3, for 7 % fewer bytes. */
const GZIP_LEVEL = 3;
const brotliParams = { [constants.BROTLI_PARAM_QUALITY]: 4 };

/** Compresses a whole body. */
export const compress = (bytes: Buffer, coding: Coding): Promise<Buffer> =>
  coding === 'br'
    ? toBrotli(bytes, { params: { ...brotliParams, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })
    : toGzip(bytes, { level: GZIP_LEVEL });

/** A stream that compresses a body as its bytes come. */
export const compressor = (coding: Coding): Transform =>
  coding === 'br' ? createBrotliCompress({ params: brotliParams }) : createGzip({ level: GZIP_LEVEL });
