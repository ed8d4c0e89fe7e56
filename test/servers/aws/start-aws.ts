import { randomBytes, randomUUID } from "node:crypto";
import type { Certificates } from "../certificates.ts";
import type { FaultOptions } from "../faults.ts";
import { type HttpsService, type ServiceAnswer, type ServiceRequest, startHttpsService, type Violate } from "../https-service.ts";
import { pythonEnvironment } from "../python-environment.ts";
import { createAccess } from "./access.ts";
import { errorAnswer, failureAnswer, jsonAnswer, jsonType, usualMessage } from "./error-answer.ts";
import { motoAccount, startMoto } from "./moto.ts";
import { operations, readOperations } from "./operations.ts";
import { type AwsCall, type Input, isForTokenService, readCall } from "./read-call.ts";
import { createReadWriteLock } from "./read-write-lock.ts";
import { createRotations, type RotationFunction } from "./rotations.ts";
import { createSecretStore, type SecretStore } from "./secret-store.ts";
import { readServiceDescription } from "./service-description.ts";
import { ServiceError } from "./service-error.ts";
import { getCallerIdentity, refuseToken } from "./token-service.ts";
import { type AwsCredentials, verifySignature } from "./verify-signature.ts";

export interface AwsOptions {
  /** Speaks HTTPS with these. Plain HTTP by default. */
  readonly tls?: Certificates;
  /** The regions it answers for. By default eu-west-1 and us-east-1. */
  readonly regions?: readonly string[];
}

/** Secrets Manager and the caller-identity action of STS, at one address. Faults match `GetSecretValue prod/openai`. */
export interface AwsServer extends HttpsService {
  readonly region: string;
  readonly accountId: string;
  /** Credentials that may do everything that is not denied. */
  readonly credentials: AwsCredentials;
  /** More credentials; temporary ones where they end or `temporary` is given. */
  addCredentials(options?: { temporary?: boolean; expiresAt?: Date }): AwsCredentials;
  removeCredentials(credentials: AwsCredentials): void;
  /** Denies `action` (`*`: all) on the secret of this name (by default all). Returns what allows it again. */
  deny(action: string, secret?: string): () => void;
  /** The next request, or more, fails with this error of the service's. */
  fail(type: string, options?: FaultOptions & { message?: string; status?: number }): void;
  /** A rotation function under the ARN that RotateSecret takes. */
  addRotationFunction(run: RotationFunction): string;
  /** Resolves when every rotation that was started has ended. */
  rotationsSettled(): Promise<void>;
  /** Every request that arrived, in order. `calls("GetSecretValue").length` counts them. */
  calls(action?: string): readonly AwsCall[];
  forgetCalls(): void;
  /** How far the service's clock is ahead of the machine's, in milliseconds. */
  setClockOffset(offsetMs: number): void;
}

