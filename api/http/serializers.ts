/** Serializers of answers, each made when it is first needed: to make all would be a tenth of a worker's start. */
import {
  type Options,
  type RouteDefinition,
  SerializerSelector,
} from '@fastify/fast-json-stringify-compiler';

const select = SerializerSelector();

/** For Fastify's `schemaController.compilersFactory`. The function that it returns makes the serializer of one answer. */
export const buildSerializer = (schemas: unknown, options?: Options) => {
  const compile = select(schemas, options);
  return (answer: RouteDefinition) => {
    let serialize: ReturnType<typeof compile> | undefined;
    return (value: unknown): string => {
      serialize ??= compile(answer);
      return serialize(value);
    };
  };
};
