// Takes its time to initialise, as a function that loads a model does: whatever was begun before goes on meanwhile.
import { handler as inner } from "./versions.ts";

export const handler = async (event: unknown, context: any): Promise<unknown> => inner(event, context);
export const ready: Promise<void> = new Promise((resolve) => setTimeout(resolve, Number(process.env.START_MS)));
