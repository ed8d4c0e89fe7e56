export { custom } from "./custom.ts";
export { type RandomOptions, random } from "./random.ts";
export type { TextPolicy } from "./random-text.ts";
