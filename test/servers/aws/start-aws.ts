import { randomBytes } from "node:crypto";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type CertificateOptions, makeCertificates } from "../certificates.ts";
import { createFaultPlan, type FaultOptions, type FaultPlan } from "../faults.ts";
import { pythonEnvironment } from "../python-environment.ts";
import { createAccess } from "./access.ts";
import { type Answer, errorAnswer, jsonAnswer, sendAnswer } from "./answer.ts";
import { motoAccount, startMoto } from "./moto.ts";
import { operations, readOperations } from "./operations.ts";
import { createReadWriteLock } from "./read-write-lock.ts";
import { createRotations, type RotationFunction } from "./rotations.ts";
import { createSecretStore, type SecretStore } from "./secret-store.ts";
import { readServiceDescription } from "./service-description.ts";
import { ServiceError } from "./service-error.ts";
import { getCallerIdentity, refuseToken } from "./token-service.ts";
import { type AwsCredentials, type SignedRequest, verifySignature } from "./verify-signature.ts";

export interface AwsOptions {
  /** Speaks HTTPS, with a certificate of this kind. Plain HTTP by default. */
  readonly tls?: CertificateOptions;
  /** The regions it answers for. By default eu-west-1 and us-east-1. */
  readonly regions?: readonly string[];
}

/** What arrived, without values. */
export interface AwsCall {
  readonly action: string;
  readonly secretId: string;
  readonly accessKeyId: string | undefined;
}

/** Secrets Manager and the caller-identity action of STS, at one address. */
export interface AwsServer {
  readonly url: string;
  /** The authority to trust, as PEM text, where it speaks HTTPS. */
  readonly ca: string | undefined;
  readonly region: string;
  readonly accountId: string;
  /** Credentials that may do everything that is not denied. */
  readonly credentials: AwsCredentials;
  /** More credentials; temporary ones where they end or `temporary` is given. */
  addCredentials(options?: { temporary?: boolean; expiresAt?: Date }): AwsCredentials;
  removeCredentials(credentials: AwsCredentials): void;
  /** Denies `action` (`*`: all) on the secret of this name (by default all). Returns what allows it again. */
  deny(action: string, secret?: string): () => void;
  /** The next requests fail with this error of the service's. `match` sees `GetSecretValue prod/openai`, as faults do. */
  fail(type: string, options?: FaultOptions & { message?: string; status?: number }): void;
  /** A rotation function under the ARN that RotateSecret takes. */
  addRotationFunction(run: RotationFunction): string;
  /** Resolves when every rotation that was started has ended. */
  rotationsSettled(): Promise<void>;
  readonly faults: FaultPlan;
  /** Every request that arrived, in order. `calls("GetSecretValue").length` counts them. */
  calls(action?: string): readonly AwsCall[];
  forgetCalls(): void;
  /** How far the service's clock is ahead of the machine's, in milliseconds. */
  setClockOffset(offsetMs: number): void;
  /** Stops everything. Rejects if the server gave an answer that AWS's own description does not allow. */
  close(): Promise<void>;
}