/** moto behind a door as strict as the service's: `test/servers/README.md` says what it corrects. */
export async function startAws(options: AwsOptions = {}): Promise<AwsServer> {
  const environment = await pythonEnvironment();
  const [description, moto] = await Promise.all([readServiceDescription(environment.packages), startMoto(environment)]);
  const regions = options.regions ?? ["eu-west-1", "us-east-1"];
  const known = new Map<string, AwsCredentials>();
  const access = createAccess();
  const stores = new Map<string, SecretStore>();
  const lock = createReadWriteLock();
  const pages = new Map<string, number>();
  let clockOffsetMs = 0;
  const now = (): number => Date.now() + clockOffsetMs;
  const rotations = createRotations(now);

  const addCredentials: AwsServer["addCredentials"] = ({ temporary = false, expiresAt } = {}) => {
    const isTemporary = temporary || expiresAt !== undefined;
    const credentials: AwsCredentials = {
      accessKeyId: `${isTemporary ? "ASIA" : "AKIA"}${randomBytes(8).toString("hex").toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString("base64"),
      ...(isTemporary && { sessionToken: randomBytes(96).toString("base64") }),
      ...(expiresAt !== undefined && { expiresAt }),
    };
    known.set(credentials.accessKeyId, credentials);
    return credentials;
  };

  const verify = (request: ServiceRequest, service: string): { user: string; userId: string; region: string } | ServiceAnswer => {
    const signed = { ...request, url: `${request.path}${request.query.size > 0 ? `?${request.query}` : ""}` };
    const verified = verifySignature(signed, { service, regions, known, now: now() });
    if (!("refusal" in verified)) {
      const { accessKeyId } = verified.credentials;
      return { user: `arn:aws:iam::${motoAccount}:user/${accessKeyId}`, userId: accessKeyId, region: verified.region };
    }
    if (service === "sts") return { ...refuseToken(verified.refusal), headers: { "content-type": "text/xml" } };
    return errorAnswer(400, verified.refusal.type, verified.refusal.message);
  };

  const perform = async (action: string, input: Input, user: string, region: string): Promise<unknown> => {
    access.authorize(user, action, input.SecretId ?? input.Name ?? "*");
    const store = stores.get(region) ?? createSecretStore(moto, region, now);
    stores.set(region, store);
    const authorize = (other: string, id: string): void => access.authorize(user, other, id);
    const operation = operations[action] ?? passOn(action);
    const work = () => operation(input, { store, rotations, authorize, pages });
    const output = description.shapeOutput(action, await (readOperations.has(action) ? lock.read(work) : lock.write(work)));
    const mistake = description.checkOutput(action, output);
    if (mistake !== undefined) throw new Error(`the answer to ${action} is not as described: ${mistake.message}`);
    return output;
  };

  const answerSecretsManager = async (request: ServiceRequest, violate: Violate): Promise<ServiceAnswer> => {
    const { action, input } = readCall(request);
    if (request.method !== "POST" || request.path !== "/" || request.headers["content-type"] !== jsonType) {
      return errorAnswer(404, "UnknownOperationException", "");
    }
    const caller = verify(request, "secretsmanager");
    if ("status" in caller) return caller;
    if (!description.operations.has(action)) return errorAnswer(400, "UnknownOperationException", "");
    if (input === undefined) return errorAnswer(400, "SerializationException", "The body is not a JSON object.");
    const violation = description.checkInput(action, emptyValueAside(input));
    if (violation?.type === "UnknownMember") violate(violation.message);
    if (violation !== undefined) return errorAnswer(400, violation.type, violation.message);
    try {
      return jsonAnswer(200, await perform(action, input, caller.user, caller.region));
    } catch (error) {
      if (error instanceof ServiceError) return errorAnswer(error.status, error.type, error.message);
      throw error;
    }
  };

  const answerTokenService = (request: ServiceRequest): ServiceAnswer => {
    const caller = verify(request, "sts");
    if ("status" in caller) return caller;
    const answer = getCallerIdentity(new URLSearchParams(request.body.toString("utf8")), caller.user, motoAccount, caller.userId);
    return { ...answer, headers: { "content-type": "text/xml" } };
  };

  const service = await startHttpsService({
    tls: options.tls ?? false,
    async handle(request, violate) {
      const answer = isForTokenService(request) ? answerTokenService(request) : await answerSecretsManager(request, violate);
      const headers = { date: new Date(now()).toUTCString(), "x-amzn-requestid": randomUUID(), ...answer.headers };
      return { ...answer, headers };
    },
    failure: failureAnswer,
    label: (request) => {
      const { action, secretId } = readCall(request);
      return `${action} ${secretId}`.trim();
    },
  });

  return {
    ...service,
    region: String(regions[0]),
    accountId: motoAccount,
    credentials: addCredentials(),
    addCredentials,
    removeCredentials: ({ accessKeyId }) => void known.delete(accessKeyId),
    deny: access.deny,
    fail(type, { message = usualMessage(type), status = type === "InternalServiceError" ? 500 : 400, ...rest } = {}) {
      service.faults.next({ kind: "status", ...errorAnswer(status, type, message) }, rest);
    },
    addRotationFunction(run) {
      const arn = `arn:aws:lambda:${regions[0]}:${motoAccount}:function:rotation-${rotations.functions.size + 1}`;
      rotations.functions.set(arn, run);
      return arn;
    },
    rotationsSettled: rotations.settled,
    calls(action) {
      const all = service.requests.map(({ request }) => readCall(request)).map(({ input: _input, ...call }) => call);
      return action === undefined ? all : all.filter((call) => call.action === action);
    },
    forgetCalls() {
      service.requests.length = 0;
    },
    setClockOffset(offsetMs) {
      clockOffsetMs = offsetMs;
    },
    async close() {
      await Promise.all([service.close(), moto.close()]);
    },
  };
}

/** What needs no correction: to moto as it is, unless the secret is missing or marked for deletion. */
const passOn =
  (action: string): (typeof operations)[string] =>
  async (input, { store }) => {
    if (input.SecretId !== undefined) await store.describeLive(input.SecretId);
    return store.call(action, input);
  };

/** An empty value has an error of its own, later, which is not the one of a text that is too short. */
function emptyValueAside({ SecretString, SecretBinary, ...rest }: Input): Input {
  return { ...rest, ...(SecretString !== "" && { SecretString }), ...(SecretBinary !== "" && { SecretBinary }) };
}
