import { json, type ServiceAnswer } from "../https-service.ts";

/** An answer that is an error, thrown from wherever it is noticed. */
export class VaultError extends Error {
  readonly answer: ServiceAnswer;
  constructor(status: number, code: string, message: string, innerCode?: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.answer = json(status, { error: { code, message, ...(innerCode && { innererror: { code: innerCode } }) } }, headers);
  }
}

export const badParameter = (message: string): VaultError => new VaultError(400, "BadParameter", message);

export const secretNotFound = (nameOrId: string): VaultError =>
  new VaultError(404, "SecretNotFound", `A secret with (name/id) ${nameOrId} was not found in this key vault.`);

export const deletedNotFound = (name: string): VaultError =>
  new VaultError(404, "SecretNotFound", `Deleted Secret not found: ${name}`);

/** The name belongs to a secret that is on its way out, out, or on its way back. */
export const conflict = (message: string, innerCode: string): VaultError => new VaultError(409, "Conflict", message, innerCode);
