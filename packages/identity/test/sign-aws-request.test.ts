import { createHash, createHmac } from "node:crypto";
import { isSecretsError } from "@keyhold/core";
import { type AwsRequest, type AwsSigningOptions, presignAwsRequest, signAwsRequest } from "@keyhold/identity";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { naiveSignature } from "./naive-signer.ts";

const runs = Number(process.env.KEYHOLD_RUNS ?? 500);

/** The hash that AWS's signer asks for. */
class Sha256 {
  readonly #secret: string | ArrayBuffer | ArrayBufferView | undefined;
  readonly #chunks: Uint8Array[] = [];
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret;
  }
  update(chunk: Uint8Array | string): void {
    this.#chunks.push(Buffer.from(chunk as string));
  }
  async digest(): Promise<Uint8Array> {
    const hash = this.#secret === undefined ? createHash("sha256") : createHmac("sha256", Buffer.from(this.#secret as string));
    return hash.update(Buffer.concat(this.#chunks)).digest();
  }
  reset(): void {
    this.#chunks.length = 0;
  }
}

const text = fc.string({ unit: fc.constantFrom(..."aZ09-._~ !'()*&=+%/?#:@$,;\\\"\u0000\nü€😀"), minLength: 1, maxLength: 12 });
const segment = fc.oneof({ weight: 5, arbitrary: text.map(encodeURIComponent) }, fc.constantFrom("", ".", "..", "a%2Fb", "(x)"));
const query = fc.dictionary(text, fc.array(text, { minLength: 1, maxLength: 3 }), { maxKeys: 4, noNullPrototype: true });
const headerValue = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const headers = fc.dictionary(fc.stringMatching(/^x-k-[a-z0-9-]{1,8}$/), headerValue, { maxKeys: 4, noNullPrototype: true });

interface Example {
  readonly segments: readonly string[];
  readonly query: Readonly<Record<string, readonly string[]>>;
  readonly request: AwsRequest;
  readonly options: AwsSigningOptions;
}

const example: fc.Arbitrary<Example> = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT", "DELETE"),
    // AWS's own signers differ about a path that ends in a dot segment, so none here does.
    segments: fc.array(segment, { minLength: 1, maxLength: 5 }).filter((made) => !/^\.{1,2}$/.test(made.at(-1) as string)),
    query,
    headers,
    body: fc.oneof(text, fc.uint8Array({ maxLength: 50 })),
    token: fc.option(fc.base64String({ minLength: 8 }), { nil: undefined }),
    signedAt: fc.date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true }),
    region: fc.constantFrom("us-east-1", "eu-west-1"),
    port: fc.constantFrom("", ":4566"),
  })
  .map(({ segments, query: pairs, token, region, port, signedAt, ...request }) => {
    const search = Object.entries(pairs).flatMap(([name, values]) =>
      values.map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
    );
    return {
      segments,
      query: pairs,
      request: {
        ...request,
        host: `secretsmanager.${region}.amazonaws.com${port}`,
        path: `/${segments.join("/")}${search.length === 0 ? "" : `?${search.join("&")}`}`,
      },
      options: {
        credentials: {
          accessKeyId: "AKIDEXAMPLE",
          secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
          ...(token === undefined ? {} : { sessionToken: token }),
        },
        region,
        service: "secretsmanager",
        signedAt: signedAt.getTime(),
      },
    };
  });

/** AWS's own signer for the same options, and the request as it takes it. */
function oracle({ segments, query: pairs, request, options }: Example) {
  const { credentials, region, service } = options;
  const [hostname = "", port] = request.host.split(":");
  const signer = new SignatureV4({ credentials, region, service, sha256: Sha256, applyChecksum: false });
  const theirs = {
    method: request.method as string,
    protocol: "https:",
    hostname,
    ...(port === undefined ? {} : { port: Number(port) }),
    path: `/${segments.join("/")}`,
    query: Object.fromEntries(Object.entries(pairs).map(([name, values]) => [name, [...values]])),
    headers: { ...(request.headers as Record<string, string>), host: request.host },
    body: request.body,
  };
  return { signer, theirs, signingDate: new Date(options.signedAt) };
}

