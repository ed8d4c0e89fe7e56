import type { DescribedOperation, Description } from "./description.ts";
import type { Vendor } from "./vendor-data.ts";

/** Where a vendor's description is not what the service does. */
export interface Correction {
  readonly what: string;
  /** What shows it. */
  readonly evidence: string;
  correct(description: Description): void;
}

const operation = (description: Description, name: string): DescribedOperation => {
  const found = description.operations.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`the description has no operation ${name}`);
  return found;
};

const allowQuery = (entry: DescribedOperation, ...names: string[]): void => {
  for (const name of names) entry.parameters.push({ name, in: "query", required: false, schema: {} });
};

const azure: readonly Correction[] = [
  {
    what: "A secret may be read and changed without a version: /secrets/N and /secrets/N/.",
    evidence:
      "@azure/keyvault-secrets sends GET and PATCH /secrets/N/?api-version=…; the service's recordings show them answered.",
    correct(description) {
      for (const name of ["GetSecret", "UpdateSecret"]) {
        const described = operation(description, name);
        for (const template of ["/secrets/{secret-name}", "/secrets/{secret-name}/"]) {
          description.operations.push({
            ...described,
            template,
            parameters: described.parameters.filter((parameter) => parameter.name !== "secret-version"),
          });
        }
      }
    },
  },
  {
    what: "nextLink is null on the last page.",
    evidence: 'Recorded list answers end in "nextLink":null.',
    correct({ schemas }) {
      for (const name of ["SecretListResult", "DeletedSecretListResult"]) {
        (schemas[name] as any).properties.nextLink = { type: ["string", "null"] };
      }
    },
  },
  {
    what: "A next page is asked for with $skiptoken.",
    evidence: "Recorded nextLink values: https://VAULT:443/secrets?api-version=…&$skiptoken=….",
    correct(description) {
      for (const name of ["GetSecrets", "GetSecretVersions", "GetDeletedSecrets"])
        allowQuery(operation(description, name), "$skiptoken");
    },
  },
  {
    what: "The first request carries neither token nor body; the challenge comes before any check of a body.",
    evidence: "The client's challenge policy withholds the body; recordings show a PUT without one answered by 401.",
    correct(description) {
      for (const entry of description.operations) if (entry.body) entry.body.required = false;
    },
  },
];

const google: readonly Correction[] = [
  {
    what: "Enumerations are numbers when enum-encoding=int is asked for, with $alt=json;enum-encoding=int.",
    evidence: "@google-cloud/secret-manager with `fallback` always asks so.",
    correct({ operations, schemas }) {
      const state = (schemas.SecretVersion as any).properties;
      state.state = { anyOf: [state.state, { type: "integer", minimum: 0, maximum: 3 }] };
      for (const entry of operations) allowQuery(entry, "$alt");
    },
  },
  {
    what: "parent may repeat in the body of addVersion.",
    evidence: "The request message has the field, and the service's own mapping to REST takes the whole message as the body.",
    correct({ schemas }) {
      (schemas.AddSecretVersionRequest as any).properties.parent = { type: "string" };
    },
  },
  {
    what: "An update mask may name its fields as the protocol buffers do: version_aliases.",
    evidence: "@google-cloud/secret-manager with `fallback` sends them so.",
    correct({ operations }) {
      for (const entry of operations) {
        for (const parameter of entry.parameters)
          if (parameter.name === "updateMask") parameter.schema = { pattern: "^[A-Za-z_,.]+$" };
      }
    },
  },
  {
    what: "Errors have a form too: code, message, status and details.",
    evidence: "Error answers of every Google API (AIP-193); the description has only the answer 200.",
    correct({ operations }) {
      const error = {
        type: "object",
        required: ["error"],
        additionalProperties: false,
        properties: {
          error: {
            type: "object",
            required: ["code", "message", "status"],
            additionalProperties: false,
            properties: {
              code: { type: "integer" },
              message: { type: "string" },
              status: { type: "string", pattern: "^[A-Z_]+$" },
              details: { type: "array", items: { type: "object", required: ["@type"] } },
            },
          },
        },
      };
      for (const entry of operations) entry.answers.default = { contents: { "application/json": error } };
    },
  },
];

const conjurIdentifier = { type: "string", minLength: 1 };

const conjur: readonly Correction[] = [
  {
    what: "Any Accept-Encoding is legal; only base64 means something.",
    evidence: "The service's source compares the header with base64 and ignores the rest.",
    correct({ operations }) {
      for (const entry of operations) entry.parameters = entry.parameters.filter(({ name }) => name !== "Accept-Encoding");
    },
  },
  {
    what: "A secret is sent as application/octet-stream, or as its conjur/mime_type annotation says.",
    evidence: "secrets_controller.rb: the annotation, or application/octet-stream.",
    correct(description) {
      operation(description, "getSecret").answers["200"] = {};
    },
  },
  {
    what: "authenticate answers application/json, or text with Content-Encoding: base64.",
    evidence: "authenticate_controller.rb: the token is rendered as JSON unless base64 is accepted.",
    correct({ operations }) {
      const token = {
        type: "object",
        required: ["protected", "payload", "signature"],
        additionalProperties: false,
        properties: { protected: { type: "string" }, payload: { type: "string" }, signature: { type: "string" } },
      };
      for (const entry of operations) {
        if (entry.template.endsWith("/authenticate")) {
          entry.answers["200"] = { contents: { "application/json": token, "text/plain": { type: "string" } } };
        }
      }
    },
  },
  {
    what: "POST of a secret may be 404.",
    evidence: "secrets_controller.rb: a variable that is missing or not visible is not found.",
    correct(description) {
      operation(description, "createSecret").answers["404"] = {};
    },
  },
  {
    what: "Any authentication may be 403, 404 and 503; a rotation 403, 404 and 405.",
    evidence: "authenticate_controller.rb and credentials_controller.rb raise them.",
    correct(description) {
      for (const entry of description.operations) {
        if (entry.template.endsWith("/authenticate")) Object.assign(entry.answers, { "403": {}, "404": {}, "503": {} });
      }
      Object.assign(operation(description, "rotateApiKey").answers, { "403": {}, "404": {}, "405": {} });
    },
  },
  {
    what: "Identifiers may hold spaces, colons and slashes; kinds include webservice.",
    evidence: "config/routes.rb: *identifier, kind with webservice; the policy parser takes any text as an id.",
    correct({ operations, schemas }) {
      schemas.ResourceID = conjurIdentifier;
      schemas.RoleType = conjurIdentifier;
      (schemas.Kind as any).enum.push("webservice");
      for (const entry of operations) {
        for (const parameter of entry.parameters) if (parameter.name === "service_id") parameter.schema = conjurIdentifier;
      }
    },
  },
  {
    what: "A version of a secret has expires_at null.",
    evidence: "resource_show.feature of the service's own tests.",
    correct({ schemas }) {
      const { properties } = schemas.Resource as any;
      properties.secrets.items.properties.expires_at = { type: ["string", "null"] };
    },
  },
  {
    what: "A listing with count=true is an object with the number.",
    evidence: "resources_controller.rb: { count: … }.",
    correct(description) {
      const count = {
        type: "object",
        required: ["count"],
        additionalProperties: false,
        properties: { count: { type: "integer" } },
      };
      for (const entry of description.operations.filter(({ name }) => name.startsWith("showResourcesFor"))) {
        const contents = entry.answers["200"]?.contents ?? {};
        contents["application/json"] = { anyOf: [contents["application/json"], count] };
      }
    },
  },
];

export const corrections: Record<Vendor, readonly Correction[]> = { azure, google, conjur };
