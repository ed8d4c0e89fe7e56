/** What goes wrong with one request. `docs` of each kind: `test/servers/README.md`. */
export type Fault =
  /** Answered at once, without asking the service. Without a body, the service's own words for that status. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Read, then never answered. The service does not see it. */
  | { readonly kind: "hang" }
  /** The service does its work; the connection is reset in the middle of its answer. */
  | { readonly kind: "reset" }
  /** 200 and a web page, as a captive portal sends it. */
  | { readonly kind: "html" }
  /** The service does its work; half of its JSON arrives, with a length that fits. */
  | { readonly kind: "invalid-json" }
  /** The service's answer with a checksum that does not fit its payload. Google only. */
  | { readonly kind: "wrong-crc" }
  | { readonly kind: "redirect"; readonly location: string }
  /** 200 with 10 MB of JSON. */
  | { readonly kind: "large" }
  /** The service's own answer, after a while. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** The service's own answer, once what is waited for has happened. */
  | { readonly kind: "held"; readonly until: Promise<unknown> };

export interface FaultOptions {
  /** How many requests it hits. By default one. */
  readonly times?: number;
  /** Which requests, as `METHOD path` or, over gRPC, `AccessSecretVersion name`. By default any. */
  readonly match?: RegExp;
}

/** The faults that wait for requests, oldest first. */
export interface FaultPlan {
  next(fault: Fault, options?: FaultOptions): void;
  /** The fault for this request, which uses it up once. For servers. */
  take(request: string): Fault | undefined;
  /** Requests that planned faults still wait for. 0 at the end of a test that meant all of them. */
  readonly pending: number;
  clear(): void;
}

export function createFaultPlan(): FaultPlan {
  let planned: { readonly fault: Fault; readonly match: RegExp | undefined; left: number }[] = [];
  return {
    next(fault, options = {}) {
      planned.push({ fault, match: options.match, left: options.times ?? 1 });
    },
    take(request) {
      const entry = planned.find(({ match }) => match === undefined || match.test(request));
      if (entry === undefined) return undefined;
      entry.left -= 1;
      planned = planned.filter(({ left }) => left > 0);
      return entry.fault;
    },
    get pending() {
      return planned.reduce((sum, { left }) => sum + left, 0);
    },
    clear() {
      planned = [];
    },
  };
}

/** How large `large` is. */
export const largeBytes = 10 * 1024 * 1024;
