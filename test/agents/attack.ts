import type { Dispatcher } from "undici";
import type { Received, World } from "./world.ts";

export interface GrantLimits {
  readonly references?: readonly string[];
  readonly uses?: number;
  readonly until?: number;
  readonly approve?: () => boolean | Promise<boolean>;
}

/** A tool as a prompt injection reaches it, made of Keyhold or, as the control, of plain `fetch` and the values themselves. */
export interface Tool {
  readonly world: World;
  /** Stands for a value with every kind of character; in the control it is that value. */
  readonly key: string;
  /** Stands for a value of letters and digits. */
  readonly token: string;
  readonly fetch: (input: string | URL | Request, init?: RequestInit & { dispatcher?: Dispatcher }) => Promise<Response>;
  /** The configuration that the agent holds. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The rule's host. */
  api(path?: string): string;
  /** A tool that a file configures, with a key for its own address. */
  readonly configured: {
    readonly config: {
      readonly url: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly [key: string]: unknown;
    };
    readonly fetch: Tool["fetch"];
  };
  /** The attacker's. */
  evil(path?: string): string;
  /** The model's address, and what stands for the key that it takes; that one is no canary. */
  readonly model: { readonly url: string; readonly key: string };
  /** Asks the rule's host with the key as `Bearer`. */
  ask(path?: string, init?: RequestInit): Promise<Response>;
  /** Returns something to the model, as tools do. */
  say(something: unknown): void;
  /** Returns all of an answer to the model. */
  tell(response: Response): Promise<void>;
  /** Writes a trace. */
  trace(something: unknown): void;
  /** A tool of the same agent under a grant. The control has none. */
  grant(limits?: GrantLimits): { readonly fetch: Tool["fetch"]; readonly key: string; revoke(): void };
}

export interface Attack {
  readonly name: string;
  readonly run: (tool: Tool) => Promise<void> | void;
  /** The value must have been sent, as otherwise there was nothing to hand back. */
  readonly isSent?: true;
  /** Whether plain `fetch` falls for it depends on the system and its Node: which addresses it has, how it writes them. */
  readonly isOfSystem?: true;
  /** How many requests with the value the rule's host may get. Default: any number. */
  readonly uses?: number;
  /** Which requests with the value are not what the rules allow, although they reach the rule's host. */
  readonly isOutside?: (request: Received) => boolean;
}

export type AttackTable = readonly (readonly [name: string, run: Attack["run"], rest?: Omit<Attack, "name" | "run">])[];
