/** Takes what a loop found, so that the engine cannot leave the loop out. */
export const sink: { value: unknown } = { value: undefined };
