import { createHash, createHmac } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTokenAuthority, type TokenAuthority } from "../oidc/token-authority.ts";
import { send } from "../send.ts";
import { type ConjurServer, startConjur } from "./start-conjur.ts";

let server: ConjurServer;
let authority: TokenAuthority;
const now = Date.now();
const iam = {
  accessKeyId: "AKIATESTTESTTEST",
  secretAccessKey: "secret access key",
  sessionToken: "session",
  account: "123456789012",
  role: "ml",
};

beforeAll(async () => {
  const clock = { now: () => now };
  authority = await createTokenAuthority(clock);
  server = await startConjur({ clock, authority, iam: [iam] });
  const service = (id: string, variables: string[], hosts: string) => `
- !policy
  id: conjur/${id}
  body:
    - !webservice
    - !group apps
    - !permit { role: !group apps, privilege: [read, authenticate], resource: !webservice }
${variables.map((name) => `    - !variable ${name}`).join("\n")}
- !policy
  id: ${id.replace("/", "-")}
  body:
${hosts}`;
  server.seedPolicy(
    [
      service(
        "authn-jwt/ci",
        ["issuer", "audience", "token-app-property", "identity-path"],
        "    - !host { id: build, annotations: { authn-jwt/ci/project: models } }\n    - !host { id: bare }",
      ),
      service("authn-jwt/url", ["issuer"], "    - !host { id: build, annotations: { authn-jwt/url/project: models } }"),
      service("authn-iam/prod", [], "    - !host 123456789012/ml\n    - !host 123456789012/other"),
      service(
        "authn-azure/prod",
        ["provider-uri"],
        "    - !host { id: vm, annotations: { authn-azure/subscription-id: sub-1, authn-azure/resource-group: group-1, authn-azure/user-assigned-identity: id-1 } }",
      ),
      service(
        "authn-gcp",
        [],
        "    - !host { id: vm, annotations: { authn-gcp/service-account-email: ml@p.iam.gserviceaccount.com } }",
      ),
      "- !host outside",
      ...[
        "authn-jwt/ci: authn-jwt-ci/build",
        "authn-jwt/ci: authn-jwt-ci/bare",
        "authn-jwt/url: authn-jwt-url/build",
        "authn-iam/prod: authn-iam-prod/123456789012/ml",
        "authn-iam/prod: authn-iam-prod/123456789012/other",
        "authn-azure/prod: authn-azure-prod/vm",
        "authn-gcp: authn-gcp/vm",
      ].map((pair) => {
        const [group, host] = pair.split(": ");
        return `- !grant { role: !group conjur/${group}/apps, member: !host ${host} }`;
      }),
    ].join("\n"),
  );
  server.seed("conjur/authn-jwt/ci/issuer", "https://ci.example");
  server.seed("conjur/authn-jwt/ci/audience", "conjur");
  server.seed("conjur/authn-jwt/ci/token-app-property", "app");
  server.seed("conjur/authn-jwt/ci/identity-path", "authn-jwt-ci");
  server.seed("conjur/authn-jwt/url/issuer", "https://ci.example");
  server.seed("conjur/authn-azure/prod/provider-uri", "https://sts.windows.net/tenant/");
});
afterAll(() => server.close());
afterEach(() => {
  expect(server.violations).toEqual([]);
});

async function signIn(path: string, body: string, type = "application/x-www-form-urlencoded"): Promise<[number, string]> {
  const answer = await send(server, "POST", path, { body, headers: { "content-type": type } });
  if (answer.status !== 200) return [answer.status, answer.text];
  const authorization = `Token token="${answer.body.toString("base64")}"`;
  return [200, (await send(server, "GET", "/whoami", { headers: { authorization } })).json().username];
}
const form = (jwt: string) => new URLSearchParams({ jwt }).toString();

