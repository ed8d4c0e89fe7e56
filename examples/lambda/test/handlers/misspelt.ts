// A reference that only run time knows, and that names no provider of this function's.
import { withSecrets } from "@keyhold/aws/lambda";

const reference: string = process.env.REFERENCE ?? "";

export const handler = withSecrets([reference], async (_event: unknown, _context, [secret]) => secret.version);