/** moto behind a door as strict as the service's: `test/servers/README.md` says what it corrects. */
export async function startAws(options: AwsOptions = {}): Promise<AwsServer> {
  const environment = await pythonEnvironment();
  const [description, moto] = await Promise.all([readServiceDescription(environment.packages), startMoto(environment)]);
  const regions = options.regions ?? ["eu-west-1", "us-east-1"];
  const known = new Map<string, AwsCredentials>();
  const faults = createFaultPlan();
  const access = createAccess();
  const stores = new Map<string, SecretStore>();
  const lock = createReadWriteLock();
  const pages = new Map<string, number>();
  const problems: string[] = [];
  let calls: AwsCall[] = [];
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

  const verify = (request: SignedRequest, service: string): { user: string; userId: string; region: string } | Answer => {
    const verified = verifySignature(request, { service, regions, known, now: now() });
    if (!("refusal" in verified)) {
      const { accessKeyId } = verified.credentials;
      return { user: `arn:aws:iam::${motoAccount}:user/${accessKeyId}`, userId: accessKeyId, region: verified.region };
    }
    if (service === "sts") return { ...refuseToken(verified.refusal), contentType: "text/xml" };
    return errorAnswer(400, verified.refusal.type, verified.refusal.message);
  };

  const perform = async (action: string, input: Record<string, any>, user: string, region: string): Promise<unknown> => {
    const violation = description.checkInput(action, emptyValueAside(input));
    if (violation !== undefined) throw new ServiceError(violation.type, violation.message);
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

  const answerSecretsManager = async (
    request: SignedRequest,
    action: string,
    input: Record<string, any> | undefined,
  ): Promise<Answer> => {
    if (request.method !== "POST" || request.url !== "/" || request.headers["content-type"] !== "application/x-amz-json-1.1") {
      return errorAnswer(404, "UnknownOperationException", "");
    }
    const caller = verify(request, "secretsmanager");
    if ("status" in caller) return caller;
    if (!description.operations.has(action)) return errorAnswer(400, "UnknownOperationException", "");
    if (input === undefined) return errorAnswer(400, "SerializationException", "The body is not a JSON object.");
    try {
      return jsonAnswer(200, await perform(action, input, caller.user, caller.region));
    } catch (error) {
      if (error instanceof ServiceError) return errorAnswer(error.status, error.type, error.message);
      problems.push(String(error));
      return errorAnswer(500, "InternalServiceError", String(error));
    }
  };

  const answerTokenService = (request: SignedRequest): Answer => {
    const caller = verify(request, "sts");
    if ("status" in caller) return caller;
    const answer = getCallerIdentity(new URLSearchParams(request.body.toString("utf8")), caller.user, motoAccount, caller.userId);
    return { ...answer, contentType: "text/xml" };
  };

  const listener: RequestListener = (incoming, response) =>
    void handle(incoming, response).catch((error) => problems.push(String(error)));
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    const isTokenService =
      /\/sts\/aws4_request/.test(request.headers.authorization ?? "") || request.headers["x-amz-target"] === undefined;
    const input = isTokenService ? undefined : parse(request.body);
    const action = isTokenService
      ? "GetCallerIdentity"
      : String(request.headers["x-amz-target"]).replace(/^secretsmanager\./, "");
    const secretId = String(input?.SecretId ?? input?.Name ?? input?.SecretIdList ?? "");
    calls.push({ action, secretId, accessKeyId: /Credential=(\w+)\//.exec(request.headers.authorization ?? "")?.[1] });
    const work = isTokenService ? async () => answerTokenService(request) : () => answerSecretsManager(request, action, input);
    await sendAnswer(response, faults.take(`${action} ${secretId}`.trim()), now(), work);
  };

  const certificates = options.tls === undefined ? undefined : await makeCertificates(options.tls);
  const server = certificates === undefined ? createHttpServer(listener) : createHttpsServer(certificates, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `${certificates === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    ca: certificates?.ca,
    region: String(regions[0]),
    accountId: motoAccount,
    credentials: addCredentials(),
    addCredentials,
    removeCredentials: ({ accessKeyId }) => void known.delete(accessKeyId),
    deny: access.deny,
    fail(type, { message = ownMessage(type), status = type === "InternalServiceError" ? 500 : 400, ...rest } = {}) {
      faults.next({ kind: "status", status, body: JSON.stringify({ __type: type, Message: message }) }, rest);
    },
    addRotationFunction(run) {
      const arn = `arn:aws:lambda:${regions[0]}:${motoAccount}:function:rotation-${rotations.functions.size + 1}`;
      rotations.functions.set(arn, run);
      return arn;
    },
    rotationsSettled: rotations.settled,
    faults,
    calls: (action) => (action === undefined ? [...calls] : calls.filter((call) => call.action === action)),
    forgetCalls() {
      calls = [];
    },
    setClockOffset(offsetMs) {
      clockOffsetMs = offsetMs;
    },
    async close() {
      server.closeAllConnections();
      await Promise.all([new Promise((resolve) => server.close(resolve)), moto.close()]);
      if (problems.length > 0) throw new Error(`the AWS server went wrong: ${problems.join("; ")}`);
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
function emptyValueAside({ SecretString, SecretBinary, ...rest }: Record<string, any>): Record<string, any> {
  return { ...rest, ...(SecretString !== "" && { SecretString }), ...(SecretBinary !== "" && { SecretBinary }) };
}

const ownMessage = (type: string): string =>
  type === "ThrottlingException" ? "Rate exceeded" : `The service answers with ${type}.`;

async function readRequest(incoming: IncomingMessage): Promise<SignedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body: Buffer.concat(chunks) };
}

function parse(body: Buffer): Record<string, any> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
