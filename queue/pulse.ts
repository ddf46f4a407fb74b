/**
 * Notices within seconds that the other side of a connection says nothing any more: a node that is frozen or cut off.
 * Heartbeats tell it too, but after two or three of their intervals, and RabbitMQ advises against intervals of less than
 * 5 s (https://www.rabbitmq.com/docs/heartbeats#false-positives). So whoever hears nothing for a second asks something
 * that a node answers by itself. One that reads nothing, as it is short of memory or disk, cannot be asked; it goes on
 * with its heartbeats.
 */
import { Socket } from 'node:net';
import type { ChannelModel } from 'amqplib';
import { answerOf } from './errors.ts';

const LOOK_MS = 1_000;
/**
 * How many looks in a row find nothing new before the other side counts as silent: for three to four seconds. A pause of
 * this process counts as one look, however long it is.
 */
const SILENT_LOOKS = 4;

/** The socket of a connection. Undefined if amqplib keeps it elsewhere by now; a test says so. */
export const socketOf = ({ connection }: ChannelModel): Socket | undefined =>
  'stream' in connection && connection.stream instanceof Socket ? connection.stream : undefined;

/**
 * Ends a connection whose other side says nothing. It then closes with an error that says so.
 * @param isBlocked whether the other side has said that it reads nothing
 * @throws PublishError if there is no channel for the questions
 */
export const watchPulse = async (model: ChannelModel, isBlocked: () => boolean): Promise<void> => {
  const socket = socketOf(model);
  const channel = await answerOf(model.createChannel());
  // The connection tells that it is lost.
  channel.on('error', () => {});
  let heard = 0;
  let looks = 0;
  const look = () => {
    const bytes = socket?.bytesRead ?? 0;
    if (bytes !== heard || isBlocked()) {
      heard = bytes;
      looks = 0;
      return;
    }
    looks++;
    // The limit of a channel that nobody consumes on.
    if (looks === 1) channel.prefetch(1).catch(() => {});
    if (looks === SILENT_LOOKS)
      socket?.destroy(new Error(`RabbitMQ has said nothing for ${SILENT_LOOKS} s.`));
  };
  const timer = setInterval(look, LOOK_MS).unref();
  model.on('close', () => clearInterval(timer));
};
