/** From the bytes of a message to a job, validated at this boundary as strictly as HTTP is at the other. */
import { type JobType, jobSchemas, type WriteJob } from './order.ts';
import { parser, shown } from './validate.ts';

/** A message that no consumer can ever apply. The message is a sentence for the dead letter. */
class InvalidJob extends Error {}

const fail = (sentence: string) => new InvalidJob(sentence);
const parsers: Record<JobType, (value: unknown) => WriteJob> = {
  create_order: parser(jobSchemas.create_order, 'The job', fail),
  update_order_status: parser(jobSchemas.update_order_status, 'The job', fail),
  delete_order: parser(jobSchemas.delete_order, 'The job', fail),
};

const isJobType = (type: unknown): type is JobType =>
  typeof type === 'string' && Object.hasOwn(parsers, type);

const utf8 = new TextDecoder('utf-8', { fatal: true });
const parseJson = (body: Buffer): unknown => {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    throw fail('The job is not valid JSON in UTF-8.');
  }
};

/** @throws InvalidJob */
export const parseJob = (body: Buffer): WriteJob => {
  const job = parseJson(body);
  const type = typeof job === 'object' && job !== null && 'type' in job ? job.type : undefined;
  if (!isJobType(type))
    throw fail(`type must be one of ${Object.keys(parsers).join(', ')}, got ${shown(type)}.`);
  return parsers[type](job);
};
