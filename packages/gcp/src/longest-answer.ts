/** No answer comes near it: a value has 64 KiB, and a page of secrets a hundred times 16 KiB of annotations. */
export const longestAnswerBytes: number = 4 * 1024 * 1024;
