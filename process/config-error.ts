/** A bad or missing setting. The message is one sentence for the person who starts the process. */
export class ConfigError extends Error {}
