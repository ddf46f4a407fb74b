/**
 * The stack in KiB that a process needs to take deliveries, of the 8 MiB that a main thread has. amqplib calls itself
 * for each level of a header, and 128 KiB of headers can have 26,000 levels. With V8's default of 984 KiB such a message
 * would end the connection each time that it is delivered.
 */
const STACK_SIZE = 6_000;

/** Node's arguments for a process that takes deliveries. */
export const deliveryArguments = [`--stack-size=${STACK_SIZE}`];