describe("authn-jwt", () => {
  const claims = { iss: "https://ci.example", aud: "conjur", app: "build", project: "models" };
  const path = "/authn-jwt/ci/test/authenticate";

  it("signs in the host that the token names, under the configured path", async () => {
    expect(await signIn(path, form(await authority.mint(claims)))).toEqual([200, "host/authn-jwt-ci/build"]);
  });

  it("signs in the host that the path names, where no property is configured", async () => {
    const { app, ...rest } = claims;
    const byUrl = `/authn-jwt/url/test/${encodeURIComponent("host/authn-jwt-url/build")}/authenticate`;
    expect(await signIn(byUrl, form(await authority.mint(rest)))).toEqual([200, "host/authn-jwt-url/build"]);
    expect((await signIn("/authn-jwt/url/test/authenticate", form(await authority.mint(rest))))[0]).toBe(401);
  });

  it("refuses a wrong signature, issuer, audience, annotation and unannotated host with an empty 401", async () => {
    const wrong = [
      await authority.forge(claims),
      await authority.mint({ ...claims, iss: "https://other.example" }),
      await authority.mint({ ...claims, aud: "other" }),
      await authority.mint({ ...claims, project: "others" }),
      await authority.mint({ ...claims, app: "bare" }),
      await authority.mint({ ...claims, app: "missing" }),
      "not a token",
    ];
    for (const jwt of wrong) expect(await signIn(path, form(jwt))).toEqual([401, ""]);
  });

  it("says that a token has expired, and answers 400 for none", async () => {
    const seconds = Math.floor(now / 1000);
    const [status, text] = await signIn(path, form(await authority.mint({ ...claims, exp: seconds - 1 })));
    expect([status, JSON.parse(text).error.code]).toEqual([401, "unauthorized"]);
    expect((await signIn(path, "other=1"))[0]).toBe(400);
    server.violations.length = 0; // The description refuses that form too.
  });

  it("answers 403 for a host that may not use it", async () => {
    const jwt = await authority.mint({ iss: "https://ci.example", project: "models" });
    expect((await signIn(`/authn-jwt/url/test/${encodeURIComponent("host/outside")}/authenticate`, form(jwt)))[0]).toBe(403);
  });
});

describe("authn-iam", () => {
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

  function signedHeaders(secret = iam.secretAccessKey, atMs = now): Record<string, string> {
    const stamp = new Date(atMs).toISOString().replace(/[-:]|\.\d+/g, "");
    const [day, region] = [stamp.slice(0, 8), "eu-west-1"];
    const headers = { host: `sts.${region}.amazonaws.com`, "x-amz-date": stamp, "x-amz-security-token": iam.sessionToken };
    const names = Object.keys(headers).join(";");
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
    const canonical = ["GET", "/", "Action=GetCallerIdentity&Version=2011-06-15", lines.join(""), names, sha256("")].join("\n");
    const scope = `${day}/${region}/sts/aws4_request`;
    const key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), "sts"), "aws4_request");
    const signature = hmac(key, ["AWS4-HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n")).toString("hex");
    const authorization = `AWS4-HMAC-SHA256 Credential=${iam.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { ...headers, authorization };
  }
  const path = (role: string) =>
    `/authn-iam/prod/test/${encodeURIComponent(`host/authn-iam-prod/123456789012/${role}`)}/authenticate`;
  const attempt = (headers: object, role = "ml") => signIn(path(role), JSON.stringify(headers), "text/plain");

  it("signs in the host whose last two segments are the caller's account and role", async () => {
    expect(await attempt(signedHeaders())).toEqual([200, "host/authn-iam-prod/123456789012/ml"]);
  });

  it("refuses another's role, a wrong key, an old signature, a changed host and further headers", async () => {
    expect((await attempt(signedHeaders(), "other"))[0]).toBe(401);
    expect((await attempt(signedHeaders("wrong")))[0]).toBe(401);
    expect((await attempt(signedHeaders(iam.secretAccessKey, now - 16 * 60_000)))[0]).toBe(401);
    expect((await attempt({ ...signedHeaders(), host: "sts.evil.example" }))[0]).toBe(401);
    expect((await attempt({ ...signedHeaders(), cookie: "x" }))[0]).toBe(401);
  });
});

describe("authn-azure", () => {
  const path = `/authn-azure/prod/test/${encodeURIComponent("host/authn-azure-prod/vm")}/authenticate`;
  const claims = {
    iss: "https://sts.windows.net/tenant/",
    oid: "object",
    xms_mirid: "/subscriptions/sub-1/resourcegroups/group-1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-1",
  };

  it("signs in by the managed identity that the annotations name, and by no other", async () => {
    expect(await signIn(path, form(await authority.mint(claims)))).toEqual([200, "host/authn-azure-prod/vm"]);
    const other = { ...claims, xms_mirid: claims.xms_mirid.replace("group-1", "group-2") };
    expect((await signIn(path, form(await authority.mint(other))))[0]).toBe(401);
    expect((await signIn(path, form(await authority.forge(claims))))[0]).toBe(401);
  });
});

describe("authn-gcp", () => {
  const path = "/authn-gcp/test/authenticate";
  const claims = {
    iss: "https://accounts.google.com",
    aud: "conjur/test/host/authn-gcp/vm",
    sub: "1",
    email: "ml@p.iam.gserviceaccount.com",
  };

  it("signs in the host that the audience names, by its service account, and nobody else", async () => {
    expect(await signIn(path, form(await authority.mint(claims)))).toEqual([200, "host/authn-gcp/vm"]);
    for (const wrong of [{ email: "other@p" }, { aud: "conjur/other/host/authn-gcp/vm" }, { aud: "host/authn-gcp/vm" }]) {
      expect((await signIn(path, form(await authority.mint({ ...claims, ...wrong }))))[0]).toBe(401);
    }
  });
});
