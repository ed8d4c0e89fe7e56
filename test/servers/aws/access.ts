import { ServiceError } from "./service-error.ts";

/** What callers may not do, as a policy without an allow for it. */
export interface Access {
  /** From now on `action` (`*` for every one) on the secret of this name (`*` for every one) is denied. Returns what ends it. */
  deny(action: string, secret?: string): () => void;
  /** Fails with AccessDeniedException where it is denied. */
  authorize(user: string, action: string, secretId: string): void;
}

export function createAccess(): Access {
  const denials = new Set<{ readonly action: string; readonly secret: string }>();
  return {
    deny(action, secret = "*") {
      const denial = { action, secret };
      denials.add(denial);
      return () => void denials.delete(denial);
    },
    authorize(user, action, secretId) {
      const names = secretNames(secretId);
      for (const denial of denials) {
        if (denial.action !== "*" && denial.action !== action) continue;
        if (denial.secret !== "*" && !names.includes(denial.secret)) continue;
        const permission = `secretsmanager:${action}`;
        throw new ServiceError(
          "AccessDeniedException",
          `User: ${user} is not authorized to perform: ${permission} on resource: ${secretId} because no identity-based policy allows the ${permission} action`,
        );
      }
    },
  };
}

/** The names that an id can mean: an ARN ends with the name, and mostly with a hyphen and six characters more. */
function secretNames(id: string): string[] {
  const tail = /^arn:[^:]+:secretsmanager:[^:]*:[^:]*:secret:(.+)$/.exec(id)?.[1];
  return tail === undefined ? [id] : [tail, tail.replace(/-[A-Za-z0-9]{6}$/, "")];
}
