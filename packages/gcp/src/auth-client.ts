import type { GoogleCredentialsLike } from "./gcp-options.ts";

interface AuthClient {
  getRequestHeaders(url: string): Promise<Headers>;
}

/** The credentials in the shape in which the SDK wants an auth client: headers as `Headers`. */
export function authClient(credentials: GoogleCredentialsLike): AuthClient {
  return {
    async getRequestHeaders(url) {
      const headers = await credentials.getRequestHeaders(url);
      return new Headers(Symbol.iterator in headers ? [...headers].map(([name, value]) => [name, value]) : { ...headers });
    },
  };
}
