import { json, type ServiceAnswer, type ServiceRequest } from "../https-service.ts";
import type { WallClock } from "../oidc/token-authority.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { Authenticators } from "./authenticators.ts";
import { empty } from "./conjur-error.ts";
import { type Resource, type RoleStore, roleOfLogin } from "./role-store.ts";
import type { SecretStore } from "./secret-store.ts";

/** What one server holds. */
export interface ConjurState {
  readonly account: string;
  readonly clock: WallClock;
  readonly store: RoleStore;
  readonly secrets: SecretStore;
  readonly tokens: AccessTokens;
  readonly authenticators: Authenticators;
}

export interface Call {
  readonly request: ServiceRequest;
  /** The parts of the path that the route leaves open, decoded. */
  readonly parts: readonly string[];
}

export type Operation = (call: Call) => ServiceAnswer | Promise<ServiceAnswer>;

export const text = (status: number, body: string): ServiceAnswer => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body,
});

/** The role behind the access token of a request. */
export function roleOf({ account, store, tokens }: ConjurState, request: ServiceRequest): string {
  const role = roleOfLogin(account, tokens.verify(request.headers.authorization).login);
  if (!store.hasRole(role)) throw empty(403);
  return role;
}

/** A resource, if there is one and the role may know of it. */
export function visible({ store }: ConjurState, role: string, id: string): Resource | undefined {
  const resource = store.resources.get(id);
  return resource && store.isVisible(role, resource) ? resource : undefined;
}

/** An account that is not here has nobody who could sign in. */
export function demandAccount({ account }: ConjurState, asked: string | undefined): void {
  if (asked !== account) throw empty(401);
}

/** A new access token, as JSON or as base64 text. */
export function answerToken({ tokens }: ConjurState, request: ServiceRequest, login: string): ServiceAnswer {
  const issued = tokens.issue(login);
  const encodings = String(request.headers["accept-encoding"] ?? "")
    .toLowerCase()
    .split(/\s*,\s*/);
  if (!encodings.includes("base64")) return json(200, issued);
  const answer = text(200, Buffer.from(JSON.stringify(issued)).toString("base64"));
  return { ...answer, headers: { ...answer.headers, "content-encoding": "base64" } };
}