describe("a signed request", () => {
  it("is signed as AWS's own signer signs it; a signer made from the first example, the control, is not", async () => {
    let [total, naiveFailures] = [0, 0];
    await fc.assert(
      fc.asyncProperty(example, async (made) => {
        const { signer, theirs, signingDate } = oracle(made);
        const signed = await signer.sign(theirs, { signingDate });
        const mine = signAwsRequest(made.request, made.options);
        expect(mine.authorization).toBe(signed.headers.authorization);
        expect(mine["x-amz-security-token"]).toBe(signed.headers["x-amz-security-token"]);
        total += 1;
        if (!mine.authorization?.endsWith(naiveSignature(made.request, made.options))) naiveFailures += 1;
      }),
      { numRuns: runs },
    );
    console.log(`${total} random requests: signed as AWS's signer signs them; a naive signer differs in ${naiveFailures}`);
    expect(naiveFailures).toBeGreaterThan(0);
  });

  it("is presigned as AWS's own signer presigns it", async () => {
    await fc.assert(
      fc.asyncProperty(example, fc.integer({ min: 1, max: 604_800 }), async (made, expiresInSeconds) => {
        const { signer, theirs, signingDate } = oracle(made);
        const signed = await signer.presign(theirs, { signingDate, expiresIn: expiresInSeconds });
        const url = presignAwsRequest(made.request, { ...made.options, expiresInSeconds });
        const mine = (url.split("?")[1] as string).split("&").map((pair) => pair.split("=").map(decodeURIComponent).join("="));
        const wanted = Object.entries(signed.query ?? {}).flatMap(([name, values]) =>
          [values].flat().map((value) => `${name}=${value}`),
        );
        expect(mine.sort()).toEqual(wanted.sort());
      }),
      { numRuns: runs },
    );
  });

  it("has the signatures that AWS's documentation works out", () => {
    // https://docs.aws.amazon.com/general/latest/gr/sigv4-signed-request-examples.html
    const iam = signAwsRequest(
      {
        host: "iam.amazonaws.com",
        path: "/?Action=ListUsers&Version=2010-05-08",
        headers: { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8" },
      },
      {
        credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
        region: "us-east-1",
        service: "iam",
        signedAt: Date.UTC(2015, 7, 30, 12, 36),
      },
    );
    expect(iam).toEqual({
      host: "iam.amazonaws.com",
      "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      "x-amz-date": "20150830T123600Z",
      authorization:
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, " +
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    });
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    const s3 = signAwsRequest(
      {
        host: "examplebucket.s3.amazonaws.com",
        path: "/test.txt",
        headers: {
          Range: "bytes=0-9",
          "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        },
      },
      {
        credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" },
        region: "us-east-1",
        service: "s3",
        signedAt: Date.UTC(2013, 4, 24),
        normalizePath: false,
        encodePathTwice: false,
      },
    );
    expect(s3.authorization).toContain("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  });

  it("leaves headers unsigned that change on the way, and keeps them", () => {
    const headers = signAwsRequest(
      {
        host: "sts.amazonaws.com",
        path: "/",
        headers: { "User-Agent": "a", "X-Amzn-Trace-Id": "b", Accept: "c", empty: undefined },
      },
      { credentials: { accessKeyId: "a", secretAccessKey: "b" }, region: "us-east-1", service: "sts", signedAt: 0 },
    );
    expect(headers.authorization).toContain("SignedHeaders=accept;host;x-amz-date,");
    expect(headers).toMatchObject({ "user-agent": "a", "x-amzn-trace-id": "b", accept: "c" });
  });

  it("needs keys, an encoded path and a time, and repeats none of them", () => {
    const good: AwsSigningOptions = {
      credentials: { accessKeyId: "canary", secretAccessKey: "canary" },
      region: "us-east-1",
      service: "sts",
      signedAt: 0,
    };
    const attempts: Readonly<Record<string, () => unknown>> = {
      unauthenticated: () =>
        signAwsRequest({ host: "h", path: "/" }, { ...good, credentials: { accessKeyId: "canary", secretAccessKey: "" } }),
      "invalid-argument": () => signAwsRequest({ host: "h", path: "/?a=%canary" }, good),
      "invalid-argument ": () => signAwsRequest({ host: "h", path: "/" }, { ...good, signedAt: Number.NaN }),
    };
    for (const [code, attempt] of Object.entries(attempts)) {
      try {
        attempt();
        expect.unreachable();
      } catch (error) {
        expect(isSecretsError(error) && error.code).toBe(code.trim());
        expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain("canary");
      }
    }
  });
});
