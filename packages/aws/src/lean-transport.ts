import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";
import { type HttpClient, type HttpResponse, httpClient, retryAfterMs } from "@keyhold/http";
import { type AwsCredentials, awsRegion, signAwsRequest } from "@keyhold/identity";
import { awsError, clockErrors } from "./aws-error.ts";
import type { AwsOptions } from "./aws-options.ts";
import { errorName, fromJson, jsonType, toJson } from "./json-protocol.ts";
import { secretsManagerAddress } from "./service-address.ts";
import { signingCredentials } from "./signing-credentials.ts";
import type { Operation, Transport } from "./transport.ts";

/** Where requests go, and the region that they are signed for. */
interface Door {
  readonly http: HttpClient;
  readonly host: string;
  readonly path: string;
  readonly region: string;
}

/** Twenty values of 65,536 bytes, each byte escaped in JSON: the largest answer that AWS can give. */
const responseLimitBytes = 8 * 1024 * 1024;

/** How far AWS lets a clock be off without a word is more than this. */
const noticeableSkewMs = 4 * 60_000;

function open(options: AwsOptions, region: string): Door {
  const address = options.endpoint ?? secretsManagerAddress(region);
  const http = httpClient({ baseUrl: address, tls: options.tls ?? {}, responseLimitBytes });
  const { host, pathname } = new URL(address);
  return { http, host, path: `${pathname.replace(/\/+$/, "")}/`, region };
}

/** Reading twice, and writing twice under one token, comes to the same. */
const isRepeatable = (operation: Operation, input: Readonly<Record<string, unknown>>): boolean =>
  /^(?:BatchGet|Describe|Get|List)/.test(operation) || "ClientRequestToken" in input;

/** AWS JSON 1.1 over HTTPS, signed here: no SDK, and no retry but one with another time or other credentials. */
export function leanTransport(options: AwsOptions): Transport {
  const signing = signingCredentials(options);
  // Known at once in most cases, and then a wrong address is an error at once.
  let door = options.region !== undefined && options.endpoint !== undefined ? open(options, options.region) : undefined;
  let closed = false;
  /** How far AWS's clock is ahead of ours, once it has told. */
  let skewMs = 0;

  const ready = async (context: CallContext): Promise<Door> => {
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "aws" });
    throwIfEnded(context);
    if (door !== undefined) return door;
    const { profile } = options;
    const region = options.region ?? (await awsRegion(profile === undefined ? {} : { profile }));
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "aws" });
    door ??= open(options, region);
    return door;
  };

  const send = async (
    { http, host, path, region }: Door,
    { operation, body, repeatable }: { readonly operation: Operation; readonly body: string; readonly repeatable: boolean },
    credentials: AwsCredentials,
    context: CallContext,
  ): Promise<HttpResponse> => {
    const headers = { "content-type": jsonType, "x-amz-target": `secretsmanager.${operation}` };
    const signed = signAwsRequest(
      { method: "POST", host, path, headers, body },
      { credentials, region, service: "secretsmanager", signedAt: context.clock.now() + skewMs },
    );
    return http.request({ method: "POST", path: "/", headers: signed, body, repeatable }, context);
  };

  /** Whether AWS refused the time of a signature, made with `usedSkewMs`. Then the next one has the right time. */
  const learnsTime = (name: string, response: HttpResponse, usedSkewMs: number, { clock }: CallContext): boolean => {
    if (!clockErrors.has(name)) return false;
    const aheadMs = Date.parse(response.header("date") ?? "") - clock.now();
    if (!(Math.abs(aheadMs - usedSkewMs) > noticeableSkewMs)) return false;
    skewMs = aheadMs;
    return true;
  };

  return {
    async call<Output>(operation: Operation, input: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output> {
      const to = await ready(context);
      const request = { operation, body: toJson(input), repeatable: isRepeatable(operation, input) };
      const credentials = await signing.get(context);
      const usedSkewMs = skewMs;
      let response = await send(to, request, credentials, context);
      if (response.status >= 300) {
        const name = errorName(response);
        const isLate = learnsTime(name, response, usedSkewMs, context);
        const next = isLate ? credentials : await signing.afterRefusal(name, credentials, context);
        if (next !== undefined) response = await send(to, request, next, context);
      }
      const { status } = response;
      if (status >= 300) {
        const waitMs = retryAfterMs(response.header("retry-after"), context.clock);
        throw awsError({ name: errorName(response), status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
      }
      return (response.bytes().byteLength === 0 ? {} : fromJson(response.json())) as Output;
    },
    async signer(context) {
      const { region } = await ready(context);
      return { credentials: await signing.get(context), region };
    },
    close() {
      closed = true;
      signing.close();
      door?.http.close();
    },
  };
}
