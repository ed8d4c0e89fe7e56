import type { CallContext, CheckReport } from "@keyhold/core";
import type { Transport } from "./transport.ts";

interface Review {
  readonly status?: { readonly userInfo?: { readonly username?: string } };
}

interface Rule {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface RulesReview {
  readonly status?: { readonly resourceRules?: readonly Rule[]; readonly incomplete?: boolean };
}

const holds = (list: readonly string[] | undefined, wanted: string) =>
  list?.some((one) => one === wanted || one === "*") === true;

/** What the rules allow on secrets, each name with its verbs. */
function permissionsOf(rules: readonly Rule[], namespace: string): NonNullable<CheckReport["permissions"]> {
  const found = new Map<string, Set<string>>();
  for (const { verbs = [], apiGroups, resources, resourceNames = [] } of rules) {
    if (!holds(apiGroups, "") || !holds(resources, "secrets")) continue;
    for (const name of resourceNames.length === 0 ? ["*"] : resourceNames) {
      const path = `${namespace}/${name}`;
      found.set(path, new Set([...(found.get(path) ?? []), ...verbs]));
    }
  }
  return [...found].map(([path, verbs]) => ({ path, actions: [...verbs].sort() }));
}

/**
 * Asks the API server who we are and what we may do in the default namespace, which needs no permission of one's own.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/
 * https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/
 */
export async function check(transport: Transport, context: CallContext): Promise<CheckReport> {
  const namespace = await transport.namespace(context);
  const review = { verb: "create", repeatable: true } as const;
  const who = await transport.call<Review>(
    {
      ...review,
      path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      // Before Kubernetes 1.28 there is none.
      answers: [404],
    },
    context,
  );
  const rules = await transport.call<RulesReview>(
    {
      ...review,
      path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
      body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } },
    },
    context,
  );
  const principal = who.status === 404 ? undefined : who.body.status?.userInfo?.username;
  const { resourceRules = [], incomplete } = rules.body.status ?? {};
  const notes = [
    ...(principal === undefined ? ["the API server is too old to say who we are"] : []),
    ...(incomplete ? ["the list of permissions may not be complete: an authorizer beside RBAC decides too"] : []),
  ];
  return {
    ...(principal === undefined ? {} : { principal }),
    ...(rules.serverTimeAt === undefined ? {} : { serverTimeAt: rules.serverTimeAt }),
    ...(rules.certificateExpiresAt === undefined ? {} : { certificateExpiresAt: rules.certificateExpiresAt }),
    permissions: permissionsOf(resourceRules, namespace),
    ...(notes.length === 0 ? {} : { notes }),
  };
}
