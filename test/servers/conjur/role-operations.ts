import { json, type ServiceRequest } from "../https-service.ts";
import { answerToken, type ConjurState, demandAccount, type Operation, roleOf, text, visible } from "./call.ts";
import { ConjurError, empty, methodNotAllowed } from "./conjur-error.ts";
import { roleOfLogin } from "./role-store.ts";

/** Signing in by API key, and what one can do with one's own role. */
export function createRoleOperations(state: ConjurState): Record<"login" | "authenticate" | "rotate" | "whoami", Operation> {
  const { account, store, tokens } = state;

  /** Login and API key of a Basic header, checked. */
  const basic = (request: ServiceRequest): string => {
    const sent = /^Basic (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const [, login = "", key = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(sent ?? "", "base64").toString()) ?? [];
    const role = roleOfLogin(account, login);
    if (key === "" || store.apiKey(role) !== key) throw empty(401);
    return role;
  };

  const rotate: Operation = ({ request, parts: [sentAccount] }) => {
    demandAccount(state, sentAccount);
    const asked = request.query.get("role");
    const isBasic = /^Basic /.test(request.headers.authorization ?? "");
    const role = isBasic ? basic(request) : roleOf(state, request);
    const target = asked === null ? role : asked.split(":").length === 2 ? `${account}:${asked}` : asked;
    // One's own key by one's own key alone, another's by a token alone.
    if (isBasic && target !== role) throw empty(401);
    if (!isBasic && target === role) {
      throw new ConjurError(json(401, { error: { code: "unauthorized", message: "Credential strength is insufficient" } }));
    }
    if (target !== role) {
      const resource = visible(state, role, target);
      if (resource === undefined) {
        const message = `CONJ00123E Resource '${target}' requested by role '${role}' not found`;
        throw new ConjurError(json(404, { error: { code: "not_found", message } }));
      }
      if (!store.isAllowed(role, "update", resource)) throw empty(403);
    }
    const key = store.rotateApiKey(target);
    if (key === undefined) throw methodNotAllowed(target);
    return text(200, key);
  };

  const whoami: Operation = ({ request }) => {
    const { login, issuedAtMs } = tokens.verify(request.headers.authorization);
    return json(200, {
      client_ip: "127.0.0.1",
      ...(request.headers["user-agent"] && { user_agent: request.headers["user-agent"] }),
      account,
      username: login,
      token_issued_at: new Date(issuedAtMs).toISOString().replace("Z", "+00:00"),
    });
  };

  const authenticate: Operation = ({ request, parts: [sentAccount, login = ""] }) => {
    demandAccount(state, sentAccount);
    const key = store.apiKey(roleOfLogin(account, login));
    if (key === undefined || request.body.toString() !== key) throw empty(401);
    return answerToken(state, request, login);
  };

  const login: Operation = ({ request, parts: [sentAccount] }) => {
    demandAccount(state, sentAccount);
    return text(200, store.apiKey(basic(request)) ?? "");
  };

  return { login, authenticate, rotate, whoami };
}
