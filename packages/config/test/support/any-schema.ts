import type { StandardSchema } from "@keyhold/core";

/** Takes everything as it is. */
export const anySchema: StandardSchema<unknown, any> = {
  "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) },
};
