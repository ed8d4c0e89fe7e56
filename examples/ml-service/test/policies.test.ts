import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";

const example = path.resolve(import.meta.dirname, "..");
const text = readFileSync(path.resolve(example, "../../docs/ml-services.md"), "utf8");

/** The blocks of one language below a heading, up to the next. */
function blocks(heading: string, language: string): string[] {
  const section = text.split(/^##+ /m).find((one) => one.startsWith(heading)) ?? "";
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] as string);
}
const json = (heading: string) => blocks(heading, "json").map((block) => JSON.parse(block));
const yaml = (heading: string) => blocks(heading, "yaml").flatMap((block) => parseAllDocuments(block).map((one) => one.toJS()));

describe("the policies in docs/ml-services.md", () => {
  it("are all looked at here", () => {
    const all = [...text.matchAll(/^```(json|hcl)$/gm)];
    const seen = ["SageMaker", "Azure ML", "Vertex AI", "Kubernetes"].flatMap((heading) => blocks(heading, "json"));
    expect(all).toHaveLength(seen.length + 1);
  });

  it("let SageMaker's role be assumed by SageMaker for one account, and read two secrets by name", () => {
    const [trust, role] = json("SageMaker");
    expect(trust.Statement).toEqual([
      {
        Effect: "Allow",
        Principal: { Service: "sagemaker.amazonaws.com" },
        Action: "sts:AssumeRole",
        Condition: { StringEquals: { "aws:SourceAccount": expect.stringMatching(/^\d{12}$/) } },
      },
    ]);
    expect([trust.Version, role.Version]).toEqual(["2012-10-17", "2012-10-17"]);
    for (const { Effect, Action, Resource } of role.Statement) {
      expect(Effect).toBe("Allow");
      expect(Action).toEqual(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]);
      for (const one of Resource) expect(one).toMatch(/^arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/]+-\?{6}$/);
    }
  });

  it("let the identity of Azure ML read secrets and do nothing else", () => {
    const [role] = json("Azure ML");
    expect(role).toMatchObject({
      IsCustom: true,
      Actions: [],
      DataActions: ["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
    });
    expect(role.AssignableScopes).toEqual([expect.stringMatching(/^\/subscriptions\/[0-9a-f-]{36}\/resourceGroups\/\w+$/)]);
    const [endpoint, deployment] = yaml("Azure ML");
    expect(endpoint.identity.type).toBe("user_assigned");
    expect(deployment.environment_variables).toHaveProperty("AZURE_CLIENT_ID");
  });

  it("let one service account of Vertex AI access one secret", () => {
    expect(json("Vertex AI")).toEqual([
      {
        bindings: [
          {
            role: "roles/secretmanager.secretAccessor",
            members: [expect.stringMatching(/^serviceAccount:[\w-]+@[\w-]+\.iam\.gserviceaccount\.com$/)],
          },
        ],
      },
    ]);
  });

  it("give a pod of Kubernetes mounts that are renewed, and no token", () => {
    const [deployment] = yaml("Kubernetes");
    const { automountServiceAccountToken, containers, volumes } = deployment.spec.template.spec;
    expect(automountServiceAccountToken).toBe(false);
    for (const { name, mountPath, readOnly, subPath } of containers[0].volumeMounts) {
      expect([mountPath, readOnly, subPath]).toEqual([`/etc/secrets/${name}`, true, undefined]);
      expect(volumes).toContainEqual({ name, secret: { secretName: name, defaultMode: 0o440 } });
    }
    expect(JSON.stringify(containers[0].env ?? [])).not.toContain("secretKeyRef");
  });

  it("are for OpenBao the one that the example runs under, and the config is the example's", () => {
    const policy = readFileSync(path.join(example, "policy.hcl"), "utf8").replaceAll("DEPLOYMENT", "production");
    expect(policy).toContain(blocks("The service", "hcl")[0]);
    const config = parse(readFileSync(path.join(example, "config.production.yaml"), "utf8"));
    expect(yaml("The service")).toEqual([config]);
  });
});
