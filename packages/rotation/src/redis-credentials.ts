import type { Secret } from "@keyhold/core";
import { databaseLogin } from "./database-login.ts";
import { plainPassword } from "./plain-password.ts";
import type { FollowedSecret } from "./rotating-pool.ts";

/** What node-redis signs in with. */
export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

/** A `StreamingCredentialsProvider` of node-redis, version 5 and later. */
export interface RedisCredentials {
  readonly type: "streaming-credentials-provider";
  subscribe(listener: { onNext(login: RedisLogin): void }): Promise<[RedisLogin, { dispose(): void }]>;
  onReAuthenticationError(error: Error): void;
}

export interface RedisCredentialsOptions {
  readonly handle: FollowedSecret;
  /** How a secret of another shape is read. */
  readonly login?: (secret: Secret) => RedisLogin;
  /** Told when an open connection could not sign in again. It goes on as who it was; a new connection signs in with the newest login. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The login of a client, pool or cluster of node-redis: each new connection signs in with the newest, and an open one signs in again
 * as soon as it changes. The secret is a document with `username` and `password`, a URL, or the password of the user `default`.
 *
 * A Redis user may have several passwords, so that a rotation has no gap: `ACL SETUSER app >NEW` before the new one is current, and
 * `ACL SETUSER app <OLD` after (https://redis.io/docs/latest/commands/acl-setuser/).
 *
 * @example
 * const client = createClient({ url: "rediss://cache:6379", credentialsProvider: redisCredentials({ handle }) });
 */
export function redisCredentials({ handle, login = redisLogin, onError }: RedisCredentialsOptions): RedisCredentials {
  return {
    type: "streaming-credentials-provider",
    async subscribe({ onNext }) {
      const tell = (secret: Secret) => {
        try {
          onNext(login(secret));
        } catch (error) {
          onError?.(error);
        }
      };
      const end = handle.onChange(tell);
      try {
        return [login(handle.current), { dispose: end }];
      } catch (error) {
        end();
        throw error;
      }
    },
    onReAuthenticationError: (error) => onError?.(error),
  };
}

function redisLogin(secret: Secret): RedisLogin {
  const alone = plainPassword(secret);
  if (alone !== undefined) return { password: alone };
  const { user: username, password } = databaseLogin(secret);
  return { username, password };
}
