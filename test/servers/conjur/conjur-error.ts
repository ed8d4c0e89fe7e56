import { json, type ServiceAnswer } from "../https-service.ts";

/** An answer that is an error, thrown from wherever it is noticed. */
export class ConjurError extends Error {
  readonly answer: ServiceAnswer;
  constructor(answer: ServiceAnswer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}

/** A status and nothing else, as the service often has it. */
export const empty = (status: number): ConjurError => new ConjurError({ status });

export const unauthorized = (text: string): ConjurError =>
  new ConjurError({ status: 401, headers: { "content-type": "text/plain" }, body: text });

const withCode = (status: number, code: string, message: string, more: object = {}): ConjurError =>
  new ConjurError(json(status, { error: { code, message, ...more } }));

/** A parameter or a body that is missing or makes no sense. */
export const argumentError = (message: string): ConjurError => withCode(422, "argument_error", message);

export const policyInvalid = (message: string): ConjurError => withCode(422, "policy_invalid", message);

export const validationFailed = (target: string, message: string): ConjurError =>
  withCode(422, "validation_failed", `${target} ${message}`, { details: [{ code: "validation_failed", target, message }] });

export const notAcceptable = (): ConjurError =>
  withCode(
    406,
    "not_acceptable",
    "CONJ00074E Issue encoding secret into JSON format, try including 'Accept-Encoding: base64' header in request.",
  );

export const methodNotAllowed = (role: string): ConjurError =>
  withCode(405, "method_not_allowed", `CONJ00126E Role '${role}' is not applicable for key rotation`);

/** No value, no such version, no such variable or none that is visible: all alike. */
export const secretNotFound = (id: string): ConjurError =>
  withCode(404, "not_found", `CONJ00076E Variable ${id} is empty or not found.`);

export const recordNotFound = (id: string): ConjurError => {
  const [account, kind = "", name] = splitId(id);
  const message = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} '${name}' not found in account '${account}'`;
  return withCode(404, "not_found", message, { target: kind, details: { code: "not_found", target: "id", message: id } });
};

/** ACCOUNT:KIND:IDENTIFIER, whose identifier may hold colons. */
export function splitId(id: string): [string, string, string] {
  const [, account = "", kind = "", name = ""] = /^([^:]*):([^:]*):(.*)$/s.exec(id) ?? [];
  return [account, kind, name];
}
